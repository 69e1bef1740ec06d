#!/usr/bin/env bash
# Half a minute of 500 streams in which nothing may grow, and whether the
# comparison with other tools still works; judges no speed.
set -euo pipefail
cd "$(dirname "$0")/.."
go run ./bench -soak 30s
bench/peers/run -smoke

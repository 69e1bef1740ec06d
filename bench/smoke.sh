#!/usr/bin/env bash
# A short look at whether the generator holds 500 streams at all, and whether the
# comparison with other tools still works; judges no speed.
set -euo pipefail
cd "$(dirname "$0")/.."
go run ./bench -smoke
bench/peers/run -smoke

#!/usr/bin/env bash
# A short look at whether the generator holds 500 streams at all; judges nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
go run ./bench -smoke

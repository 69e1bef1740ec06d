#!/usr/bin/env bash
# Ten minutes of 500 streams: memory, goroutines and descriptors stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."
go run ./bench -soak 10m

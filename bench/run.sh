#!/usr/bin/env bash
# The benchmarks: the generator against the simulator, and the record's own speed.
set -euo pipefail
cd "$(dirname "$0")/.."
go run ./bench
go run ./bench/simulator
go test -run '^$' -bench . -benchmem ./internal/client ./internal/run ./internal/store ./internal/metrics ./internal/cost ./internal/limit ./sim

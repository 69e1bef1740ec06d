#!/usr/bin/env bash
# How often the answers are right, on simulated runs whose truth is known: all
# of it, in virtual time, a few minutes. go test repeats a part of it.
set -euo pipefail
cd "$(dirname "$0")/.."
go test -count=1 -v -run '^TestAccuracy' ./internal/compare -full | grep -E ' % of [0-9]|^(ok|FAIL)|--- FAIL'

#!/usr/bin/env bash
# How often the answers are right, on simulated runs whose truth is known, as one
# table: all of it, in virtual time; go test repeats a part. Ends with 1 where a
# goal is missed.
#
#   bash bench/accuracy.sh [PACKAGE...]          by default every one with such tests
#   TESTS='^TestAccuracyDiagnosis$' bash bench/accuracy.sh ./internal/cli
#
# A row is a line "accuracy | what | goal | reached | of | ok or MISSED" in the
# log of a test TestAccuracy…, in a package that has the flag -full; lines
# "detail | …" are shown below the table.
set -uo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- $(grep -rl --include='*_test.go' 'flag.Bool("full"' internal | xargs -n1 dirname | sort -u | sed 's|^|./|')
log=$(mktemp)
trap 'rm -f "$log"' EXIT
go test -count=1 -timeout 60m -v -run "${TESTS:-^TestAccuracy}" "$@" -full >"$log" 2>&1
failed=$?
{ echo 'what | goal | reached | of |'; sed -n 's/^.*: accuracy | //p' "$log"; } | if command -v column >/dev/null; then column -t -s '|'; else cat; fi
echo
sed -n 's/^.*: detail | //p' "$log"
if [ $failed -ne 0 ]; then
  grep -E '^(FAIL|panic)|--- FAIL|want' "$log"
fi
exit $failed

#!/usr/bin/env bash
# Runs the import for a stack. Ends with 0 when all is done; with 75 («try again later», EX_TEMPFAIL) when the deadline
# came before the end, and another run goes on; else with Pulumi's own code.
set -uo pipefail
cd "$(dirname "$0")"
output=$(mktemp)
trap 'rm -f "$output"' EXIT

pulumi up --stack "$1" --yes --skip-preview --non-interactive 2>&1 | tee "$output"
code=$?
if [ "$code" -ne 0 ] && grep -q "The deadline is near" "$output"; then
  exit 75
fi
exit "$code"

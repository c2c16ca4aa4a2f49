#!/usr/bin/env bash
# Runs every fuzz target of the module in turn, FUZZTIME (10s) each, and stops at the
# first that fails. A target is found by its name: func FuzzXxx in a test file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

budget=${FUZZTIME:-10s}
files='{{range .TestGoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}'
tests=$(go list -f "$files" ./... | sed '/^$/d')
targets=$(xargs grep -HoE '^func Fuzz[A-Za-z0-9_]*' <<<"$tests" | sed 's/:func /:/' || true)
if [ -z "$targets" ]; then
	echo "fuzz: no fuzz target in this module"
	exit 0
fi
count=0
while IFS=: read -r file name; do
	printf '== %s, %s (%s)\n' "$name" "$budget" "${file#"$PWD"/}"
	go test -run '^$' -fuzz "^$name\$" -fuzzminimizetime 1s -fuzztime "$budget" "$(dirname "$file")" </dev/null
	count=$((count + 1))
done <<<"$targets"
printf '== %d targets held, %s each\n' "$count" "$budget"

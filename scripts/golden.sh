#!/usr/bin/env bash
# Writes golden files anew and shows what moved. Two kinds of test keep them:
#
#   cockroachdb/datadriven   scripts of a protocol, rewritten by its own flag -rewrite
#   the rest                 traces and command output, rewritten if SAROS_GOLDEN=write
#
# A refactoring moves nothing. Where a golden trace does move, the commit says
# "trace change" and why.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

driven='{{if eq . "github.com/cockroachdb/datadriven"}}{{$.ImportPath}}{{"\n"}}{{end}}'
packages=$(go list -f "{{range .TestImports}}$driven{{end}}{{range .XTestImports}}$driven{{end}}" ./... | LC_ALL=C sort -u)
if [ -n "$packages" ]; then
	# shellcheck disable=SC2086 # one word a package
	go test $packages -count 1 -rewrite
fi

files='{{range .TestGoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}'
tests=$(go list -f "$files" ./... | sed '/^$/d')
packages=$(xargs grep -lF SAROS_GOLDEN <<<"$tests" | sed 's|/[^/]*$||' | LC_ALL=C sort -u || true)
if [ -n "$packages" ]; then
	# shellcheck disable=SC2086
	SAROS_GOLDEN=write go test $packages -count 1
fi
git --no-pager diff --stat -- '*testdata*'
git ls-files --others --exclude-standard -- '*testdata*' # files that are new

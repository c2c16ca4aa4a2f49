#!/usr/bin/env bash
# One seed, one run: on every machine, for every number of workers, with and without
# the race detector. Builds the command several ways, lets each print the trace
# hashes of the same seeds, and compares them byte for byte with the first.
#
#   SEEDS=200                     seeds of kv for each build
#   SEEDS_KV5=40                  seeds of kv5
#   SAROS_DETERMINISM_SKIP="..."  builds to leave out: amd64-race 386 arm64 wasm
#   SAROS_DETERMINISM_CMD=dir     another command to judge, with the same flags
#
# Exit codes: 0 all equal · 1 two builds disagree · 2 something could not be judged
# (a tool is missing, a build failed, a run ended with an error).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
command=${SAROS_DETERMINISM_CMD:-$root/cmd/saros}
seeds=${SEEDS:-200}
seeds_kv5=${SEEDS_KV5:-40}
read -r -a skip <<<"${SAROS_DETERMINISM_SKIP:-}"
builds=(amd64 amd64-race 386 arm64 wasm)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

stop() { # something that keeps the script from judging
	printf 'determinism: %s\n' "$*" >&2
	exit 2
}

skipped() {
	local name
	for name in "${skip[@]}"; do
		[ "$name" = "$1" ] && return 0
	done
	return 1
}

# need BUILD TOOL PACKAGE: the tool must be there, or the build be left out by name.
need() {
	command -v "$2" >/dev/null ||
		stop "$1 needs $2: apt-get install -y $3 (or leave it out: SAROS_DETERMINISM_SKIP=$1)"
}

seconds() { # between two readings of EPOCHREALTIME, in microseconds: 1.2
	local tenths=$((($2 - $1) / 100000))
	printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

now() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }

check_settings() {
	local name n
	for name in "${skip[@]}"; do
		case $name in
		amd64-race | 386 | arm64 | wasm) ;;
		*) stop "SAROS_DETERMINISM_SKIP names \"$name\"; it may name amd64-race 386 arm64 wasm" ;;
		esac
	done
	for n in "$seeds" "$seeds_kv5"; do
		[[ $n =~ ^[1-9][0-9]*$ ]] || stop "\"$n\" is no number of seeds"
	done
	case $(uname -sm) in
	"Linux x86_64") ;;
	*) stop "the first build runs on linux/amd64, this is $(uname -sm)" ;;
	esac
	command -v go >/dev/null || stop "no go in PATH"
	skipped amd64-race || need amd64-race gcc gcc
	skipped arm64 || need arm64 qemu-aarch64 qemu-user
	skipped wasm || need wasm node nodejs
}

# build NAME: the command as one of the builds, at $work/NAME.
build() {
	local env=(GOOS=linux GOARCH=amd64 CGO_ENABLED=0) flags=()
	case $1 in
	amd64) ;;
	amd64-race) env=(GOOS=linux GOARCH=amd64 CGO_ENABLED=1) flags=(-race) ;;
	386) env=(GOOS=linux GOARCH=386 CGO_ENABLED=0) ;;
	arm64) env=(GOOS=linux GOARCH=arm64 CGO_ENABLED=0) ;;
	wasm) env=(GOOS=js GOARCH=wasm CGO_ENABLED=0) ;;
	esac
	env "${env[@]}" go build -C "$command" -buildvcs=false "${flags[@]}" -o "$work/$1" . ||
		stop "the build $1 of $command failed"
}

# hunt BUILD GOMAXPROCS WORKERS SCENARIO SEEDS OUT: one hunt; stdout goes to OUT, the
# exit code to OUT.code. The environment is bare: wasm has room for little, and a run
# must not look at it anyway.
hunt() {
	local runner=() code=0 own="$work/run"
	case $1 in
	arm64) runner=(qemu-aarch64) ;;
	wasm) runner=("$(go env GOROOT)/lib/wasm/go_js_wasm_exec") ;;
	esac
	rm -rf "$own" && mkdir "$own"
	(cd "$own" && env -i PATH="$PATH" HOME="$own" GOMAXPROCS="$2" "${runner[@]}" "$work/$1" \
		hunt "$4" --seeds "$5" --hashes --workers "$3" >"$6" 2>"$6.err") || code=$?
	case $code in
	0 | 1 | 5) echo $code >"$6.code" ;; # a verdict
	*)
		tail -n 20 "$6.err" >&2
		stop "$1: hunt $4 --seeds $5 --hashes --workers $3 ended with exit code $code"
		;;
	esac
}

# sound SCENARIO SEEDS OUT: the first output must be worth comparing with.
sound() {
	local lines distinct
	lines=$(grep -cE "^$1@0x[0-9a-f]+ [0-9a-f]{16}\$" "$3" || true)
	[ "$lines" -eq "$2" ] ||
		stop "amd64: hunt $1 printed $lines lines \"$1@0x… <16 hex digits>\" for $2 seeds"
	distinct=$(cut -d ' ' -f 2 "$3" | sort -u | wc -l)
	[ $((2 * distinct)) -ge "$2" ] ||
		stop "amd64: hunt $1 has only $distinct hashes for $2 seeds: the hash does not see the run"
}

# compare NAME SCENARIO OUT: say where OUT first differs from the first output.
disagreements=0
compare() {
	local first="$work/first.$2"
	if cmp -s "$first" "$3" && cmp -s "$first.code" "$3.code"; then
		return 0
	fi
	disagreements=$((disagreements + 1))
	verdict="DIFFERS"
	{
		printf '\n%s: %s differs from amd64, GOMAXPROCS=1, 1 worker\n' "$1" "$2"
		if cmp -s "$first" "$3"; then
			printf '  exit code: amd64 %s, here %s\n' "$(cat "$first.code")" "$(cat "$3.code")"
		else
			awk -v a="$first" -v b="$3" 'BEGIN {
				for (n = 1; ; n++) {
					x = (getline s < a) > 0 ? s : "(no more lines)"
					y = (getline t < b) > 0 ? t : "(no more lines)"
					if (x != y) { printf "  line %d\n    amd64  %s\n    here   %s\n", n, x, y; exit }
					if (x == "(no more lines)") { print "  same lines; the ends of the files differ"; exit }
				}
			}'
		fi
	} >>"$work/report"
}

# judge BUILD GOMAXPROCS WORKERS: both scenarios, compared, with a line of the table.
judge() {
	local name="$1, GOMAXPROCS=$2, $3 workers" begin kv kv5
	[ "$3" -eq 1 ] && name="$1, GOMAXPROCS=$2, 1 worker"
	verdict="equal"
	begin=$(now)
	hunt "$1" "$2" "$3" kv "$seeds" "$work/out.kv"
	kv=$(now)
	hunt "$1" "$2" "$3" kv5 "$seeds_kv5" "$work/out.kv5"
	kv5=$(now)
	if [ ! -e "$work/first.kv" ]; then
		verdict="the first"
		for scenario in kv kv5; do
			mv "$work/out.$scenario" "$work/first.$scenario"
			mv "$work/out.$scenario.code" "$work/first.$scenario.code"
		done
		sound kv "$seeds" "$work/first.kv"
		sound kv5 "$seeds_kv5" "$work/first.kv5"
	else
		compare "$name" kv "$work/out.kv"
		compare "$name" kv5 "$work/out.kv5"
	fi
	printf '%-34s %8s %8s %8s  %s\n' "$name" "$built" "$(seconds "$begin" "$kv")" "$(seconds "$kv" "$kv5")" "$verdict"
	built="-"
}

check_settings
printf 'hunt kv, %d seeds; hunt kv5, %d seeds; times in seconds\n' "$seeds" "$seeds_kv5"
printf '%-34s %8s %8s %8s  %s\n' run build kv kv5 hashes
for name in "${builds[@]}"; do
	if skipped "$name"; then
		printf '%-34s %8s %8s %8s  %s\n' "$name" - - - "skipped: SAROS_DETERMINISM_SKIP"
		continue
	fi
	begin=$(now)
	build "$name"
	built=$(seconds "$begin" "$(now)")
	judge "$name" 1 1
	if [ "$name" = amd64 ]; then
		judge amd64 1 2
		judge amd64 2 2
	fi
	rm -f "${work:?}/$name"
done

for scenario in kv kv5; do
	case $(cat "$work/first.$scenario.code") in
	1) echo "note: hunt $scenario found a violation (exit code 1); the hashes are compared all the same" ;;
	5) echo "note: hunt $scenario was inconclusive (exit code 5); the hashes are compared all the same" ;;
	esac
done
if [ "$disagreements" -gt 0 ]; then
	cat "$work/report"
	printf '\ndeterminism: %d disagreements\n' "$disagreements"
	exit 1
fi
echo "determinism: all runs are equal"

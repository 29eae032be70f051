#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The simulator finds what is broken on purpose, each as the invariant that it breaks,
# and tells how to repeat it.
set -u
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh

sim=${BUILD:-build}/host/sim
out=$(mktemp "${TMPDIR:-/tmp}/fother-sim-test.XXXXXX")
trap 'rm -f "$out"' EXIT

run() { # ARGUMENTS...: its output in $out; prints its exit status
	"$sim" "$@" >"$out" 2>&1
	echo $?
}

# finds WORDS BREAK: within some seeds
finds() {
	is "$(run --n=150 --break="$2" --no-shrink)" 1 "$2: a run fails"
	ok "$2: as what it is" grep -qE "^sim: seed .*$1" "$out"
}

finds 'invariant 1: .* in flight, allowed are' budget
finds 'invariant 2: .* the journal holds' early-send
finds 'invariant 3: .* (not in the journal any more|replay gives|events, [0-9]+ were durable)' no-sync
finds 'invariant 3: .* replay gives' record
finds 'invariant 3: .* replay gives' unwritten
finds 'invariant 4: .* after the recall was journalled' recall
finds 'invariant 4: .* is blocked' block
finds 'invariant [56]: ' deaf
finds 'invariant 6: 7200 s after the last fault' asleep
finds 'invariant 7: .* nobody confirmed' no-timer
finds 'invariant 7: .* that was confirmed' forgets
finds 'invariant 8: an agent begins with epoch' epoch
finds 'invariant 8: .* obeys an agent of epoch' obeys
finds 'invariant 9: .* after people were told of a pause' pause
finds 'invariant 9: .* the history has it' answer
finds 'invariant 4: .*(after people were told|what was recalled)' allowed
finds 'invariant 9: .* told that it is forgotten' forget
finds 'invariant 6: .* leaves it so' stray
finds 'invariant 1: .* inconclusive, [0-9]+ tried; its VMs are' excuse
finds 'invariant 6: .* came back late' in-way
finds 'two runs of one seed differ' chance

# A finding is made small, and the line that it prints repeats it.
is "$(run --seed=1 --n=20 --break=block)" 1 'block: a run fails, and is made small'
why=$(sed -n 's/^sim: with [0-9]* of them: //p' "$out")
like "$why" '*invariant 4*' 'block: its smallest run still fails so'
read -r seed vms faults < <(sed -n 's/^sim: to repeat: make sim SEED=\([^ ]*\) VMS=\([^ ]*\) FAULTS=\([^ ]*\).*/\1 \2 \3/p' "$out")
count=$(tr ',' '\n' <<<"$faults" | wc -l)
ok "block: few faults are left ($faults)" test "$count" -le 4
run --seed="$seed" --vms="$vms" --faults="$faults" --break=block --no-shrink >/dev/null
is "$(sed -n 's/^sim: seed [^:]*: //p' "$out")" "$why" 'block: its line repeats it'
is "$(run --seed="$seed" --vms="$vms" --faults="$faults")" 0 'and unbroken the same run holds'

# One seed is one run, also in another process.
run --seed=7 --n=3 >/dev/null
trace=$(grep -o 'trace [0-9a-f]*' "$out")
run --seed=7 --n=3 >/dev/null
like "$trace" 'trace ?*' 'a trace is told'
is "$(grep -o 'trace [0-9a-f]*' "$out")" "$trace" 'another process has the same trace'

is "$(run --seed=x)" 2 'a seed that is none'
is "$(run --vms=0)" 2 'no VMs'
is "$(run --faults=3-x)" 2 'faults that are none'
is "$(run --break=everything)" 2 'nothing of that name to break'
done_testing

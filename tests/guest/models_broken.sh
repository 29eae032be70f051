#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The test of models.sh: each of its witnesses finds the fault in an engine that
# is broken on purpose (guest-kmod/compat/breakage.h).
# debug: no: it tells of the witnesses, and needs builds that only 6.1 gets
# vm: --smp 2 --timeout 400
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"
# shellcheck source=tests/lib/witness.sh
. "${TAP_LIB%/*}/witness.sh"

ROUNDS_MAX=40
COMMON='confirm-within=none deadline=none stop-max=1s freeze-budget=2s freeze-attempts=50'

# finds MODEL POLICY WITNESS: it counts within so many rounds.
finds() {
	ok "$broken, $1: policy" policy "fth_test_gen_p1 $2 nudge-after=20ms nudge-every=20ms $COMMON"
	visitors 6 mixed 2000 /tmp/visitors
	visiting=$background
	echo 0 >/dev/fth_gen
	turns=0
	while [ $turns -lt $ROUNDS_MAX ] && up && down && ! seen "$3"; do
		turns=$((turns + 1))
	done
	ok "$broken, $1: the witness '$3' finds it" seen "$3"
	diag "$broken, $1, $turns rounds: $(counts visits nested syscall down order overlap held)"
	finish $visiting 143 "$broken, $1: no visitor's call failed"
}

traced_at_first=$(cat $TRACED)
for broken in stack-check stop; do
	FOTHER_KO=/lib/modules/$(uname -r)/broken-$broken/fother.ko
	need "$FOTHER_KO"
	fother_in
	witness_in 1
	finds default 'leave=patched-set switch=thread' nested
	finds in-thread 'leave=kernel switch=thread' syscall
	finds in-time 'leave=patched-set switch=kernel' overlap
	# All users are parked for this one: only a kernel thread can be caught.
	finds both 'leave=kernel switch=kernel' nested
	witness_out
	fother_out
done
is "$(cat $TRACED)" "$traced_at_first" "ftrace is as it was at first"
done_testing

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What each model of consistency promises, witnessed by tasks that visit the
# patched set while patches come and go (DESIGN section 3).
# vm: --smp 2 --timeout 400
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"
# shellcheck source=tests/lib/witness.sh
. "${TAP_LIB%/*}/witness.sh"

ROUNDS=8
COMMON='confirm-within=none deadline=none stop-max=1s freeze-budget=2s freeze-attempts=50'

# never NAME...: none of these was counted since begin_counting.
never() {
	for name; do
		is "$(count "$name")" 0 "$model: never $name"
	done
}

begin_counting() {
	echo 0 >/dev/fth_gen
}

# load MODEL POLICY: transitions under it while tasks visit.
load() {
	model=$1
	write -fth_test_gen_p1 $S/policy 2>/dev/null # none of another model's may stay
	ok "$model: policy" policy "fth_test_gen_p1 $2 nudge-after=20ms nudge-every=20ms $COMMON"
	visitors 6 mixed 2000 /tmp/visitors
	visiting=$background
	begin_counting
	rounds $ROUNDS
	is "$rounds_done" $ROUNDS "$model: patch and back, $ROUNDS times"
	ok "$model: tasks saw the target" seen targets
	ok "$model: and the other before" seen others
	finish $visiting 143 "$model: no visitor's call failed"
	diag "$model: $(counts visits targets others nested syscall down order overlap held)"
}

# stuck MODEL POLICY: somebody stays inside and can't be moved; to and fro meanwhile.
stuck() {
	model=$1
	ok "$model: policy" policy "fth_test_gen_p1 $2 nudge-after=manual $COMMON freeze-use=$3"
	visitors 2 blocked 0 /tmp/blocked
	blocking=$background
	eventually 20 "$model: they are inside" has_inside 2
	visitors 4 mixed 1000 /tmp/visitors
	visiting=$background
	begin_counting
	next_epoch
	ok "$model: a patch loads" insmod $MOD/fth_test_gen_p1.ko
	eventually 20 "$model: it waits for them" holds $P1/pending 'fth_gen: srcu_notifier_call_chain'
}

unstuck() {
	ok "$model: turned round" turn 0
	[ "$1" -eq 0 ] || never down nested
	eventually 30 "$model: nobody stands in the way of that" gone fth_test_gen_p1
	ok "$model: it can be unloaded" rmmod fth_test_gen_p1
	release_visitors $blocking 0 "$model: the blocked ones go on"
	like "$(tail -n 1 /tmp/blocked)" 'signalled 0' "$model: no signal ended their stay"
	finish $visiting 143 "$model: no visitor's call failed"
}

need $MOD/fth_test_gen.ko $MOD/fth_test_gen_p1.ko $MOD/fth_test_log.ko
fother_in
witness_in 1

load default 'leave=patched-set switch=thread'
never nested down
ok "default: tasks disagreed meanwhile" seen order
stuck default 'leave=patched-set switch=thread' if-needed
eventually 20 "default: others have switched already" is_reached
never nested down
unstuck 1

load in-thread 'leave=kernel switch=thread'
never nested syscall down
ok "in-thread: tasks disagreed meanwhile" seen order
stuck in-thread 'leave=kernel switch=thread' if-needed
eventually 20 "in-thread: others have switched already" is_reached
never nested syscall down
unstuck 1

load in-time 'leave=patched-set switch=kernel'
never nested down order overlap
stuck in-time 'leave=patched-set switch=kernel' never
nok "in-time: nobody switches while somebody is inside" is_reached
unstuck 0
never nested down order overlap

load both 'leave=kernel switch=kernel'
never nested syscall down order overlap held
stuck both 'leave=kernel switch=kernel' if-needed
nok "both: nobody switches while somebody is inside" is_reached
unstuck 0
never nested syscall down order overlap held

# No check at all: it is in force at once, whoever is inside.
model=none
ok "none: policy" policy "fth_test_gen_p1 flags=none confirm-within=none"
visitors 10 held 0 /tmp/held
held=$background
eventually 20 "none: ten tasks are inside" has_inside 10
ok "none: the patch loads" insmod $MOD/fth_test_gen_p1.ko
eventually 20 "none: it is in force" has $P1/state soaking
ok "none: they are inside still" has_inside 10
is "$(cat $P1/pending)" '' "none: nobody is waited for"
release_visitors $held 0 "none: they come out"
like "$(tail -n 1 /tmp/held)" 'signalled 0' "none: nobody was nudged"
ok "none: and saw both generations" seen nested
visitors 10 held 0 /tmp/held
held=$background
eventually 20 "none: ten tasks are inside the patch" has_inside 10
ok "none: it is reverted" write 0 $P1/enabled
eventually 20 "none: that is over at once" has $P1/transition 0
ok "none: they are inside still" has_inside 10
nok "none: so its module can't go" rmmod fth_test_gen_p1
release_visitors $held 0 "none: they come out"
eventually 20 "none: the patch goes" gone fth_test_gen_p1
ok "none: and its module" rmmod fth_test_gen_p1

witness_out
fother_out
done_testing

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# CPUs go and come while tasks switch, and while a transition waits.
# vm: --smp 3 --timeout 400
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"
# shellcheck source=tests/lib/witness.sh
. "${TAP_LIB%/*}/witness.sh"

CPUS=/sys/devices/system/cpu
ROUNDS=5
COMMON='confirm-within=none deadline=none stop-max=1s freeze-budget=2s freeze-attempts=50'

plug() { # CPU 0|1
	echo "$2" >$CPUS/cpu"$1"/online
}

# Until it is killed, both CPUs but the first go and come, each by itself.
plug_on() {
	trap 'stop=1' TERM
	stop=
	until [ "$stop" ]; do
		plug 1 0 || exit 1
		plug 2 0 || exit 1
		plug 1 1 || exit 1
		plug 2 1 || exit 1
		plugged=$((plugged + 1))
		# At once: whoever reads it must not find it empty.
		echo $plugged >/tmp/plugged.new && mv /tmp/plugged.new /tmp/plugged
	done
	exit 0
}

plugging() {
	plugged=0
	rm -f /tmp/plugged
	plug_on &
	plugger=$!
	eventually 60 "$model: CPUs go and come" test -s /tmp/plugged
}

# switching MODEL POLICY NEVER...: patch and back, while CPUs go and come.
switching() {
	model=$1
	ok "$model: policy" policy "fth_test_gen_p1 $2 nudge-after=20ms nudge-every=20ms $COMMON"
	shift 2
	visitors 6 mixed 2000 /tmp/visitors
	visiting=$background
	plugging
	echo 0 >/dev/fth_gen
	before=$(cat /tmp/plugged)
	rounds $ROUNDS
	is "$rounds_done" $ROUNDS "$model: patch and back, $ROUNDS times"
	eventually 60 "$model: CPUs did meanwhile" passed "$before"
	finish $plugger 0 "$model: every CPU went and came"
	for name; do
		is "$(count "$name")" 0 "$model: never $name"
	done
	finish $visiting 143 "$model: no visitor's call failed"
}

passed() { # COUNT
	[ "$(cat /tmp/plugged)" -gt "$1" ]
}

# waiting MODEL POLICY: CPUs go and come in the midst of one transition.
waiting() {
	model=$1
	ok "$model: policy" policy "fth_test_gen_p1 $2 nudge-after=manual $COMMON"
	visitors 2 blocked 0 /tmp/blocked
	blocking=$background
	eventually 20 "$model: two tasks are inside" has_inside 2
	ok "$model: a CPU goes before" plug 2 0
	next_epoch
	ok "$model: the patch loads" insmod $MOD/fth_test_gen_p1.ko
	eventually 20 "$model: it waits for them" holds $P1/pending fth_gen
	ok "$model: another CPU goes meanwhile" plug 1 0
	ok "$model: it still waits" has $P1/state applying
	ok "$model: the first one comes back meanwhile" plug 2 1
	ok "$model: it still waits" has $P1/state applying
	release_visitors $blocking 0 "$model: they go on"
	eventually 60 "$model: it is in force" has $P1/state soaking
	ok "$model: the other CPU comes back" plug 1 1
	visitors 6 mixed 0 /tmp/visitors
	visiting=$background
	echo 0 >/dev/fth_gen
	eventually 20 "$model: new code runs" seen targets
	is "$(count others)" 0 "$model: and nothing else, on no CPU"
	finish $visiting 143 "$model: no visitor's call failed"
	next_epoch
	ok "$model: it is asked to leave" write 0 $P1/enabled
	eventually 60 "$model: it reverts" gone fth_test_gen_p1
	ok "$model: it can be unloaded" rmmod fth_test_gen_p1
}

need $MOD/fth_test_gen.ko $MOD/fth_test_gen_p1.ko $MOD/fth_test_log.ko
fother_in
witness_in 0
waiting default 'leave=patched-set switch=thread'
waiting in-time 'leave=patched-set switch=kernel freeze-use=never'
switching default 'leave=patched-set switch=thread' nested down
switching in-time 'leave=patched-set switch=kernel' nested down order overlap
is "$(cat $CPUS/online)" 0-2 "every CPU is there in the end"
witness_out
fother_out
done_testing

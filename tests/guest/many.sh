#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Much of everything: functions of a patch, turns of a transition, transitions
# in a row, tasks that never let go of a CPU.
# vm: --smp 2 --mem 512 --timeout 400
# kernels: 6.1
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

MANY=fth_test_many_patch
MANY_P=$PATCHES/$MANY
VALUE=/sys/module/fth_test_many/parameters/patched
PAUSE=fth_test_pause
PAUSE_P=$PATCHES/$PAUSE
TURNS=500
ROWS=200

need $MOD/fth_test_many.ko $MOD/$MANY.ko $MOD/$PAUSE.ko
fother_in
ok "policy" policy '* nudge-after=100ms nudge-every=100ms deadline=none confirm-within=none'
ok "a module with a thousand functions loads" insmod $MOD/fth_test_many.ko

# Functions, to and fro, and with the module coming later.
for count in 1 10 100 1000; do
	ok "a patch of $count functions loads" insmod $MOD/$MANY.ko count=$count
	eventually 60 "$count: it is in force" has $MANY_P/state soaking
	is "$(cat $VALUE)" "$count" "$count: so many are replaced"
	is "$(find $MANY_P/fth_test_many -name hits | wc -l)" "$count" "$count: so many are listed"
	is "$(find $MANY_P/fth_test_many -name hits -exec cat {} + | sort -u)" 1 \
		"$count: each has run once"
	revert $MANY
	is "$(cat $VALUE)" 0 "$count: none is"
done
ok "the module goes" rmmod fth_test_many
ok "a patch of 1000 functions loads without it" insmod $MOD/$MANY.ko
eventually 60 "it is in force" has $MANY_P/state soaking
is "$(cat $MANY_P/fth_test_many/patched)" 0 "its object is not patched"
ok "the module comes" insmod $MOD/fth_test_many.ko
is "$(cat $VALUE)" 1000 "all are replaced"
is "$(cat $MANY_P/fth_test_many/patched)" 1 "and its object is"
revert $MANY
is "$(cat $VALUE)" 0 "none is"

# Turns at random moments, with sleepers in the way of both directions.
pausers 10
ok "policy for the turns" policy "$PAUSE nudge-after=1ms nudge-every=10ms deadline=none confirm-within=none"
turns=0
bad=0
seed=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
diag "seed $seed"
while [ $turns -lt $TURNS ]; do
	if gone $PAUSE; then
		settle_out=$(rmmod $PAUSE 2>&1)
		insmod $MOD/$PAUSE.ko || bad=$((bad + 1))
	fi
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	usleep $((seed / 65536 % 3000))
	# Asked of a patch that has just gone, or is there already, it is refused.
	echo $((turns % 2)) 2>/dev/null >$PAUSE_P/enabled
	turns=$((turns + 1))
done
is $bad 0 "$TURNS turns at random moments ${settle_out:+}"
echo 0 2>/dev/null >$PAUSE_P/enabled
eventually 60 "it leaves in the end" gone $PAUSE
ok "it can be unloaded" rmmod $PAUSE
end_pausers

# Transitions in a row under a storm of forks.
DEMO=/tests/examples/fother_demo_cmdline.ko
DEMO_P=$PATCHES/fother_demo_cmdline
/tests/fth_storm 3 "$(cut -c1-10 /proc/cmdline)" 'this has b' &
storm=$!
rows=0
while [ $rows -lt $ROWS ] && insmod $DEMO && settle $DEMO_P/state soaking 1000 &&
	write 0 $DEMO_P/enabled && settle_gone fother_demo_cmdline 1000 && rmmod fother_demo_cmdline; do
	rows=$((rows + 1))
done
is $rows $ROWS "patch and back, $ROWS times under a storm"
finish $storm 143 "no reader of the storm saw a wrong line"

# Busy CPUs: a loop in user mode, and one in the kernel, on each.
readers=
for cpu in 0 1; do
	taskset $((1 << cpu)) sh -c 'while :; do :; done' &
	readers="$readers $!"
	taskset $((1 << cpu)) dd if=/dev/zero of=/dev/null bs=64k 2>/dev/null &
	readers="$readers $!"
done
for model in 'flags=none' 'leave=patched-set switch=thread' flags=in-thread flags=in-time \
	flags=in-thread,in-time; do
	ok "policy: $model" policy "fother_demo_cmdline $model nudge-after=100ms confirm-within=none deadline=none"
	ok "$model: the patch loads on busy CPUs" insmod $DEMO
	eventually 60 "$model: it is in force" has $DEMO_P/state soaking
	revert fother_demo_cmdline
done
for pid in $readers; do
	kill "$pid"
	wait "$pid" 2>/dev/null
done
ok "the module goes" rmmod fth_test_many
fother_out
done_testing

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The engine under load: many transitions, and many turns of one.
# vm: --smp 2 --timeout 400
# kernels: 6.1
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

DEMO=/tests/examples/fother_demo_cmdline.ko
DEMO_P=$PATCHES/fother_demo_cmdline
PAUSE_P=$PATCHES/fth_test_pause
NEW='this has been live patched'
OLD=$(cat /proc/cmdline)

need $MOD/fth_test_pause.ko $DEMO
fother_in
ok "policy for the storm" policy 'fother_demo_cmdline nudge-after=50ms nudge-every=50ms'
ok "policy for the turns" policy 'fth_test_pause nudge-after=manual deadline=none'
pausers 15
old_sleepers=$sleepers
/tests/fth_storm 4 "$(echo "$OLD" | cut -c1-10)" "$(echo "$NEW" | cut -c1-10)" &
storm=$!
turns=$(repeats 100)
turn=0
bad=0
while [ $turn -lt "$turns" ]; do
	turn=$((turn + 1))
	insmod $DEMO || bad=$((bad + 1))
	settle $DEMO_P/state soaking 500
	[ "$(cat /proc/cmdline)" = "$NEW" ] || bad=$((bad + 1))
	echo 0 >$DEMO_P/enabled
	settle_gone fother_demo_cmdline 500
	[ "$(cat /proc/cmdline)" = "$OLD" ] || bad=$((bad + 1))
	rmmod fother_demo_cmdline || bad=$((bad + 1))
done
is $bad 0 "$((turns * 2)) transitions in a row under a storm of forks and execs"
# Sleepers in the old function and in the new one: no direction can end.
ok "the patch with sleepers loads" insmod $MOD/fth_test_pause.ko
eventually 20 "it waits for the sleepers" holds $PAUSE_P/pending 'fth_pausers: __x64_sys_pause'
pausers 15
turn=0
while [ $turn -lt "$turns" ]; do
	turn=$((turn + 1))
	write 0 $PAUSE_P/enabled
	[ $((turn % 10)) -ne 0 ] || eventually 20 "turn $turn waits for the new ones" \
		holds $PAUSE_P/pending 'fth_pausers: fth_test_pause_sys_pause'
	write 1 $PAUSE_P/enabled
	[ $((turn % 10)) -ne 0 ] || eventually 20 "turn $turn waits for the old ones" \
		holds $PAUSE_P/pending 'fth_pausers: __x64_sys_pause'
done
is "$(grep -c fth_pausers: $PAUSE_P/pending)" 15 "after $((turns * 2)) turns the old ones hold it up"
ok "they are nudged" write 1 $PAUSE_P/nudge
eventually 60 "it ends up in force" has $PAUSE_P/state soaking
ok "revert" write 0 $PAUSE_P/enabled
eventually 20 "all 30 hold it up" sh -c "[ \$(grep -c fth_pausers: $PAUSE_P/pending) -eq 30 ]"
ok "they are nudged" write 1 $PAUSE_P/nudge
eventually 60 "it is gone" gone fth_test_pause
ok "it can be unloaded" rmmod fth_test_pause
kill $storm
wait $storm 2>/dev/null
is $? 143 "no reader of the storm saw a wrong line"
end_pausers
sleepers=$old_sleepers
end_pausers

fother_out
done_testing

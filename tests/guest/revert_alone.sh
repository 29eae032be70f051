#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The guest reverts by itself while its userspace is dead: stopped with PID 1, out of
# processes, out of memory, blocked for ever in the patched function.
# vm: --smp 2 --timeout 400
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

DEMO=/tests/examples/fother_demo_cmdline.ko
PAUSE_P=$PATCHES/fth_test_pause
SECONDS_MAX=$((60 * ${TAP_SLOWER:-1}))

# goes_alone HOW NAME TRIGGER [FILE TEXT]: it goes while userspace is as dead as that
goes_alone() {
	how=$1
	name=$2
	trigger=$3
	shift 3
	is "$(/tests/fth_alone "$how" "$PATCHES/$name" "$SECONDS_MAX" "$@")" gone \
		"userspace dead ($how): it goes ($trigger)"
	ok "... for that reason" holds $S/incidents "^[0-9]* $trigger $name at .*reverted"
	ok "it is allowed" write "$name" $S/allow
	ok "it can be unloaded" rmmod "$name"
}

need $DEMO $MOD/fth_test_pause.ko /tests/fth_alone
# Nobody that the tests need is killed for memory.
echo -1000 >/proc/$$/oom_score_adj
fother_in

for how in stop forks memory; do
	apply_under $DEMO confirm-within=2s
	goes_alone "$how" fother_demo_cmdline unconfirmed
	apply_under $DEMO confirm-within=none
	goes_alone "$how" fother_demo_cmdline sysrq /proc/sysrq-trigger y
	apply_under $DEMO confirm-within=none revert-mode=immediate flags=in-time
	goes_alone "$how" fother_demo_cmdline sysrq /proc/sysrq-trigger y
	apply_under $DEMO confirm-within=none flags=in-time
	goes_alone "$how" fother_demo_cmdline sysfs $S/revert fother_demo_cmdline
	# Sleepers in the patched function are nudged, and go on sleeping; stopped ones are
	# outside of it.
	[ "$how" = forks ] && continue
	apply_under $MOD/fth_test_pause.ko confirm-within=none nudge-after=100ms
	pausers 20
	goes_alone "$how" fth_test_pause sysrq /proc/sysrq-trigger y
	end_pausers
done

# Blocked in it for ever, whatever nudges: old code is in force, the module stays until they end.
for how in forks memory; do
	apply_under $MOD/fth_test_pause.ko confirm-within=none nudge-after=manual deadline=1s \
		revert-mode=consistent-then-immediate
	pausers 20
	dmesg -c >/dev/null
	nok "userspace dead ($how), sleepers in it: its folder stays" /tests/fth_alone "$how" \
		$PAUSE_P 5 /proc/sysrq-trigger y
	ok "... but old code is in force" holds $PAUSE_P/state 'immediate'
	ok "... as the log says" said "reverted at once"
	end_pausers
	eventually 30 "then it goes" gone fth_test_pause
	ok "it is allowed" write fth_test_pause $S/allow
	ok "it can be unloaded" rmmod fth_test_pause
done

fother_out
done_testing

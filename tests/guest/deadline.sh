#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# transition.on-deadline and freeze.attempts: what becomes of a transition that
# doesn't end, and that status says who is in its way.
# vm: --smp 2 --timeout 300
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

PAUSE=fth_test_pause
PAUSE_P=$PATCHES/$PAUSE
SLEEP=fth_test_sleep
SLEEP_P=$PATCHES/$SLEEP
QUIET='nudge-after=manual confirm-within=none'

# sleeper: a kernel thread that nothing moves
sleeper() {
	ok "a kernel thread sleeps uninterruptibly" insmod $MOD/fth_test_sleeper.ko uninterruptible=1
	eventually 20 "it is in the function" sh -c 'grep -q sleep_on /proc/[0-9]*/stack'
}

need $MOD/$PAUSE.ko $MOD/$SLEEP.ko $MOD/fth_test_sleeper.ko
fother_in

# reverse
pausers 10
ok "policy: reverse" policy "$PAUSE $QUIET deadline=300ms on-deadline=reverse"
dmesg -c >/dev/null
ok "the patch loads" insmod $MOD/$PAUSE.ko
eventually 30 "it is reversed" gone $PAUSE
ok "... for the deadline, with numbers and names" \
	sh -c "dmesg | grep -q 'deadline of 300 ms missed with 10 tasks left: [0-9]* fth_pausers, '"
ok "it can be unloaded" rmmod $PAUSE

# freeze moves who sleeps in a system call
ok "policy: freeze" policy "$PAUSE $QUIET deadline=300ms on-deadline=freeze freeze-budget=2s"
dmesg -c >/dev/null
ok "the patch loads" insmod $MOD/$PAUSE.ko
eventually 30 "a freeze brings it into force" has $PAUSE_P/state soaking
ok "... and says for how long tasks were held" \
	sh -c "dmesg | grep -q \"patch '$PAUSE' in force after .* tasks held for at most [0-9]* us in [0-9]* freezes\""
revert_held() {
	ok "it is asked to leave" write 0 $PAUSE_P/enabled
	eventually 30 "its deadline freezes on the way back too" gone $PAUSE
	ok "it can be unloaded" rmmod $PAUSE
}
revert_held

# wait
ok "policy: wait" policy "$PAUSE $QUIET deadline=200ms on-deadline=wait"
ok "the patch loads" insmod $MOD/$PAUSE.ko
eventually 30 "the deadline is missed, and status says so" \
	holds $PAUSE_P/pending '^# deadline missed, still trying'
is "$(cat $PAUSE_P/state)" applying "it goes on"
like "$(grep fth_pausers $PAUSE_P/pending | head -n 1)" \
	'[0-9]* fth_pausers: __x64_sys_pause+0x*; since [0-9]* ms; waited for; nudge by hand' \
	"a line says who, where, since when and what next"
ok "they are nudged by hand" write 1 $PAUSE_P/nudge
eventually 30 "it is in force" has $PAUSE_P/state soaking
ok "it is asked to leave" write 0 $PAUSE_P/enabled
ok "they are nudged by hand" write 1 $PAUSE_P/nudge
eventually 30 "it is gone" gone $PAUSE
ok "it can be unloaded" rmmod $PAUSE
end_pausers

# freezes that are used up: no freeze moves a thread that waits for its disk
for model in in-time in-thread,in-time; do
	sleeper
	ok "policy: flags=$model, two freezes" \
		policy "$SLEEP $QUIET flags=$model deadline=none freeze-attempts=2 freeze-budget=100ms"
	dmesg -c >/dev/null
	ok "the patch loads" insmod $MOD/$SLEEP.ko
	eventually 60 "it is reversed" gone $SLEEP
	ok "... since 2 freezes failed, naming the thread" \
		sh -c "dmesg | grep -q '2 freezes of at most 100 ms failed with [0-9]* tasks left: .*fth_sleeper'"
	ok "it can be unloaded" rmmod $SLEEP
	ok "the thread ends" rmmod fth_test_sleeper
done

# never frozen: the deadline alone counts
sleeper
ok "policy: never frozen" \
	policy "$SLEEP $QUIET flags=in-time deadline=300ms freeze-use=never"
dmesg -c >/dev/null
ok "the patch loads" insmod $MOD/$SLEEP.ko
eventually 30 "it is reversed" gone $SLEEP
ok "... for the deadline" said 'deadline of 300 ms missed'
nok "... and nobody was held" said 'tasks held'
ok "it can be unloaded" rmmod $SLEEP
fother_out_but_thread() {
	ok "the thread ends" rmmod fth_test_sleeper
	fother_out
}
fother_out_but_thread

# force pins for ever, so it comes last
fother_in
sleeper
ok "policy: force" policy "$SLEEP $QUIET deadline=300ms on-deadline=force"
ok "the patch loads" insmod $MOD/$SLEEP.ko
eventually 30 "it is in force, and says how" \
	has $SLEEP_P/state 'soaking (forced: pinned until the next boot)'
nok "it can't be reverted" write 0 $SLEEP_P/enabled
nok "nor unloaded" rmmod $SLEEP
nok "nor can fother" rmmod fother
ok "the thread ends" rmmod fth_test_sleeper
no_fault
done_testing

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Suspends (S3) come while tasks are parked or about to be: the guest suspends and
# comes back each time, the freezes go on, and nobody is held beyond the budget.
# vm: --smp 2 --timeout 300
# kernels: 6.1 6.12
# debug: no: it has no clock to be woken by
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"
# shellcheck source=tests/lib/witness.sh
. "${TAP_LIB%/*}/witness.sh"

GEN_P=fth_test_gen_p1
ALARM=/sys/class/rtc/rtc0/wakealarm
SUSPENDS=/sys/power/suspend_stats/success
BUDGET_MS=2000
ROUNDS=3
# A suspend shows EINTR to these, fother or not: its freezer wakes them as a signal
# would, and they are of those that signal(7) says are never restarted.
SHOWN='epoll epoll_pwait sem sigtimedwait uring semop'
HIDDEN="$WAIT_SOCKETS poll futex nanosleep pipe"
SLEEPERS=28 # two of each kind
SHOWN_MAX=$((12 * ROUNDS))

# The alarm may ring before it sleeps: then it would sleep for ever.
sleep_and_wake() {
	echo 0 >$ALARM
	echo +3 >$ALARM
	echo mem >/sys/power/state
}

# suspends WAY NAME: while the kernel's own freezer is ours no suspend begins: it is refused
# as busy, and whoever wanted it asks again.
suspends() {
	if [ "$1" = kernel ]; then
		eventually 30 "$2" sleep_and_wake
	else
		ok "$2" sleep_and_wake
	fi
}

# Freezes one after the other, as a vfork parent can't be moved.
freezes() {
	sed -n 's/.*freeze \([0-9]*\) of.*/\1/p' $P1/pending 2>/dev/null | sort -n | tail -n 1
}

more_freezes() { # THAN
	[ "$(freezes)" -gt "$1" ]
}

# held_us: the longest that a task was held, as the log tells at the end.
held_us() {
	dmesg | sed -n 's/.*tasks held for at most \([0-9]*\) us in.*/\1/p' | tail -n 1
}

# told WHO: what the sleepers saw is what the suspends alone show, and no freeze of ours.
told() {
	# shellcheck disable=SC2086 # words
	shown=$(waits_sum eintr $SHOWN)
	# shellcheck disable=SC2086 # words
	is "$(waits_sum eintr $HIDDEN),$(waits_sum failed)" 0,0 \
		"$1: nobody saw EINTR who can be spared it, or failed"
	ok "$1: the others saw it once in a suspend at most ($shown of $SHOWN_MAX)" \
		[ "$shown" -le $SHOWN_MAX ] || diag "$(cat /tmp/waits)"
}

# The measure of the others.
bare_rounds() {
	# shellcheck disable=SC2086 # words
	waiters $SLEEPERS 0 $WAIT_KINDS
	before=$(cat $SUSPENDS)
	for round in $(seq $ROUNDS); do
		ok "bare: suspend $round" sleep_and_wake
	done
	is "$(cat $SUSPENDS)" $((before + ROUNDS)) "the kernel counted the suspends"
	end_waiters
	told bare
	ok "bare: suspends alone show it" [ "$shown" -gt 0 ]
}

rounds_of() { # WAY
	ok "policy: both, $1" policy "$GEN_P leave=kernel switch=kernel freeze-way=$1" \
		"freeze-budget=${BUDGET_MS}ms freeze-attempts=100 on-deadline=wait confirm-within=none deadline=none" \
		"nudge-after=manual stop-max=1s"
	# shellcheck disable=SC2086 # words
	waiters $SLEEPERS 0 $WAIT_KINDS
	background /tmp/hard /tests/fth_hard vfork
	hard=$background
	eventually 30 "a vfork parent waits" holds /tmp/hard ready
	dmesg -c >/dev/null
	ok "the patch loads" insmod $MOD/$GEN_P.ko
	eventually 30 "tasks are parked, again and again" more_freezes 2
	before=$(cat $SUSPENDS)
	round=0
	while [ $round -lt $ROUNDS ]; do
		round=$((round + 1))
		last=$(freezes)
		suspends "$1" "$1: suspend $round"
		eventually 30 "and the freezes go on" more_freezes "$last"
	done
	is "$(cat $SUSPENDS)" $((before + ROUNDS)) "the kernel counted the suspends"
	is "$(cat $P1/state)" applying "the transition is where it was"
	kill $hard
	wait $hard
	is $? 0 "the vfork parent goes on"
	eventually 60 "the patch comes into force" has $P1/state soaking
	held=$(held_us)
	ok "nobody was held beyond the budget ($held us)" [ "$held" -le $((BUDGET_MS * 1000)) ]
	revert $GEN_P
	end_waiters
	told "$1"
}

need $MOD/$GEN_P.ko /tests/fth_hard
[ -w $ALARM ] || bail "no $ALARM: nothing would wake this guest"
bare_rounds
fother_in
witness_in 0
for way in park kernel; do
	rounds_of $way
done
ok "no patch is left" [ -z "$(ls $PATCHES)" ]
witness_out
fother_out
done_testing

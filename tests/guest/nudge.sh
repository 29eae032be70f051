#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Nudges: sleepers inside a patched function that nobody wakes leave it, and
# userspace sees nothing of it.
# vm: --smp 2 --timeout 300
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

WRAP=fth_test_wrap
WRAP_P=$PATCHES/$WRAP
WAIT_CALLS=$(wait_calls)
SLEEP_P=$PATCHES/fth_test_sleep
# waiting: so many are waited for; those that don't fit into the page are one line.
waiting() {
	sed -n 's/^# and \([0-9]*\) more$/\1/p; s/^[0-9]* fth_waits: .*/1/p' $WRAP_P/pending |
		awk '{ total += $1 } END { print total + 0 }'
}

all_wait() { # COUNT
	[ "$(waiting)" -eq "$1" ]
}

others_than() { # PATTERN: lines of tasks that are not described so
	grep -v '^# and ' $WRAP_P/pending | grep -vc "^[0-9]* fth_waits: $1"
}

IN_THREAD='leave=kernel switch=thread' # whatever they sleep in

need $MOD/$WRAP.ko $MOD/fth_test_sleep.ko $MOD/fth_test_sleeper.ko
fother_in

# By policy: 52 of all kinds, nobody wakes them, there and back.
ok "policy with nudges" policy "$WRAP nudge-after=100ms nudge-every=200ms deadline=none confirm-within=none"
# shellcheck disable=SC2086 # words
waiters 52 0 $WAIT_WRAPPED
ok "the patch loads" insmod $MOD/$WRAP.ko functions="$WAIT_CALLS"
eventually 60 "nudges end the transition" has $WRAP_P/state soaking
revert $WRAP
end_waiters
unharmed "none of 52 sleepers"
diag "$(cat /tmp/waits)"

# By hand: nothing moves them before; each nudge is one.
ok "policy without nudges" policy "$WRAP nudge-after=manual deadline=none confirm-within=none"
# shellcheck disable=SC2086 # words
waiters 52 0 $WAIT_WRAPPED
ok "the patch loads" insmod $MOD/$WRAP.ko functions="$WAIT_CALLS"
eventually 30 "it waits for all 52" all_wait 52
is "$(others_than '[_a-z0-9]*+0x[0-9a-f]*; since [0-9]* ms; waited for; nudge by hand$')" 0 \
	"pending says where, since when and what next"
ok "they are nudged" write 1 $WRAP_P/nudge
eventually 60 "that ends the transition" has $WRAP_P/state soaking
ok "the patch is asked to leave" write 0 $WRAP_P/enabled
# The kernel goes on with poll() and nanosleep() by another system call.
eventually 30 "it waits for all but 8 again" all_wait 44
is "$(others_than fth_wrap_)" 0 "each is in a replacement"
ok "they are nudged" write 1 $WRAP_P/nudge
eventually 60 "that ends it" gone $WRAP
ok "it can be unloaded" rmmod $WRAP
end_waiters
unharmed "none of 52 sleepers"

# With a time-out: as the policy says.  Short ones: each ends on time or later.
timed() { # POLICY
	ok "policy: $1" policy "$WRAP $IN_THREAD nudge-after=50ms nudge-every=100ms deadline=none confirm-within=none $1"
	# shellcheck disable=SC2086 # words
	waiters 36 "$2" $WAIT_TIMED
	ok "the patch loads" insmod $MOD/$WRAP.ko functions="$WAIT_CALLS"
	eventually 60 "it comes into force" has $WRAP_P/state soaking
	revert $WRAP
	end_waiters
	diag "$(cat /tmp/waits)"
	is "$(waits_sum early)" 0 "no time-out ended early"
	is "$(waits_sum failed)" 0 "and no call for any other reason"
}

timed nudge-timed=restart 60000
is "$(waits_sum eintr)" 0 "restart: no EINTR"
is "$(waits_sum timeouts)" 0 "restart: it did not wait for the time-outs"
timed nudge-timed=interrupt 60000
# shellcheck disable=SC2086 # words
is "$(waits_sum eintr $WAIT_EINTR)" "$(waits_sum eintr)" "interrupt: EINTR where a signal shows only"
# shellcheck disable=SC2086 # words
is "$(waits_sum eintr $WAIT_EINTR)" 54 "interrupt: each of those 27, twice"
timed nudge-timed=wait 3000
is "$(waits_sum eintr)" 0 "wait: no EINTR"
# Whether a socket has one is not known before it is too late: it waits again.
# shellcheck disable=SC2086 # words
ok "wait: it waited for the time-outs" [ "$(waits_sum timeouts $WAIT_KNOWN)" -ge 15 ]

# Real signals while nudges rain: each gets its handler, and its EINTR.
ok "policy with a rain of nudges" policy "$WRAP $IN_THREAD nudge-after=10ms nudge-every=10ms deadline=none confirm-within=none"
signalled='epoll epoll_pwait sem semop uring recv'
# shellcheck disable=SC2086 # words
waiters 30 0 $signalled
children=$(cat /proc/$waiters/task/$waiters/children)
round=0
while [ $round -lt 5 ]; do
	round=$((round + 1))
	insmod $MOD/$WRAP.ko functions="$WAIT_CALLS"
	for child in $children; do
		kill -36 "$child"
	done
	settle $WRAP_P/state soaking 1500
	for child in $children; do
		kill -36 "$child"
	done
	write 0 $WRAP_P/enabled
	settle_gone $WRAP 1500
	rmmod $WRAP
done
is $round 5 "five turns under signals"
end_waiters
diag "$(cat /tmp/waits)"
# shellcheck disable=SC2086 # words
is "$(waits_sum eintr $signalled)" 0 "no EINTR but where a handler ran"
# shellcheck disable=SC2086 # words
is "$(waits_sum lost $signalled)" 0 "each call in which a handler ran says so"
# shellcheck disable=SC2086 # words
is "$(waits_sum handled $signalled)" 300 "all 300 signals were handled"

# A kernel thread asleep in the function.
ok "a kernel thread sleeps interruptibly" insmod $MOD/fth_test_sleeper.ko
ok "policy for its function" policy 'fth_test_sleep nudge-after=100ms deadline=none confirm-within=none'
ok "the patch loads" insmod $MOD/fth_test_sleep.ko
eventually 30 "a wake-up by policy ends the transition" has $SLEEP_P/state soaking
ok "it is asked to leave" write 0 $SLEEP_P/enabled
eventually 30 "a wake-up ends that too" gone fth_test_sleep
ok "it can be unloaded" rmmod fth_test_sleep
ok "the thread's module is unloaded" rmmod fth_test_sleeper

fother_out
done_testing

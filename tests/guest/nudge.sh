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
SLEEP_P=$PATCHES/fth_test_sleep
# What the tasks of fth_waits sleep in; not all system calls stay on the stack.
CALLS=__x64_sys_epoll_wait,__x64_sys_epoll_pwait,do_semtimedop,__x64_sys_rt_sigtimedwait
CALLS=$CALLS,__x64_sys_poll,__x64_sys_futex,__x64_sys_nanosleep,$(function_of pipe_read anon_pipe_read)
KINDS='epoll epoll_pwait sem semop sigtimedwait poll futex nanosleep pipe'
TIMED='epoll epoll_pwait sem sigtimedwait poll futex nanosleep'
EINTR_KINDS='epoll epoll_pwait sem sigtimedwait' # a signal without a handler shows there

waiters() { # COUNT TIMEOUT_MS KIND...: leaves the pid in $waiters
	background /tmp/waits /tests/fth_waits "$@"
	waiters=$background
	eventually 30 "$1 tasks wait" has /tmp/waits ready
}

end_waiters() {
	kill $waiters
	wait $waiters
	is "$(tail -n 1 /tmp/waits)" end "they told what they saw"
}

# sum NAME [KIND...]: over the kinds, or those given
sum() {
	name=$1
	shift
	# shellcheck disable=SC2086 # words
	[ $# -gt 0 ] || set -- $KINDS
	for kind; do
		sed -n "s/^$kind .*$name=\([0-9]*\).*/\1/p" /tmp/waits
	done | awk '{ total += $1 } END { print total + 0 }'
}

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

need $MOD/$WRAP.ko $MOD/fth_test_sleep.ko $MOD/fth_test_sleeper.ko
fother_in

# By policy: 50 of all kinds, nobody wakes them, there and back.
ok "policy with nudges" policy "$WRAP nudge-after=100ms nudge-every=200ms deadline=none confirm-within=none"
# shellcheck disable=SC2086 # words
waiters 50 0 $KINDS
ok "the patch loads" insmod $MOD/$WRAP.ko functions=$CALLS
eventually 60 "nudges end the transition" has $WRAP_P/state soaking
revert $WRAP
end_waiters
is "$(sum eintr)" 0 "none of 50 sleepers saw EINTR"
is "$(sum failed)" 0 "and none came back for any other reason"
diag "$(cat /tmp/waits)"

# By hand: nothing moves them before; each nudge is one.
ok "policy without nudges" policy "$WRAP nudge-after=manual deadline=none confirm-within=none"
# shellcheck disable=SC2086 # words
waiters 50 0 $KINDS
ok "the patch loads" insmod $MOD/$WRAP.ko functions=$CALLS
eventually 30 "it waits for all 50" all_wait 50
is "$(others_than '[_a-z0-9]*+0x[0-9a-f]*; since [0-9]* ms; waited for; nudge by hand$')" 0 \
	"pending says where, since when and what next"
ok "they are nudged" write 1 $WRAP_P/nudge
eventually 60 "that ends the transition" has $WRAP_P/state soaking
ok "the patch is asked to leave" write 0 $WRAP_P/enabled
# The kernel goes on with poll() and nanosleep() by another system call.
eventually 30 "it waits for all but 10 again" all_wait 40
is "$(others_than fth_wrap_)" 0 "each is in a replacement"
ok "they are nudged" write 1 $WRAP_P/nudge
eventually 60 "that ends it" gone $WRAP
ok "it can be unloaded" rmmod $WRAP
end_waiters
is "$(sum eintr)" 0 "none of 50 sleepers saw EINTR"
is "$(sum failed)" 0 "and none came back for any other reason"

# With a time-out: as the policy says.  Short ones: each ends on time or later.
timed() { # POLICY
	ok "policy: $1" policy "$WRAP nudge-after=50ms nudge-every=100ms deadline=none confirm-within=none $1"
	# shellcheck disable=SC2086 # words
	waiters 28 "$2" $TIMED
	ok "the patch loads" insmod $MOD/$WRAP.ko functions=$CALLS
	eventually 60 "it comes into force" has $WRAP_P/state soaking
	revert $WRAP
	end_waiters
	diag "$(cat /tmp/waits)"
	is "$(sum early)" 0 "no time-out ended early"
	is "$(sum failed)" 0 "and no call for any other reason"
}

timed nudge-timed=restart 60000
is "$(sum eintr)" 0 "restart: no EINTR"
is "$(sum timeouts)" 0 "restart: it did not wait for the time-outs"
timed nudge-timed=interrupt 60000
# shellcheck disable=SC2086 # words
is "$(sum eintr $EINTR_KINDS)" "$(sum eintr)" "interrupt: EINTR where a signal shows only"
# shellcheck disable=SC2086 # words
is "$(sum eintr $EINTR_KINDS)" 32 "interrupt: each of those 16, twice"
timed nudge-timed=wait 3000
is "$(sum eintr)" 0 "wait: no EINTR"
# shellcheck disable=SC2086 # words
ok "wait: it waited for the time-outs" [ "$(sum timeouts $EINTR_KINDS)" -ge 16 ]

# Real signals while nudges rain: each gets its handler, and its EINTR.
ok "policy with a rain of nudges" policy "$WRAP nudge-after=10ms nudge-every=10ms deadline=none confirm-within=none"
waiters 20 0 epoll epoll_pwait sem semop
children=$(cat /proc/$waiters/task/$waiters/children)
round=0
while [ $round -lt 5 ]; do
	round=$((round + 1))
	insmod $MOD/$WRAP.ko functions=$CALLS
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
is "$(sum eintr epoll epoll_pwait sem semop)" 0 "no EINTR but where a handler ran"
is "$(sum lost epoll epoll_pwait sem semop)" 0 "each call in which a handler ran says so"
is "$(sum handled epoll epoll_pwait sem semop)" 200 "all 200 signals were handled"

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

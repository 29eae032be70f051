#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Freezing: who is parked comes out of it unharmed and unaware, whoever can't be
# parked is waited for and named, and nobody is held for longer than the budget.
# vm: --smp 2 --timeout 400
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"
# shellcheck source=tests/lib/witness.sh
. "${TAP_LIB%/*}/witness.sh"

GEN_P=fth_test_gen_p1
WRAP=fth_test_wrap
WRAP_P=$PATCHES/$WRAP
WAIT_CALLS=$(wait_calls)
BOTH='leave=kernel switch=kernel'
IN_TIME='leave=patched-set switch=kernel'
BUDGET='freeze-budget=2s freeze-attempts=20'
COMMON='confirm-within=none deadline=none nudge-after=manual stop-max=1s'

# to_and_fro NAME PATCH COUNT [PARAMETER...]: applies and reverts it.
to_and_fro() {
	name=$1 patch=$2 left=$3
	shift 3
	bad=0
	while [ "$left" -gt 0 ]; do
		left=$((left - 1))
		insmod "$MOD/$patch.ko" "$@" || bad=$((bad + 1))
		settle "$PATCHES/$patch/state" soaking 1500 || bad=$((bad + 1))
		write 0 "$PATCHES/$patch/enabled" || bad=$((bad + 1))
		settle_gone "$patch" 1500 || bad=$((bad + 1))
		rmmod "$patch" || bad=$((bad + 1))
	done
	is $bad 0 "$name: to and fro"
}

hard() { # KIND: leaves the pids in $hard and $task
	background /tmp/hard /tests/fth_hard "$1"
	hard=$background
	eventually 30 "a task is there: $1" holds /tmp/hard ready
	task=$(sed -n 's/^ready //p' /tmp/hard)
}

end_hard() { # KIND
	kill $hard
	wait $hard
	is $? 0 "it went on as it should: $1"
}

# passes KIND: it stands in nobody's way.
passes() {
	hard "$1"
	to_and_fro "with a task that is $1" $GEN_P 1
	end_hard "$1"
}

# is_named: the task that can't be moved
is_named() {
	holds $P1/pending "^$task fth_hard: "
}

# holds_up KIND: it is waited for and named, and the transition ends when it goes on.
holds_up() {
	hard "$1"
	ok "the patch loads" insmod $MOD/$GEN_P.ko
	eventually 30 "it is waited for and named: $1" is_named
	is "$(cat $P1/state)" applying "the patch is not in force"
	end_hard "$1"
	eventually 60 "then it comes into force" has $P1/state soaking
	revert $GEN_P
}

need $MOD/$WRAP.ko $MOD/$GEN_P.ko /tests/fth_hard
fother_in
witness_in 0

# Parked, and none the wiser.
for way in park kernel; do
	ok "policy: always, $way" policy "$GEN_P $BOTH freeze-use=always freeze-way=$way $BUDGET $COMMON"
	# shellcheck disable=SC2086 # words
	waiters 56 0 $WAIT_KINDS
	dmesg -c >/dev/null
	to_and_fro "56 sleepers, freeze always by $way" $GEN_P 2
	ok "the log says that tasks were held" said 'tasks held for at most'
	end_waiters
	unharmed "none of 56 sleepers"
done

# Inside the patched functions; a freeze moves them where no nudge is wanted.
ok "policy: in-time, if needed" policy "$WRAP $IN_TIME freeze-use=if-needed $BUDGET $COMMON"
# shellcheck disable=SC2086 # words
waiters 52 0 $WAIT_WRAPPED
to_and_fro "52 sleepers inside, freeze if needed" $WRAP 2 functions="$WAIT_CALLS"
end_waiters
unharmed "none of 52 sleepers"
ok "policy: default model, freeze always" policy "$WRAP freeze-use=always $BUDGET $COMMON"
# shellcheck disable=SC2086 # words
waiters 26 0 $WAIT_WRAPPED
to_and_fro "26 sleepers inside, default model, freeze always" $WRAP 1 functions="$WAIT_CALLS"
end_waiters
unharmed
ok "policy: in-time, never" policy "$WRAP $IN_TIME freeze-use=never $BUDGET $COMMON"
waiters 4 0 pipe futex
dmesg -c >/dev/null
ok "the patch loads" insmod $MOD/$WRAP.ko functions="$WAIT_CALLS"
eventually 30 "without a freeze it waits for them" holds $WRAP_P/pending fth_waits
is "$(cat $WRAP_P/state)" applying "it is not in force"
ok "it is turned round" write 0 $WRAP_P/enabled
eventually 30 "and gone" gone $WRAP
nok "nobody was held" said 'tasks held'
ok "it can be unloaded" rmmod $WRAP
end_waiters

# Calls with a time-out, as the policy says.
for timed in restart interrupt; do
	ok "policy: nudge-timed=$timed" policy "$GEN_P $BOTH nudge-timed=$timed $BUDGET $COMMON"
	# shellcheck disable=SC2086 # words
	waiters 36 60000 $WAIT_TIMED
	to_and_fro "36 with time-outs, $timed" $GEN_P 1
	end_waiters
	is "$(waits_sum early),$(waits_sum failed)" 0,0 "$timed: none ended early"
	[ $timed = restart ] || ok "interrupt: each of 27 saw EINTR, at least once" [ "$(waits_sum eintr)" -ge 27 ]
	[ $timed = interrupt ] || is "$(waits_sum eintr)" 0 "restart: none saw EINTR"
done

# Signals while tasks are parked.
ok "policy: both" policy "$GEN_P $BOTH $BUDGET $COMMON"
waiters 30 0 epoll sem sigtimedwait pipe uring recv
children=$(cat /proc/$waiters/task/$waiters/children)
round=0
while [ $round -lt 5 ]; do
	round=$((round + 1))
	insmod $MOD/$GEN_P.ko
	for child in $children; do
		kill -36 "$child"
	done
	settle $P1/state soaking 1500
	for child in $children; do
		kill -36 "$child"
	done
	write 0 $P1/enabled
	settle_gone $GEN_P 1500
	rmmod $GEN_P
done
end_waiters
is "$(waits_sum handled)" 300 "all 300 signals were handled"
is "$(waits_sum lost),$(waits_sum eintr)" 0,0 "each in the call that it interrupted, and in no other"

# Held while somebody can't be moved: no longer than the budget, and one may die.
ok "policy: a long budget, reverse" \
	policy "$GEN_P $BOTH freeze-budget=1s freeze-attempts=3 on-deadline=reverse $COMMON"
visitors 5 blocked 0 /tmp/blocked
blocking=$background
eventually 20 "five tasks are in D state in the set" has_inside 5
waiters 10 0 pipe
victim=$(cut -d ' ' -f 1 /proc/$waiters/task/$waiters/children)
dmesg -c >/dev/null
ok "the patch loads" insmod $MOD/$GEN_P.ko
kill -9 "$victim"
eventually 30 "a parked task can be killed" sh -c "! grep -q '[^Z] (fth_waits)' /proc/$victim/stat 2>/dev/null ||
	grep -q ' Z ' /proc/$victim/stat"
eventually 60 "attempts used up: the patch is reversed" gone $GEN_P
ok "the log says so" said '3 freezes of at most 1000 ms failed with'
ok "and who was in the way" said fth_gen
ok "its module can be unloaded" rmmod $GEN_P
end_waiters
unharmed "let go, none of the others"

# Turned round, and its module unloaded, while freezes are tried.
ok "policy: many attempts" policy "$GEN_P $BOTH freeze-budget=500ms freeze-attempts=100 $COMMON"
waiters 10 0 pipe
ok "the patch loads" insmod $MOD/$GEN_P.ko
eventually 30 "it waits for the blocked ones" holds $P1/pending fth_gen
ok "pending tells of freezes" holds $P1/pending 'freeze [0-9]* of 100 in'
ok "it is turned round" write 0 $P1/enabled
eventually 30 "and gone" gone $GEN_P
ok "its module can be unloaded" rmmod $GEN_P
end_waiters
unharmed "let go, none of the sleepers"
release_visitors $blocking 0 "the blocked ones go on"

# Who can't be parked.
ok "policy: both" policy "$GEN_P $BOTH freeze-budget=500ms freeze-attempts=100 $COMMON"
passes stopped
passes signal-stop
passes syscall-stop # with nothing but the way in on its stack
passes seccomp
for kind in io_uring io_uring-poll io_uring-submit; do
	passes $kind
done
holds_up event-stop
holds_up vfork

# Tasks fork faster than they are parked.
ok "policy: both" policy "$GEN_P $BOTH $BUDGET $COMMON"
background /tmp/storm /tests/fth_storm 4 "$(cut -c 1-10 /proc/cmdline)" x
storm=$background
to_and_fro "in a storm of forks" $GEN_P 4
finish $storm 143 "the storm went on"

ok "no patch is left" [ -z "$(ls $PATCHES)" ]
witness_out
fother_out
done_testing

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Asks the debug kernel what it found; in a guest that runs it.
#
#	sh /tests/lib/debug.sh begin		what leaked so far is none of ours
#	sh /tests/lib/debug.sh leaks		1 if memory leaked since
#	sh /tests/lib/debug.sh end		1 if that, or lockdep is off
#	sh /tests/lib/debug.sh run COMMAND...	all of it around a guest test; exits with
#						its status, or with 1 if anything was found
#
# What the kernel reports at once (KASAN, lockdep, a sleep in atomic context) is a
# WARN or a BUG and ends the guest; here is what must be asked for: whether lockdep
# and kmemleak were at work all the time, and what leaked.  An oops ends lockdep's
# work by itself; tests that cause one ask before it, and for leaks alone afterwards.

HUNG_TASK_S=120 # the kernel's own limit, which tests stay below on other kernels
KMEMLEAK=/sys/kernel/debug/kmemleak
KMEMLEAK_AGE_S=6 # kmemleak looks at allocations of 5 s and more

bad() {
	echo "debug kernel: $*" | sed 's/^/# /'
	status=1
}

# Twice: an object that changed since the first scan is not reported by it.
scan() {
	sleep $KMEMLEAK_AGE_S
	echo scan >$KMEMLEAK || return
	echo scan >$KMEMLEAK
}

begin() {
	# Tasks that a test holds back on purpose are held for longer here.
	echo $((HUNG_TASK_S * ${TAP_SLOWER:-1})) >/proc/sys/kernel/hung_task_timeout_secs || exit 1
	scan || exit 1
	echo clear >$KMEMLEAK
}

leaks() {
	scan || bad "kmemleak did not scan"
	leaks=$(cat $KMEMLEAK) || bad "kmemleak can't be read"
	[ -z "$leaks" ] || bad "memory leaked:
$leaks"
}

lockdep() {
	grep -q '^ debug_locks: *1$' /proc/lockdep_stats || bad "lockdep switched itself off"
}

verb=${1:-}
[ $# -eq 0 ] || shift
status=0
case $verb in
begin) begin ;;
leaks) leaks ;;
end)
	leaks
	lockdep
	;;
run)
	begin
	"$@"
	status=$?
	leaks
	lockdep
	;;
*)
	echo "usage: sh $0 begin|leaks|end|run COMMAND..." >&2
	exit 2
	;;
esac
exit $status

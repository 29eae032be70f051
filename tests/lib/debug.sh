#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Runs a guest test on the debug kernel and asks that kernel what it found.
#
#	sh /tests/lib/debug.sh COMMAND...
#
# What the kernel reports at once (KASAN, lockdep, a sleep in atomic context) is a
# WARN or a BUG and ends the guest; here is what must be asked for: whether lockdep
# and kmemleak were at work all the time, and what leaked.  Exits with the
# command's status, or with 1 if anything was found.

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

# Tasks that a test holds back on purpose are held for longer here.
echo $((HUNG_TASK_S * ${TAP_SLOWER:-1})) >/proc/sys/kernel/hung_task_timeout_secs || exit 1
# What leaked before us is none of ours.
scan || exit 1
echo clear >$KMEMLEAK
"$@"
status=$?
scan || bad "kmemleak did not scan"
leaks=$(cat $KMEMLEAK) || bad "kmemleak can't be read"
[ -z "$leaks" ] || bad "memory leaked:
$leaks"
grep -q '^ debug_locks: *1$' /proc/lockdep_stats || bad "lockdep switched itself off"
exit $status

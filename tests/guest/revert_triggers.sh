#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What the kernel itself tells of reverts the patches whose policies name it.
# vm: --smp 2 --timeout 400 --expect-fault 'fth_test_trigger|fth_test_warn|soft.lockup.*fth_lockup|INFO:.task.fth_hang|BUG:.kernel.NULL|Oops'
# kernels: 6.1 6.12
# debug: no: it is full of WARNs and oopses
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

P=fth_test_trigger_p
T=/sys/module/fth_test_trigger/parameters
DEMO=/tests/examples/fother_demo_cmdline.ko
WARNS=20 # in a row; several in a second
DEMO_P=$PATCHES/fother_demo_cmdline

# soaks POLICY...: the patch that brings trouble is in force
soaks() {
	ok "policy: $*" policy "$P confirm-within=none $*"
	ok "$P loads" insmod $MOD/$P.ko
	eventually 30 "it is in force" has $PATCHES/$P/state soaking
}

# goes TRIGGER: it was reverted for it, and is let go
goes() {
	eventually 60 "$1: it reverts" gone $P
	ok "... and is blocked for it" holds $S/blocked "^$P - $1 incident="
	ok "... which is the newest incident" sh -c "grep -m1 '^[0-9]' $S/incidents | grep -q '^[0-9]* $1 $P at'"
	ok "... and over" sh -c "grep -m1 '^[0-9]' $S/incidents | grep -q \"patch '$P' reverted\""
	ok "it is allowed" write $P $S/allow
	ok "it can be unloaded" rmmod $P
}

# newest PATTERN: of the newest incident, with the lines of its report
newest() {
	awk 'NR > 1 && /^[0-9#]/ { exit } { print }' $S/incidents | grep -q "$1"
}

newest_number() {
	sed -n '1s/ .*//p' $S/incidents
}

# told TRIGGER: it was noticed, and reverted nothing
told() {
	eventually 20 "$1: it is told of" newest "^[0-9]* $1 at .*nothing is reverted for it" ||
		diag "$(sed -n 1,10p $S/incidents)"
	is "$(state_of $P)" soaking "... and reverts nothing"
}

lacks_log() { # PATTERN
	! dmesg | grep -q "$1"
}

# made FILE KIND: writes it
made() {
	ok "$2, $1" write "$2" $T/"$1"
}

need $MOD/fth_test_trigger.ko $MOD/$P.ko $MOD/fth_test_gate.ko $DEMO
is "$(cat /proc/sys/kernel/panic_on_oops),$(cat /proc/sys/kernel/panic_on_warn)" 0,0 "nothing panics"
traced_before=$(cat $TRACED)
ok "fother loads" insmod "/lib/modules/$(uname -r)/fother.ko"
ok "the target loads" insmod $MOD/fth_test_trigger.ko

# A hung task: a thread in uninterruptible sleep in the patched function, which only an
# immediate revert gets past.  First, as the kernel looks for none after an oops.
timeout=$(cat /proc/sys/kernel/hung_task_timeout_secs)
soaks revert-on=hung-task revert-mode=consistent-then-immediate deadline=1s
made inside hang
ok "a task hangs soon" write 1 /proc/sys/kernel/hung_task_timeout_secs
eventually 60 "hung task: old code is in force" holds $PATCHES/$P/state immediate
ok "no other task is looked for" write "$timeout" /proc/sys/kernel/hung_task_timeout_secs
nok "its text is still in use" rmmod $P
ok "its stack is shown" newest 'fth_test_trigger_patched'
made release 1
goes hung-task
ok "the target is made new" rmmod fth_test_trigger
ok "... for those that sleep" insmod $MOD/fth_test_trigger.ko

# A soft lockup: a thread that spins in the patched function.
thresh=$(cat /proc/sys/kernel/watchdog_thresh)
ok "the watchdog bites soon" write 1 /proc/sys/kernel/watchdog_thresh
soaks revert-on=soft-lockup
dmesg -c >/dev/null
made inside lockup
goes soft-lockup
ok "no other CPU was held for the one that was stuck" lacks_log 'soft lockup.*migration'
ok "... but waited for" said "doesn't answer; tried again when it does"
ok "the watchdog's words are there" newest 'watchdog: BUG: soft lockup - CPU#'
ok "the function is named" newest "with 'fth_test_trigger_inside' of the patch on its stack"
ok "the watchdog is as it was" write "$thresh" /proc/sys/kernel/watchdog_thresh

# An oops: anywhere, or with a function of the patch on the stack.
soaks revert-on=oops-in-patch,warn-in-patch
made outside warn
told warn
made outside oops # in the same second, unless the machine is slow
told oops
made inside oops
goes oops
ok "the function is named" newest "task [0-9]* 'fth_oops' with 'fth_test_trigger_inside' of the patch on its stack"
ok "the report's first line is there" newest 'BUG: kernel NULL pointer dereference, address: 0000000000000008'
ok "and where it was" newest 'RIP: 0010:fth_test_trigger_patched'
soaks revert-on=oops-in-patch revert-mode=immediate
made inside bug
goes oops
ok "a BUG's report is there too" newest 'kernel BUG at .*fth_test_trigger.h'
ok "it was immediate" newest 'at once, without a look at any task'
soaks revert-on=oops
made outside oops
goes oops

# A WARN, the same; a patch whose policy doesn't name it stays.
soaks revert-on=warn-in-patch
ok "policy" policy 'fother_demo_cmdline confirm-within=none revert-on=oops'
ok "another patch loads" insmod $DEMO
eventually 30 "it is in force" has $DEMO_P/state soaking
sleep 2 # one in a second is told of
made outside warn
told warn
before=$(newest_number)
began=$(date +%s)
for _ in $(seq $WARNS); do write warn $T/outside; done
told_of=$(($(newest_number) - before))
ok "of $WARNS more one in a second is told of" test "$told_of" -le $(($(date +%s) - began + 1))
made inside warn
goes warn
ok "its words are there" newest 'fth_test_trigger: a warning on purpose'
ok "and its place" newest 'WARNING: .* fth_test_trigger_patched'
is "$(cat $DEMO_P/state)" soaking "the other patch is still there"
soaks revert-on=warn
made outside warn
goes warn
before=$(cat $S/incidents)
dmesg -c >/dev/null
made outside warn
eventually 20 "a WARN that no policy names" said 'fth_test_trigger: a warning on purpose'
is "$(cat $S/incidents)" "$before" "... is not told of"
made outside oops
eventually 30 "the other patch goes for an oops" gone fother_demo_cmdline
ok "it is allowed" write fother_demo_cmdline $S/allow
ok "it can be unloaded" rmmod fother_demo_cmdline

# Two patches, one trigger; the newest goes first.
ok "policy" policy 'fother_demo_cmdline confirm-within=none revert-on=warn'
ok "another patch loads" insmod $DEMO
eventually 30 "it is in force" has $DEMO_P/state soaking
soaks revert-on=warn
dmesg -c >/dev/null
made outside warn
eventually 30 "both go: one" gone $P
eventually 30 "both go: the other" gone fother_demo_cmdline
is "$(dmesg | sed -n "s/.*patch '\([a-z_]*\)' reverted.*/\1/p" | tr '\n' ' ')" \
	"$P fother_demo_cmdline " "the newest first"
ok "they are allowed" write all $S/allow
ok "both can be unloaded" rmmod $P fother_demo_cmdline

# A trigger during a revert changes nothing.
soaks revert-on=warn nudge-after=manual deadline=none
made inside sleep
dmesg -c >/dev/null
ok "it is taken back" write $P $S/revert
eventually 20 "... which a thread in it holds up" holds $PATCHES/$P/pending 'fth_sleep'
made outside warn
eventually 20 "a WARN meanwhile" said 'fth_test_trigger: a warning on purpose'
is "$(state_of $P)" reverting "... and changes nothing"
made release 1
eventually 30 "it reverts" gone $P
is "$(grep -c "^[0-9]* sysfs $P at" $S/incidents)" 1 "... as it was asked to"
ok "it is allowed" write $P $S/allow
ok "it can be unloaded" rmmod $P
ok "the target is made new" rmmod fth_test_trigger
ok "... for those that sleep" insmod $MOD/fth_test_trigger.ko

# A WARN finds the patch in force, and comes to its alarm, or to writing it down, when that has
# been replaced.  Until then it keeps the second CPU busy, so all else is done by the first.
GATES=/sys/module/fth_test_gate/parameters
WORKERS=/sys/devices/virtual/workqueue/cpumask
BY=fth_test_gen_p3
late_alarm() { # FUNCTION END
	workers=$(cat $WORKERS)
	soaks revert-on=warn
	ok "policy of one that replaces it" policy "$BY confirm-within=none revert-on=none"
	ok "gates" insmod $MOD/fth_test_gate.ko at=fth_settle_finish,"$1"
	ok "workers stay on the first CPU" write 1 $WORKERS
	ok "... and so does this" taskset -p 1 $$
	ok "it comes" insmod $MOD/$BY.ko replace=1
	eventually 30 "all tasks have switched" holds $GATES/held fth_settle_finish
	taskset 2 insmod $MOD/fth_test_warn.ko warn=1 2>/dev/null &
	eventually 30 "the WARN is in $1" holds $GATES/held "$1"
	ok "the transition ends" write fth_settle_finish $GATES/open
	eventually 30 "the patch is replaced" holds $PATCHES/$P/state reverting
	ok "the WARN goes on" write "$1" $GATES/open
	wait $!
	ok "all CPUs are for all again" write "$workers" $WORKERS
	ok "... and for this" taskset -p 3 $$
	eventually 30 "the patch goes" gone $P
	eventually 30 "the emergency is over, too" holds $S/incidents "^[0-9]* warn $P at .*; $2" ||
		diag "$(grep '^[0-9#]' $S/incidents)"
	nok "none runs for ever" holds $S/incidents 'the revert runs'
	ok "... and the patch blocked for it" holds $S/blocked "^$P - warn incident="
	ok "it is allowed" write $P $S/allow
	ok "it can be unloaded" rmmod fth_test_gate $P
	revert $BY
}
ok "functions of other patches, and what they tell" insmod $MOD/fth_test_log.ko
ok "... and where" insmod $MOD/fth_test_gen.ko
late_alarm fth_incidents_number 'it was on its way out already'
late_alarm fth_incidents_add 'it was replaced'
ok "the functions go" rmmod fth_test_gen fth_test_log

# The host is lost: here it never was.  Who is confirmed stays.
soaks revert-on=host-loss revert-host-loss-after=5s
goes host-loss
ok "policy" policy 'fother_demo_cmdline revert-on=host-loss revert-host-loss-after=5s'
ok "another patch loads" insmod $DEMO
eventually 30 "it is in force" has $DEMO_P/state soaking
ok "it is confirmed" write 1 $DEMO_P/confirm
soaks revert-on=host-loss revert-host-loss-after=6s
goes host-loss
is "$(cat $DEMO_P/state)" applied "a confirmed one stays"
revert fother_demo_cmdline

ok "the target unloads" rmmod fth_test_trigger
eventually 30 "fother unloads" rmmod fother
is "$(cat $TRACED)" "$traced_before" "ftrace is as it was"

# A forced one stays whatever happens.  It is pinned for ever, so it comes last.
SLEEP_P=$PATCHES/fth_test_sleep
ok "fother loads again" insmod "/lib/modules/$(uname -r)/fother.ko"
held_up confirm-within=none revert-on=warn
ok "forced" write 1 $SLEEP_P/force
eventually 20 "it is in force" has $SLEEP_P/state 'soaking (forced: pinned until the next boot)'
ok "the target loads" insmod $MOD/fth_test_trigger.ko
made outside warn
eventually 20 "a WARN reverts nothing" newest '^[0-9]* warn at .*nothing is reverted for it'
made outside oops
eventually 20 "an oops reverts nothing" newest '^[0-9]* oops at .*nothing is reverted for it'
warns=0
while [ $warns -lt 9 ]; do # more than are kept
	sleep 1.2
	write warn $T/outside
	warns=$((warns + 1))
done
eventually 20 "many WARNs are kept" newest '^[0-9]* warn at '
ok "... and don't displace the oops" holds $S/incidents '^[0-9]* oops at .*nothing is reverted for it'
ok "policy" policy 'fother_demo_cmdline confirm-within=none'
ok "another patch loads" insmod $DEMO
eventually 30 "it is in force" has $DEMO_P/state soaking
ok "SysRq" write y /proc/sysrq-trigger
eventually 30 "... takes that one back" gone fother_demo_cmdline
ok "it is allowed" write fother_demo_cmdline $S/allow
ok "it can be unloaded" rmmod fother_demo_cmdline
# Behind whatever else SysRq left to do.
ok "it loads again" insmod $DEMO
eventually 30 "it is in force" has $DEMO_P/state soaking
nok "none of this is an incident of the forced one" holds $S/incidents 'fth_test_sleep'
is "$(state_of fth_test_sleep)" 'soaking (forced: pinned until the next boot)' "it is in force"
ok "the thread's module is unloaded" rmmod fth_test_sleeper
done_testing

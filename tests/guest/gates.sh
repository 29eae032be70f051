#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What comes between two steps of the engine's workers, which gates hold there.
# vm: --smp 2 --timeout 300
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

GATES=/sys/module/fth_test_gate/parameters
DEMO=fother_demo_cmdline
VERSION=fother_demo_version
PAUSE=fth_test_pause
WRAP=fth_test_wrap
WRAP_P=$PATCHES/$WRAP
SLEEP_P=$PATCHES/fth_test_sleep

file_of() { # MODULE
	[ -e "$MOD/$1.ko" ] && echo "$MOD/$1.ko" || echo "/tests/examples/$1.ko"
}

gates() { # FUNCTION[,FUNCTION]...
	ok "gates at $1" insmod $MOD/fth_test_gate.ko at="$1"
}

held() { # FUNCTION
	eventually 60 "a worker waits at $1()" grep -qx "$1" $GATES/held
}

in_force() { # MODULE
	apply_under "$(file_of "$1")" confirm-within=none
}

reverted() { # MODULE: in emergency
	eventually 30 "$1 reverts" gone "$1"
	ok "... and is allowed" write "$1" $S/allow
	ok "... and can be unloaded" rmmod "$1"
}

nudged() { # COMMAND...: everybody is, before it
	write 1 $WRAP_P/nudge
	"$@"
}

need "$(file_of $DEMO)" "$(file_of $VERSION)" $MOD/fth_test_gate.ko $MOD/$WRAP.ko $MOD/$PAUSE.ko
fother_in

# An alarm that the worker has yet to take goes before what is new.
in_force $VERSION
ok "policy of another one" policy "$DEMO confirm-within=none"
gates fth_teller_settled
in_force $PAUSE
held fth_teller_settled
ok "an emergency begins" write $VERSION $S/revert
is "$(state_of $VERSION)" soaking "... and is not taken yet"
dmesg -c >/dev/null
nok "nothing new is adopted before it" insmod "$(file_of $DEMO)"
ok "... as the log says" said "patch '$DEMO' refused: '$VERSION' is to be reverted in emergency first; try again"
ok "the worker goes on" rmmod fth_test_gate
reverted $VERSION
ok "then it is adopted" insmod "$(file_of $DEMO)"
eventually 30 "... and in force" has $PATCHES/$DEMO/state soaking
revert $PAUSE

# A release whose look at the stacks finds nobody leaves the other patch's stragglers
# alone: in io_uring they are seen by the transition's roster only.
ok "policy of one that waits" policy "$WRAP leave=kernel switch=thread nudge-after=manual deadline=none confirm-within=none"
waiters 6 0 uring
gates fth_work_release
ok "$DEMO is asked to leave" write 0 $PATCHES/$DEMO/enabled
held fth_work_release
ok "$WRAP loads" insmod $MOD/$WRAP.ko functions=__x64_sys_epoll_wait
eventually 30 "it waits for all 6" sh -c "[ \$(grep -c '^[0-9]* fth_waits: ' $WRAP_P/pending) -ge 6 ]"
ok "the release goes on" rmmod fth_test_gate
eventually 30 "... and is over" gone $DEMO
ok "... and the module can be unloaded" rmmod $DEMO
is "$(state_of $WRAP)" applying "$WRAP still waits"
eventually 30 "each is seen to leave when it is nudged: it is in force" \
	nudged has $WRAP_P/state soaking
end_waiters
unharmed "none of them"
ok "it is asked to leave" write 0 $WRAP_P/enabled
eventually 30 "it reverts" nudged gone $WRAP
ok "it can be unloaded" rmmod $WRAP

fother_out

# Forced ends pin for ever, so they come last.  What is forced stays in any emergency.
ok "fother loads again" insmod "/lib/modules/$(uname -r)/fother.ko"
held_up confirm-within=none
gates fth_settle_finish
ok "it is forced" write 1 $SLEEP_P/force
held fth_settle_finish
ok "an emergency begins meanwhile" write 1 $S/revert
ok "the worker goes on" rmmod fth_test_gate
eventually 20 "the emergency comes to nothing" \
	holds $S/incidents 'sysfs fth_test_sleep at .*; it was forced meanwhile, and stays'
is "$(state_of fth_test_sleep)" 'soaking (forced: pinned until the next boot)' "it is in force"
nok "it is not blocked" holds $S/blocked fth_test_sleep
nok "it is not reverted by name" write fth_test_sleep $S/revert
nok "there is nothing to be reverted" write 1 $S/revert
in_force $DEMO
ok "SysRq" write y /proc/sysrq-trigger
reverted $DEMO
in_force $DEMO
ok "all are reverted" write 1 $S/revert
reverted $DEMO
is "$(grep -c '^[0-9]* [a-z-]* fth_test_sleep at' $S/incidents)" 1 "none of this is an incident of the forced one"
ok "the thread's module is unloaded" rmmod fth_test_sleeper
no_fault
done_testing

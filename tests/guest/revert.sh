#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Emergency revert by hand and by the clock: confirmation, sysfs, SysRq, modes, blocks.
# vm: --smp 2 --timeout 400 --append 'fother.block=fother_demo_version "fother.block=no_such" fother.block="nor_this, and-that"'
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

DEMO=/tests/examples/fother_demo_cmdline.ko
DEMO_P=$PATCHES/fother_demo_cmdline
VERSION=/tests/examples/fother_demo_version.ko
VERSION_P=$PATCHES/fother_demo_version
PAUSE_P=$PATCHES/fth_test_pause
NEW='this has been live patched'
OLD=$(cat /proc/cmdline)

# reverted NAME: it goes, is blocked, allowed again
reverted() {
	eventually 30 "$1 reverts" gone "$1"
	ok "... and is blocked" holds $S/blocked "^$1 "
	ok "... and can be unloaded" rmmod "$1"
	ok "... and is allowed" write "$1" $S/allow
	nok "... once" write "$1" $S/allow
}

# refused FILE TEXT MESSAGE
refused() {
	dmesg -c >/dev/null
	nok "writing '$2' to '$(basename "$1")' is refused" write "$2" "$1"
	ok "... and the log says: $3" said "$3"
}

incidents_of() { # NAME: how many
	grep -c "^[0-9]* [a-z-]* $1 at" $S/incidents
}

need $DEMO $VERSION $MOD/fth_test_pause.ko
fother_in

# Kept out from the kernel's command line.
is "$(cat $S/blocked)" 'fother_demo_version - command-line
no_such - command-line
nor_this - command-line
and_that - command-line' "fother.block= is applied without any modprobe"
is "$(cat $S/incidents)" '' "no incident yet"
is "$(stat -c %a $S/incidents)" 400 "incidents, with words of the kernel's log, are root's alone"
ok "policy of what is blocked" policy 'fother_demo_version'
dmesg -c >/dev/null
nok "it is refused" insmod $VERSION
ok "... and the log says why" said "refused: blocked by 'fother.block=fother_demo_version' on the kernel's command line"
nok "... and the in-tree core did not get it either" test -e /sys/kernel/livepatch/fother_demo_version
ok "it is allowed" write fother_demo_version $S/allow
nok "then it is blocked no longer" holds $S/blocked fother_demo_version
ok "everything is allowed" write all $S/allow
is "$(cat $S/blocked)" '' "nothing is blocked"

# Commit-confirm, and a decision that is put off: the first one's end tells that the
# second one's time is over too.
apply_under $VERSION confirm-within=2s
like "$(cat $VERSION_P/confirm)" '*ms' "what is left can be read"
ok "it is extended" write 1h $VERSION_P/confirm
ok "... which shows" sh -c "[ \$(tr -d 'ms\n' <$VERSION_P/confirm) -gt 3500000 ]"
refused $VERSION_P/confirm 1ms 'refused: 1 ms, expected 1000 to 604800000'
nok "a word that is no duration is refused" write 5x $VERSION_P/confirm
apply_under $DEMO confirm-within=3s
is "$(cat /proc/cmdline)" "$NEW" "behaviour changed"
eventually 30 "it reverts when nobody confirms" gone fother_demo_cmdline
is "$(cat /proc/cmdline)" "$OLD" "behaviour is as before"
is "$(incidents_of fother_demo_cmdline)" 1 "that is one incident"
ok "... which says why" holds $S/incidents 'unconfirmed fother_demo_cmdline at .*: not confirmed within 3000 ms;'
ok "... and what came of it" holds $S/incidents "patch 'fother_demo_cmdline' reverted: emergency"
is "$(state_of fother_demo_version)" soaking "the extended one is still there"
ok "it can be unloaded" rmmod fother_demo_cmdline
dmesg -c >/dev/null
nok "the same patch again is refused" insmod $DEMO
ok "... and the log says since when, why and how to allow it" sh -c \
	"dmesg | grep -q \"blocked since [0-9]* s, when it was reverted in emergency (unconfirmed, incident [0-9]*); allow it with\""
ok "it is allowed" write fother_demo_cmdline $S/allow
ok "the extended one is confirmed" write 1 $VERSION_P/confirm
is "$(state_of fother_demo_version)" applied "then it is applied"
is "$(cat $VERSION_P/confirm)" none "and no time is left to count"
apply_under $DEMO confirm-within=2s
ok "an extension may be short" write 1s $DEMO_P/confirm
reverted fother_demo_cmdline
is "$(incidents_of fother_demo_cmdline)" 2 "the second time is another incident"

# By hand: one, all, SysRq.  A confirmed one goes too.
refused $S/revert no_such_patch "revert 'no_such_patch' refused: no such patch is adopted"
refused $S/revert 'fother_demo_version now' "expected 1, immediate, NAME or NAME immediate"
refused $S/revert '' "expected 1, immediate, NAME or NAME immediate"
ok "one is reverted by name" write fother_demo_version $S/revert
reverted fother_demo_version
ok "... and says who asked" holds $S/incidents 'sysfs fother_demo_version at .*: asked for in the guest;'
refused $S/revert 1 "revert: there is no patch in force"
apply_under $DEMO
apply_under $VERSION
dmesg -c >/dev/null
ok "all are reverted" write 1 $S/revert
reverted fother_demo_cmdline
reverted fother_demo_version
is "$(dmesg | sed -n "s/.*patch '\([a-z_]*\)' reverted.*/\1/p" | tr '\n' ' ')" \
	'fother_demo_version fother_demo_cmdline ' "the newest first"
apply_under $DEMO
ok "SysRq" write y /proc/sysrq-trigger
reverted fother_demo_cmdline
ok "... is the reason" holds $S/incidents '^[0-9]* sysrq fother_demo_cmdline at'

# Modes.  Sleepers in the patched function hold a consistent revert up.
apply_under $MOD/fth_test_pause.ko nudge-after=manual deadline=none confirm-within=none
pausers 5
ok "a consistent revert begins" write fth_test_pause $S/revert
eventually 20 "... and waits for the sleepers" holds $PAUSE_P/pending 'fth_pausers'
is "$(stat -c %a $PAUSE_P/pending)" 400 "where tasks are in the kernel is for root alone"
before=$(cat $S/incidents)
ok "another trigger" write y /proc/sysrq-trigger
ok "... and another" write 1 $S/revert
is "$(incidents_of fth_test_pause)" 1 "... change nothing"
is "$(state_of fth_test_pause)" reverting "... and it is still reverting"
refused $PAUSE_P/enabled 1 "enable 'fth_test_pause' refused: it is reverted in emergency"
nok "it can't be confirmed" write 1 $PAUSE_P/confirm
is "$(cat $S/incidents)" "$before" "none of this is an incident"
ok "it is wanted at once" write 'fth_test_pause immediate' $S/revert
eventually 20 "then it is over" holds $PAUSE_P/state 'immediate: all tasks were switched without a look'
is "$(cat $PAUSE_P/transition)" 0 "... for all tasks"
ok "the log says so" said "reverted at once, without a look at any task, which may break consistency"
nok "its module can't be unloaded while they sleep in it" rmmod fth_test_pause
is "$(lsmod | grep -c ^fth_test_pause)" 1 "it is there"
end_pausers
reverted fth_test_pause

# Long enough to be seen before it ends.
apply_under $MOD/fth_test_pause.ko nudge-after=manual deadline=$((3 * ${TAP_SLOWER:-1}))s confirm-within=none \
	revert-mode=consistent-then-immediate
pausers 5
ok "a revert begins" write 1 $S/revert
eventually 20 "it is consistent at first" holds $PAUSE_P/pending 'fth_pausers'
eventually 20 "and immediate after its deadline" holds $PAUSE_P/state 'immediate'
end_pausers
reverted fth_test_pause

# A revert that waits for another patch's transition is not lost; an immediate one
# doesn't wait.
apply_under $MOD/fth_test_pause.ko nudge-after=manual deadline=none confirm-within=none
pausers 5
# Longer than what comes before the first one's revert.
apply_under $DEMO confirm-within=$((3 * ${TAP_SLOWER:-1}))s
apply_under $VERSION revert-mode=immediate confirm-within=none
ok "a patch is taken back, and can't leave" write 0 $PAUSE_P/enabled
eventually 20 "... as tasks sleep in it" holds $PAUSE_P/pending 'fth_pausers'
eventually 20 "another one is not confirmed" holds $S/incidents 'unconfirmed fother_demo_cmdline .* the revert runs'
is "$(state_of fother_demo_cmdline)" soaking "... and waits"
refused $DEMO_P/confirm 1 "confirm 'fother_demo_cmdline' refused: it is reverted in emergency"
refused $DEMO_P/confirm 1h "extend 'fother_demo_cmdline' refused: it is being reverted"
refused $PAUSE_P/enabled 1 "enable 'fth_test_pause' refused: 'fother_demo_cmdline' is to be reverted in emergency first"
ok "a third one is reverted" write fother_demo_version $S/revert
reverted fother_demo_version
ok "... beside the transition" said "beside the transition of 'fth_test_pause'"
is "$(state_of fother_demo_cmdline),$(state_of fth_test_pause)" soaking,reverting "the others are as they were"
end_pausers
reverted fother_demo_cmdline
eventually 20 "the first one has left" gone fth_test_pause
ok "it can be unloaded" rmmod fth_test_pause

# Its own transition is turned round, whatever holds it up.
ok "policy" policy 'fth_test_pause nudge-after=manual deadline=none confirm-within=none'
pausers 5
ok "a patch is applied, and can't be" insmod $MOD/fth_test_pause.ko
eventually 20 "... as tasks sleep in it" holds $PAUSE_P/pending 'fth_pausers'
ok "SysRq" write y /proc/sysrq-trigger
reverted fth_test_pause
end_pausers
apply_under $DEMO
ok "one more is reverted" write 1 $S/revert
eventually 30 "it reverts" gone fother_demo_cmdline
ok "it can be unloaded" rmmod fother_demo_cmdline
last=$(sed -n '1s/ .*//p' $S/incidents)

fother_out

# Parameters.
dmesg -c >/dev/null
nok "fother does not load with a pattern of patches to block" \
	insmod "/lib/modules/$(uname -r)/fother.ko" block='fother_demo_pipe,fother_demo_*'
ok "... and the log says why" said "found 'fother_demo_*' among the patches to be blocked, expected 'all' or names of modules"
ok "fother loads with another key and a block" insmod "/lib/modules/$(uname -r)/fother.ko" \
	sysrq_key=x block=fother-demo-pipe
ok "what an emergency took back is still blocked" \
	holds $S/blocked "^fother_demo_cmdline - sysfs incident=$last "
ok "the parameter's block is there" holds $S/blocked '^fother_demo_pipe - command-line'
ok "and the one of the command line" holds $S/blocked '^fother_demo_version - command-line'
ok "all are allowed" write all $S/allow
apply_under $DEMO
ok "SysRq with that key" write x /proc/sysrq-trigger
eventually 30 "no number is used again" holds $S/incidents "^$((last + 1)) sysrq fother_demo_cmdline"
reverted fother_demo_cmdline
ok "fother unloads" rmmod fother
dmesg -c >/dev/null
ok "fother loads without a key" insmod "/lib/modules/$(uname -r)/fother.ko" sysrq_key=0 block=all
ok "everything is blocked" holds $S/blocked '^all - command-line'
ok "policy" policy fother_demo_cmdline
nok "a patch is refused" insmod $DEMO
ok "all are allowed" write all $S/allow
apply_under $DEMO
ok "SysRq with the default key" write y /proc/sysrq-trigger
is "$(state_of fother_demo_cmdline)" soaking "does nothing"
ok "it is confirmed" write 1 $DEMO_P/confirm
revert fother_demo_cmdline
is "$(cat $S/blocked)" '' "a revert that is no emergency blocks nothing"
ok "fother unloads" rmmod fother
no_fault
done_testing

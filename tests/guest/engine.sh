#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The engine by hand, without any host: policy file, insmod, sysfs.
# vm: --smp 2 --timeout 400
# kernels: 6.1 6.1-generic 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

DEMO=/tests/examples/fother_demo_cmdline.ko
DEMO_P=$PATCHES/fother_demo_cmdline
PAUSE_P=$PATCHES/fth_test_pause
SLEEP_P=$PATCHES/fth_test_sleep
NEW='this has been live patched'
OLD=$(cat /proc/cmdline)

# refused_policy LINE MESSAGE
refused_policy() {
	dmesg -c >/dev/null
	nok "policy line '$1' is refused" policy "$1"
	ok "... and the log says: $2" said "$2"
}

# refused_patch KIND MESSAGE
refused_patch() {
	dmesg -c >/dev/null
	nok "a patch with '$1' is refused" insmod $MOD/fth_test_bad.ko kind="$1"
	ok "... and the log says: $2" said "$2"
	ok "... and nothing is left of it" gone fth_test_bad
}

need $MOD/fth_test_pause.ko $MOD/fth_test_sleep.ko $MOD/fth_test_bad.ko $DEMO
fother_in

# Policy lines.
refused_policy 'p nudge-after=1x' "policy 'p': nudge-after='1x', expected a duration such as 500ms, 1s, 10m or manual"
refused_policy 'p wibble=1' "policy 'p': unknown key 'wibble'"
refused_policy 'p nudge-after' "policy 'p': 'nudge-after' is not key=value"
refused_policy 'p deadline=1s deadline=2s' "policy 'p': key 'deadline' stands twice"
refused_policy 'p flags=none leave=kernel' "policy 'p': either flags or leave and switch, not both"
refused_policy 'p revert-on=oops,oops-in-patch' 'policy refused: revert.on:'
refused_policy 'p revert-mode=consistent-then-immediate deadline=none' 'policy refused: revert.mode:'
refused_policy 'p leave=function switch=thread' 'policy refused: leave: function checks no task'
refused_policy 'p leave=function switch=kernel' 'policy refused: leave: function redirects each call at once'
refused_policy 'p leave=patched-set switch=function' 'policy refused: switch: function redirects each function alone'
refused_policy 'p leave=kernel switch=function' 'policy refused: switch: function redirects each function alone'
refused_policy 'p flags=none extend-set=do_exit' 'policy refused:'
refused_policy 'p flags=none freeze-use=always' 'policy refused:'
refused_policy 'p flags=none on-deadline=freeze' 'policy refused:'
refused_policy 'p flags=in-thread,in-time freeze-use=never' 'policy refused:'
refused_policy 'p nudge-timed=maybe' "policy 'p': nudge-timed='maybe', expected restart, interrupt or wait"
refused_policy 'p freeze-attempts=0' 'policy refused:'
refused_policy '' "policy: a line begins with a module's name or '*', found ''"
refused_policy '-p' "policy: there is none for 'p' to take away"
refused_policy 'p stop-max=1us' 'policy refused: transition.stop-max: 100us to 1s'
is "$(cat $S/policy)" '' "no refused line left anything"
ok "a policy is taken" policy 'p leave=patched-set switch=thread deadline=none nudge-after=manual confirm-within=none'
is "$(cat $S/policy)" 'p leave=patched-set switch=thread deadline=none on-deadline=reverse stop-max=50000us nudge-after=manual nudge-every=5000ms nudge-timed=restart freeze-use=if-needed freeze-way=park freeze-budget=500ms freeze-attempts=5 confirm-within=none revert-on=none revert-host-loss-after=60000ms revert-mode=consistent' "and listed"
ok "a policy is taken away" policy '-p'
is "$(cat $S/policy)" '' "and not listed any more"

# Apply and revert.
ok "policy for the demo" policy 'fother_demo_cmdline nudge-after=1s'
ok "the patch loads" insmod $DEMO
eventually 20 "it becomes soaking" has $DEMO_P/state soaking
is "$(cat /proc/cmdline)" "$NEW" "behaviour changed"
is "$(cat $DEMO_P/vmlinux/cmdline_proc_show,1/hits)" 1 "one call was counted"
is "$(cat $DEMO_P/vmlinux/cmdline_proc_show,1/patched)" 1 "the function is patched"
is "$(cat $DEMO_P/vmlinux/cmdline_proc_show,1/transition)" 0 "and in no transition"
is "$(cat $DEMO_P/vmlinux/patched)" 1 "the object is patched"
is "$(cat $DEMO_P/enabled),$(cat $DEMO_P/transition)" 1,0 "enabled, no transition"
is "$(cat $DEMO_P/pending)" '' "nothing is pending"
nok "writing the present value is refused" write 1 $DEMO_P/enabled
nok "force outside a transition is refused" write 1 $DEMO_P/force
nok "nudge outside a transition is refused" write 1 $DEMO_P/nudge
nok "fother can't be unloaded" rmmod fother
nok "nor can the patch" rmmod fother_demo_cmdline
ok "sysctl ftrace_enabled can't switch it off" sh -c '! echo 0 >/proc/sys/kernel/ftrace_enabled'
is "$(cat /proc/cmdline)" "$NEW" "it is still in force"
ok "it can be confirmed" write 1 $DEMO_P/confirm
is "$(cat $DEMO_P/state)" applied "then it is applied"
ok "confirming twice is fine" write 1 $DEMO_P/confirm
dmesg -c >/dev/null
ok "a policy for all" policy '*'
ok "another patch of the same function goes on top" insmod $MOD/fth_test_cmdline_owner.ko
eventually 20 "it is in force" has $PATCHES/fth_test_cmdline_owner/state soaking
is "$(cat /proc/cmdline)" 'the in-tree core owns this' "its behaviour, in spite of what it says"
revert fth_test_cmdline_owner
is "$(cat /proc/cmdline)" "$NEW" "the one below has the function again"
ok "the wildcard policy is taken away" policy '-*'
nok "the in-tree core can't have the function either" insmod $MOD/fth_test_cmdline_owner.ko
is "$(cat /proc/cmdline)" "$NEW" "our patch is still in force"
ok "a patch without a policy goes to the in-tree core" insmod /tests/examples/fother_demo_version.ko
ok "... which lists it" test -e /sys/kernel/livepatch/fother_demo_version
ok "... and we don't" gone fother_demo_version
eventually 30 "... and it completes" has /sys/kernel/livepatch/fother_demo_version/transition 0
like "$(cat /proc/version)" '*live patched*' "both are in force"
is "$(cat /proc/cmdline)" "$NEW" "both are in force"
revert fother_demo_cmdline
is "$(cat /proc/cmdline)" "$OLD" "behaviour is as before"
like "$(cat /proc/version)" '*live patched*' "the in-tree patch is still in force"
ok "the in-tree patch is disabled" write 0 /sys/kernel/livepatch/fother_demo_version/enabled
eventually 30 "it leaves" test ! -e /sys/kernel/livepatch/fother_demo_version
eventually 10 "it is unloaded" rmmod fother_demo_version

# A function the in-tree core owns.
ok "the in-tree core gets a function first" insmod $MOD/fth_test_cmdline_owner.ko
eventually 30 "it has it" has /sys/kernel/livepatch/fth_test_cmdline_owner/transition 0
dmesg -c >/dev/null
nok "our patch of it is refused" insmod $DEMO
ok "... naming the owner" said "'cmdline_proc_show' is patched by livepatch module 'fth_test_cmdline_owner' through the in-tree core"
ok "... and nothing is left of it" gone fother_demo_cmdline
dmesg -c >/dev/null
nok "replace beside an in-tree patch is refused" sh -c "echo fth_test_bad >$S/policy; insmod $MOD/fth_test_bad.ko kind=replace"
ok "... and the log says why" said 'patches of the in-tree core'
ok "the owner is disabled" write 0 /sys/kernel/livepatch/fth_test_cmdline_owner/enabled
eventually 30 "it leaves" test ! -e /sys/kernel/livepatch/fth_test_cmdline_owner
eventually 10 "it is unloaded" rmmod fth_test_cmdline_owner

# Patches that must be refused.
ok "policy for bad patches" policy 'fth_test_bad'
refused_patch unknown "this kernel has no function 'fth_no_such_function'"
refused_patch ambiguous "'name_show' is the name of several functions; the patch must set old_sympos"
refused_patch sympos "old_sympos of 'version_proc_show' is 7, but there are only 1 of that name"
refused_patch data "'init_task' has no ftrace entry"
refused_patch notrace "'exc_divide_error' has no ftrace entry"
refused_patch stopper "'multi_cpu_stop' runs while all CPUs are stopped"
refused_patch twice "it replaces 'version_proc_show' twice"
refused_patch none "'version_proc_show' has no new_func"
refused_patch nameless 'a name of 0 characters, expected 1 to '
refused_patch module "'version_proc_show'"
ok "a policy for all" policy '*'
sed 's/fth_test_bad/fth+test+bad/g' $MOD/fth_test_bad.ko >/tmp/odd.ko
dmesg -c >/dev/null
nok "a patch with an odd name is refused" insmod /tmp/odd.ko
ok "... and the log says why" said "patch 'fth+test+bad' refused: its name"
ok "the policy for all is taken away" policy '-*'
ok "replace alone is accepted" insmod $MOD/fth_test_bad.ko kind=replace
eventually 20 "and applied" has $PATCHES/fth_test_bad/state soaking
revert fth_test_bad

# Sleepers in a patched function.
ok "policy without nudges" policy 'fth_test_pause nudge-after=manual deadline=none'
pausers 30
ok "the patch loads" insmod $MOD/fth_test_pause.ko
eventually 20 "it waits for the sleepers" holds $PAUSE_P/pending '__x64_sys_pause'
is "$(grep -c 'fth_pausers: __x64_sys_pause+0x[0-9a-f]*; since .* ms; waited for; nudge by hand' $PAUSE_P/pending)" 30 "pending names all 30, and what will be done"
is "$(cat $PAUSE_P/state)" applying "it is applying"
is "$(cat $PAUSE_P/transition)" 1 "the transition runs"
ok "another patch's load is not waited for" insmod $MOD/fth_test_sleeper.ko
ok "and unload" rmmod fth_test_sleeper
nok "another of our patches is refused meanwhile" insmod $DEMO
ok "they are nudged" write 1 $PAUSE_P/nudge
eventually 20 "that ends the transition" has $PAUSE_P/state soaking
eventually 20 "all came back in the new function" has "$PAUSE_P/vmlinux/__x64_sys_pause,1/hits" 30
ok "revert" write 0 $PAUSE_P/enabled
eventually 20 "the revert waits for them" holds $PAUSE_P/pending 'fth_test_pause_sys_pause'
is "$(cat $PAUSE_P/state)" reverting "it is reverting"
nok "rmmod is refused while they sleep in the patch" rmmod fth_test_pause
ok "turned round" write 1 $PAUSE_P/enabled
eventually 20 "it is in force again, without a nudge" has $PAUSE_P/state soaking
ok "and back" write 0 $PAUSE_P/enabled
eventually 20 "it waits again" holds $PAUSE_P/pending 'fth_test_pause_sys_pause'
ok "nudged again" write 1 $PAUSE_P/nudge
eventually 20 "it is gone" gone fth_test_pause
ok "it can be unloaded" rmmod fth_test_pause
end_pausers

# Nudges by policy; deadlines; confirmation.
ok "policy with nudges" policy 'fth_test_pause nudge-after=200ms nudge-every=200ms'
pausers 20
ok "the patch loads" insmod $MOD/fth_test_pause.ko
eventually 20 "nudges end the transition" has $PAUSE_P/state soaking
revert fth_test_pause
ok "policy with a deadline" policy 'fth_test_pause nudge-after=manual deadline=500ms'
dmesg -c >/dev/null
ok "the patch loads" insmod $MOD/fth_test_pause.ko
eventually 20 "the deadline reverses it" gone fth_test_pause
ok "... and says so" said "deadline of 500 ms missed with 20 tasks left"
ok "it can be unloaded" rmmod fth_test_pause
end_pausers
ok "policy with a short confirmation" policy 'fother_demo_cmdline confirm-within=1s'
dmesg -c >/dev/null
ok "the patch loads" insmod $DEMO
eventually 20 "unconfirmed it reverts by itself" gone fother_demo_cmdline
ok "... and says so" said "not confirmed within 1000 ms"
is "$(cat /proc/cmdline)" "$OLD" "behaviour is as before"
ok "it can be unloaded" rmmod fother_demo_cmdline

# Kernel threads.
ok "a kernel thread sleeps interruptibly" insmod $MOD/fth_test_sleeper.ko
ok "policy for its function" policy 'fth_test_sleep nudge-after=manual deadline=none'
ok "the patch loads" insmod $MOD/fth_test_sleep.ko
eventually 20 "it waits for the thread" holds $SLEEP_P/pending 'fth_sleeper: io_schedule_timeout'
ok "it is nudged" write 1 $SLEEP_P/nudge
eventually 20 "a wake-up ends the transition" has $SLEEP_P/state soaking
ok "the thread's module is unloaded" rmmod fth_test_sleeper
revert fth_test_sleep
ok "a kernel thread sleeps uninterruptibly" insmod $MOD/fth_test_sleeper.ko uninterruptible=1
ok "the patch loads" insmod $MOD/fth_test_sleep.ko
eventually 20 "it waits for the thread" holds $SLEEP_P/pending 'fth_sleeper: io_schedule_timeout'
ok "it is nudged" write 1 $SLEEP_P/nudge
ok "it still waits" holds $SLEEP_P/pending 'fth_sleeper'
ok "reversed" write 0 $SLEEP_P/enabled
eventually 20 "the reversal needs nobody" gone fth_test_sleep
ok "it can be unloaded" rmmod fth_test_sleep
ok "the thread's module is unloaded" rmmod fth_test_sleeper

# Text that is used though no replacement is on a stack any more.
TEXT_P=$PATCHES/fth_test_text
ok "policy for a patch that lingers" policy 'fth_test_text nudge-after=manual confirm-within=none'
ok "the patch loads" insmod $MOD/fth_test_text.ko
eventually 20 "it is in force" has $TEXT_P/state soaking
cat /proc/cmdline >/tmp/lingering &
lingering=$!
eventually 20 "a task sleeps in the patch's text" grep -q linger /proc/$lingering/stack
ok "it is reverted" write 0 $TEXT_P/enabled
eventually 20 "no straggler is left" has $TEXT_P/pending ''
nok "its module can't be unloaded all the same" rmmod fth_test_text
nok "nor can fother" rmmod fother
ok "the task leaves" write 1 /sys/module/fth_test_text/parameters/go
wait $lingering
eventually 20 "the patch goes" gone fth_test_text
ok "and its module" rmmod fth_test_text

# As it was.
fother_out

# Force pins for ever, so it comes last.
ok "fother loads again" insmod "/lib/modules/$(uname -r)/fother.ko"
held_up confirm-within=none
ok "forced" write 1 $SLEEP_P/force
eventually 20 "it is in force, and says how" has $SLEEP_P/state 'soaking (forced: pinned until the next boot)'
nok "it can't be reverted" write 0 $SLEEP_P/enabled
nok "nor unloaded" rmmod fth_test_sleep
nok "nor can fother" rmmod fother
ok "the thread's module is unloaded" rmmod fth_test_sleeper
no_fault
done_testing

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# consistency.extend-set: functions that are not replaced, but hold a task all
# the same while they are on its stack.
# vm: --smp 2 --timeout 240
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

DEMO=/tests/examples/fother_demo_cmdline.ko
DEMO_P=$PATCHES/fother_demo_cmdline
FILTERS=/sys/kernel/tracing/available_filter_functions
need $DEMO $MOD/fth_test_sleeper.ko $MOD/fth_test_unknown_symbol.ko
fother_in

apply_demo() {
	ok "the patch loads" insmod $DEMO
	eventually 20 "it is in force" has $DEMO_P/state soaking
}

# Of vmlinux.
ok "policy with a function in which tasks sleep" \
	policy 'fother_demo_cmdline nudge-after=manual deadline=none extend-set=__x64_sys_pause'
ok "... is listed" holds $S/policy 'extend-set=__x64_sys_pause'
pausers 5
ok "the patch loads" insmod $DEMO
eventually 20 "it waits for all that sleep there" \
	sh -c "[ \$(grep -c 'fth_pausers: __x64_sys_pause' $DEMO_P/pending) -eq 5 ]"
is "$(cat $DEMO_P/state)" applying "it is not in force"
ok "they are nudged" write 1 $DEMO_P/nudge
eventually 20 "then it is" has $DEMO_P/state soaking
ok "it is asked to leave" write 0 $DEMO_P/enabled
eventually 20 "they are waited for on the way back too" \
	sh -c "[ \$(grep -c 'fth_pausers: __x64_sys_pause' $DEMO_P/pending) -eq 5 ]"
ok "they are nudged" write 1 $DEMO_P/nudge
eventually 20 "it is gone" gone fother_demo_cmdline
ok "it can be unloaded" rmmod fother_demo_cmdline
end_pausers

# Of modules: one that is there, one that comes in the middle.
ok "policy with a function of a module" \
	policy 'fother_demo_cmdline nudge-after=manual deadline=none extend-set=fth_test_sleeper:sleep_on'
ok "the module loads, its thread sleeps there" insmod $MOD/fth_test_sleeper.ko uninterruptible=1
ok "the patch loads" insmod $DEMO
eventually 20 "it waits for the thread" holds $DEMO_P/pending 'fth_sleeper: sleep_on'
ok "the module goes" rmmod fth_test_sleeper
eventually 20 "with it the last who slept there" has $DEMO_P/state soaking
revert fother_demo_cmdline
ok "the patch loads without the module" insmod $DEMO
eventually 20 "nobody is waited for" has $DEMO_P/state soaking
ok "the module comes" insmod $MOD/fth_test_sleeper.ko uninterruptible=1
eventually 20 "its thread sleeps" sh -c 'grep -q sleep_on /proc/[0-9]*/stack'
ok "the patch is asked to leave" write 0 $DEMO_P/enabled
eventually 20 "the thread is waited for" holds $DEMO_P/pending 'fth_sleeper: sleep_on'
ok "the module goes in the middle" rmmod fth_test_sleeper
eventually 20 "it is gone" gone fother_demo_cmdline
ok "it can be unloaded" rmmod fother_demo_cmdline

# Of functions that ftrace has no entry for: text on a stack is all that counts.
nok "ftrace can't trace the sleep in a read of its pipe" grep -qw tracing_read_pipe $FILTERS
ok "policy with that function" \
	policy 'fother_demo_cmdline nudge-after=manual deadline=none extend-set=tracing_read_pipe'
background /tmp/pipe cat /sys/kernel/tracing/trace_pipe
reader=$background
eventually 20 "a reader sleeps there" holds /proc/$reader/stack tracing_read_pipe
ok "the patch loads" insmod $DEMO
eventually 20 "it waits for the reader" holds $DEMO_P/pending 'cat: tracing_read_pipe'
kill $reader
wait $reader
eventually 20 "without it the patch is in force" has $DEMO_P/state soaking
revert fother_demo_cmdline
nok "ftrace can't trace one of a module" grep -qw sleep_untraced $FILTERS
ok "policy with that function" policy \
	'fother_demo_cmdline nudge-after=manual deadline=none extend-set=fth_test_sleeper:sleep_untraced'
ok "the module loads, its thread sleeps there" insmod $MOD/fth_test_sleeper.ko uninterruptible=1
ok "the patch loads" insmod $DEMO
eventually 20 "it waits for the thread" holds $DEMO_P/pending 'fth_sleeper: sleep_untraced'
ok "the module goes" rmmod fth_test_sleeper
eventually 20 "the patch is in force" has $DEMO_P/state soaking
revert fother_demo_cmdline

# Names that several functions have; the kernel's list of symbols is in the order of N.
names=$(grep -c ' [tT] name_show$' /proc/kallsyms)
ok "$names functions are called name_show" [ "$names" -gt 1 ]
dmesg -c >/dev/null
ok "policy with all of them" policy 'fother_demo_cmdline extend-set=name_show'
nok "the patch is refused" insmod $DEMO
ok "... saying how many there are" \
	said "extend-set: 'name_show' is the name of $names functions; add ',N'"
ok "policy with two of them" \
	policy 'fother_demo_cmdline confirm-within=none extend-set=name_show,2,do_nanosleep,name_show,1'
ok "... is listed" holds $S/policy 'extend-set=name_show,2,do_nanosleep,name_show,1'
apply_demo
revert fother_demo_cmdline
ok "policy with one too many" policy "fother_demo_cmdline extend-set=name_show,$((names + 1))"
nok "the patch is refused" insmod $DEMO
ok "... saying how many there are" \
	said "extend-set: 'name_show,$((names + 1))': there are only $names of that name"
nok "a number without a name is refused" policy 'fother_demo_cmdline extend-set=2'
nok "so is none" policy 'fother_demo_cmdline extend-set=name_show,0'
ok "policy with data" policy 'fother_demo_cmdline extend-set=jiffies_64'
nok "the patch is refused" insmod $DEMO
ok "... saying that" said "extend-set: 'jiffies_64' is no function"

# What there is not.
ok "policy with a function that there is not" policy 'fother_demo_cmdline extend-set=fth_nowhere'
dmesg -c >/dev/null
nok "the patch is refused" insmod $DEMO
ok "... naming it" said "extend-set: there is no function 'fth_nowhere'"
ok "... and nothing is left of it" gone fother_demo_cmdline
ok "policy with one that a module has not" \
	policy 'fother_demo_cmdline confirm-within=none extend-set=fth_test_sleeper:fth_nowhere'
ok "the patch loads, for the module is not there" insmod $DEMO
eventually 20 "it is in force" has $DEMO_P/state soaking
ok "the module loads: there is nothing in it to be protected" insmod $MOD/fth_test_sleeper.ko
revert fother_demo_cmdline
ok "the patch is refused where the module is there" sh -c "! insmod $DEMO"
ok "... naming it" said "extend-set: there is no function 'fth_test_sleeper:fth_nowhere'"
ok "the module goes" rmmod fth_test_sleeper
fother_out
done_testing

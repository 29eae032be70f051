#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What happens at the deadline, status that explains, turns at random moments,
# many functions, and CPUs that are busy in the patched set.
# vm: --smp 2 --timeout 400
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"
# shellcheck source=tests/lib/witness.sh
. "${TAP_LIB%/*}/witness.sh"

GEN_P=fth_test_gen_p1
MANY_P=$PATCHES/fth_test_many_p
COMMON='confirm-within=none stop-max=1s'
TURNS=$(($(repeats 250) * 2)) # the last one is on its way in

need $MOD/$GEN_P.ko $MOD/fth_test_many.ko $MOD/fth_test_many_p.ko
fother_in
witness_in 0

# The deadline, with somebody inside who can't be moved, and with sleepers.
visitors 2 blocked 0 /tmp/blocked
blocking=$background
eventually 20 "two tasks stay inside" has_inside 2
ok "policy: reverse" policy "$GEN_P nudge-after=manual deadline=500ms on-deadline=reverse $COMMON"
dmesg -c >/dev/null
ok "the patch loads" insmod $MOD/$GEN_P.ko
eventually 30 "reverse: the patch goes" gone $GEN_P
ok "reverse: the log says why" said 'deadline of 500 ms missed with 2 tasks left'
ok "reverse: and who" said 'fth_gen'
ok "it can be unloaded" rmmod $GEN_P
ok "policy: freeze" policy "$GEN_P nudge-after=manual deadline=500ms on-deadline=freeze \
	freeze-budget=300ms freeze-attempts=2 $COMMON"
dmesg -c >/dev/null
ok "the patch loads" insmod $MOD/$GEN_P.ko
eventually 60 "freeze: attempts used up, the patch goes" gone $GEN_P
ok "freeze: the log says why" said '2 freezes of at most 300 ms failed with 2 tasks left'
ok "it can be unloaded" rmmod $GEN_P
ok "policy: wait" policy "$GEN_P nudge-after=manual deadline=300ms on-deadline=wait $COMMON"
ok "the patch loads" insmod $MOD/$GEN_P.ko
eventually 30 "wait: status says that the deadline was missed" holds $P1/pending 'deadline missed'
is "$(cat $P1/state),$(cat $P1/transition)" applying,1 "wait: it goes on trying"
release_visitors $blocking 0 "they leave"
eventually 30 "wait: then it is in force" has $P1/state soaking
revert $GEN_P
visitors 10 held 0 /tmp/held
held=$background
eventually 20 "ten tasks sleep inside" has_inside 10
ok "policy: freeze" policy "$GEN_P nudge-after=manual deadline=500ms on-deadline=freeze \
	freeze-budget=2s freeze-attempts=10 $COMMON"
dmesg -c >/dev/null
ok "the patch loads" insmod $MOD/$GEN_P.ko
eventually 60 "freeze: it moves them" has $P1/state soaking
ok "freeze: the log says that tasks were held" said 'tasks held for at most'
wait $held
is $? 0 "they came out"
like "$(tail -n 1 /tmp/held)" 'signalled 10' "as if a signal had come"
revert $GEN_P

# Status that explains.
ok "policy: in-time, never frozen" policy "$GEN_P leave=patched-set switch=kernel freeze-use=never \
	nudge-after=3600s deadline=none $COMMON"
visitors 3 blocked 0 /tmp/blocked
blocking=$background
eventually 20 "three tasks stay inside" has_inside 3
ok "the patch loads" insmod $MOD/$GEN_P.ko
eventually 20 "they are named" holds $P1/pending fth_gen
is "$(cat $P1/model)" 'leave=patched-set switch=kernel' "the model"
is "$(grep -c '^[0-9]* fth_gen: srcu_notifier_call_chain+0x[0-9a-f]*; since [0-9]* ms; ' $P1/pending)" 3 \
	"each with its place and since when"
is "$(cat "$P1/vmlinux/srcu_notifier_call_chain,1/patched")" 1 "the function is patched"
is "$(cat "$P1/vmlinux/srcu_notifier_call_chain,1/transition")" 1 "and in transition"
is "$(cat "$P1/vmlinux/patched")" 1 "the object is patched"
release_visitors $blocking 0 "they leave"
eventually 30 "it is in force" has $P1/state soaking
is "$(cat "$P1/vmlinux/srcu_notifier_call_chain,1/transition")" 0 "the function is in no transition"
is "$(cat $P1/pending)" '' "nobody is named"
revert $GEN_P
ok "policy: functions of a module must be left too" \
	policy "$GEN_P extend-set=fth_test_gen:stay nudge-after=manual deadline=none $COMMON"
visitors 2 outside 0 /tmp/outside
outside=$background
ok "the patch loads" insmod $MOD/$GEN_P.ko
eventually 20 "tasks outside the patch but inside the extended set are named" \
	holds $P1/pending 'fth_gen: .*stay+0x'
release_visitors $outside 0 "they leave"
eventually 30 "it is in force" has $P1/state soaking
revert $GEN_P
ok "policy: functions of the kernel must be left too" \
	policy "$GEN_P extend-set=hrtimer_nanosleep nudge-after=manual deadline=none $COMMON"
sleep 1000 &
sleeper=$!
eventually 20 "a task sleeps" grep -q hrtimer_nanosleep /proc/$sleeper/stack
ok "the patch loads" insmod $MOD/$GEN_P.ko
eventually 20 "it is named" holds $P1/pending "^$sleeper sleep: hrtimer_nanosleep+0x"
kill $sleeper
wait $sleeper
eventually 30 "it is in force when it is gone" has $P1/state soaking
revert $GEN_P
dmesg -c >/dev/null
ok "policy: a function that isn't there" policy "$GEN_P extend-set=fth_no_such_function $COMMON"
nok "the patch is refused" insmod $MOD/$GEN_P.ko
ok "the log names it" said fth_no_such_function

# Turned round at random moments: sleepers in the old and in the new functions.
ok "policy without nudges" policy "$GEN_P nudge-after=manual deadline=none $COMMON"
visitors 2 blocked 0 /tmp/blocked
blocking=$background
eventually 20 "two tasks stay in the old function" has_inside 2
next_epoch
ok "the patch loads" insmod $MOD/$GEN_P.ko
eventually 20 "it waits for them" holds $P1/pending 'fth_gen: srcu_notifier_call_chain'
visitors 2 blocked 0 /tmp/blocked.new
blocking_new=$background
eventually 20 "two stay in the new one" has_inside 4
visitors 2 mixed 500 /tmp/visitors
visiting=$background
echo 0 >/dev/fth_gen
turns=0
bad=0
while [ $turns -lt "$TURNS" ]; do
	turns=$((turns + 1))
	turn $((turns % 2 == 0)) || bad=$((bad + 1))
	usleep $(($(od -An -N2 -tu2 /dev/urandom) % 20000))
done
is $bad 0 "$TURNS turns at random moments"
is "$(cat $P1/state)" applying "it is on its way in"
is "$(grep -c 'fth_gen: srcu_notifier_call_chain' $P1/pending)" 2 "the old ones hold it up"
is "$(count nested),$(count down)" 0,0 "no thread saw old and new in one, or went back"
diag "$(counts visits targets others nested down)"
# Both kinds go on at once.
echo 1 >$GEN_KNOBS/release
wait $blocking
is $? 0 "the old ones leave"
wait $blocking_new
is $? 0 "the new ones leave"
echo 0 >$GEN_KNOBS/release
finish $visiting 143 "no visitor's call failed"
eventually 30 "it is in force" has $P1/state soaking
revert $GEN_P

# Many functions at once.
ok "a module of a thousand functions loads" insmod $MOD/fth_test_many.ko
ok "policy" policy "fth_test_many_p deadline=none $COMMON"
for number in 1 10 100 1000; do
	apply fth_test_many_p count=$number
	is "$(cat /sys/module/fth_test_many/parameters/sum)" $number "$number functions are replaced"
	is "$(find $MANY_P/fth_test_many -name 'fth_many_*' | wc -l)" $number "status has each"
	revert fth_test_many_p
	is "$(cat /sys/module/fth_test_many/parameters/sum)" 0 "all are the original ones again"
done
ok "its module unloads" rmmod fth_test_many

# Readers that never sleep on every CPU, and users that never enter the kernel.
ok "policy" policy "$GEN_P nudge-after=manual deadline=none $COMMON"
visitors 4 spin 1000 /tmp/spinners
spinning=$background
# shellcheck disable=SC2016 # for the inner shell
background /tmp/loops sh -c 'while :; do :; done & while :; do :; done & echo ready; trap "kill $(jobs -p)" TERM; wait'
looping=$background
begun=$(cut -d . -f 1 /proc/uptime)
rounds 3
is "$rounds_done" 3 "three times to and fro while all CPUs are busy inside the set"
diag "in $(($(cut -d . -f 1 /proc/uptime) - begun)) s"
kill $looping
finish $spinning 143 "no visitor's call failed"

# Kernel threads that never sleep there either.
ok "the witness unloads" rmmod fth_test_gen
ok "the witness loads with kernel threads" insmod $MOD/fth_test_gen.ko kthreads=3 kthread_stay_us=300
echo 0 >$EPOCH
rounds 3
is "$rounds_done" 3 "three times to and fro with busy kernel threads"
is "$(count nested)" 0 "none saw old and new in one"

ok "no patch is left" [ -z "$(ls $PATCHES)" ]
witness_out
fother_out

# Force pins for ever, so it comes last.
fother_in
witness_in 0
visitors 1 blocked 0 /tmp/blocked
blocking=$background
eventually 20 "a task stays inside" has_inside 1
ok "policy: force" policy "$GEN_P nudge-after=manual deadline=300ms on-deadline=force $COMMON"
ok "the patch loads" insmod $MOD/$GEN_P.ko
eventually 30 "force: it is in force, and says how" has $P1/state 'soaking (forced: pinned until the next boot)'
nok "force: it can't be reverted" write 0 $P1/enabled
release_visitors $blocking 0 "the task leaves"
no_fault
done_testing

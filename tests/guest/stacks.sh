#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Patches on top of each other: any order, the same again, cumulative replace
# under each model, states, shadow variables.
# vm: --smp 2 --timeout 400
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"
# shellcheck source=tests/lib/witness.sh
. "${TAP_LIB%/*}/witness.sh"

OBJ=fth_test_obj
P2=$PATCHES/fth_test_gen_p2
P3=$PATCHES/fth_test_gen_p3
POLICY='confirm-within=none deadline=none stop-max=1s freeze-budget=2s freeze-attempts=50'
LIVELY='nudge-after=20ms nudge-every=20ms'
REPLACES=4

policies() { # KEYS...: of all three
	for number in 1 2 3; do
		policy "fth_test_gen_p$number $POLICY $*" || return
	done
}

# sees A B NAME: one visit finds generation A of the function that calls back, B of the other.
sees() {
	is "$(/tests/fth_gen 1 look 0 | grep generations)" "generations $1 $2" "$3"
}

need $MOD/$OBJ.ko
fother_in
witness_in 1
ok "the module loads" insmod $MOD/$OBJ.ko
ok "policies" policies "$LIVELY"

# Three deep, in each order of going.
for order in '1 2 3' '1 3 2' '2 1 3' '2 3 1' '3 1 2' '3 2 1'; do
	bad=0
	for number in 1 2 3; do
		insmod $MOD/fth_test_gen_p$number.ko module=$OBJ || bad=$((bad + 1))
		settle $PATCHES/fth_test_gen_p$number/state soaking 1500 || bad=$((bad + 1))
		[ "$(generation $OBJ)" -eq $number ] || bad=$((bad + 1))
	done
	is $bad 0 "three patches of one function, the newest on top"
	left='1 2 3'
	for number in $order; do
		write 0 "$PATCHES/fth_test_gen_p$number/enabled" || bad=$((bad + 1))
		settle_gone "fth_test_gen_p$number" 1500 || bad=$((bad + 1))
		rmmod "fth_test_gen_p$number" || bad=$((bad + 1))
		left=$(echo "$left" | sed "s/$number//")
		newest=$(for other in 0 $left; do echo "$other"; done | tail -n 1)
		[ "$(generation $OBJ)" -eq "$newest" ] || bad=$((bad + 1))
	done
	is $bad 0 "they go in the order $order; the newest that is left has the function"
done
sees 0 0 "all is original"

# While a lower one leaves, nothing changes for anybody.
apply fth_test_gen_p1
apply fth_test_gen_p2
visitors 2 held 0 /tmp/held
held=$background
eventually 20 "two tasks are inside the newest" has_inside 2
echo 2 >$GEN_KNOBS/bottom
echo 0 >/dev/fth_gen
ok "the patch below is asked to leave" write 0 $P1/enabled
eventually 30 "it leaves, though its text is in nobody's way" gone fth_test_gen_p1
ok "its module can be unloaded" rmmod fth_test_gen_p1
release_visitors $held 0 "they leave"
is "$(count nested)" 0 "they saw one generation"
echo 0 >$GEN_KNOBS/bottom
apply fth_test_gen_p1
sees 1 1 "the same patch again is the newest now"
revert fth_test_gen_p2
sees 1 1 "and stays so"
revert fth_test_gen_p1

# Cumulative replace: what the new patch drops goes back to the original.
apply fth_test_gen_p1
apply fth_test_gen_p2 functions=b module=$OBJ
sees 1 2 "one function of each"
apply fth_test_gen_p3 functions=a replace=1
sees 3 0 "the function that the replacement dropped is the original"
is "$(generation $OBJ)" 0 "of a module too"
eventually 30 "the first is gone" gone fth_test_gen_p1
eventually 30 "the second too" gone fth_test_gen_p2
ok "they can be unloaded" rmmod fth_test_gen_p1 fth_test_gen_p2
revert fth_test_gen_p3
sees 0 0 "all is original"

# A patch whose emergency waits for the transition that replaces it: that it did harm is
# kept all the same.
apply fth_test_gen_p1
visitors 2 blocked 0 /tmp/held
held=$background
eventually 20 "two tasks are inside" has_inside 2
ok "a replacement comes" insmod $MOD/fth_test_gen_p3.ko replace=1
eventually 20 "... and waits for them" has $P3/state applying
ok "the patch below is reverted in emergency" write fth_test_gen_p1 $S/revert
eventually 20 "... which waits" holds $S/incidents 'sysfs fth_test_gen_p1 at .*the revert runs'
release_visitors $held 0 "they leave"
eventually 30 "the replacement is in force" has $P3/state soaking
eventually 30 "the patch below is gone" gone fth_test_gen_p1
ok "... and is blocked" holds $S/blocked '^fth_test_gen_p1 '
ok "... until it is allowed" write fth_test_gen_p1 $S/allow
ok "... and can be unloaded" rmmod fth_test_gen_p1
revert fth_test_gen_p3

# Under each model while tasks visit: to 2 from 1, and to 1 from 2.
replace_round() { # FROM TO: one replaces the other
	next_epoch
	insmod $MOD/fth_test_gen_p"$2".ko replace=1 &&
		settle $PATCHES/fth_test_gen_p"$2"/state soaking 1500 &&
		settle_gone fth_test_gen_p"$1" 1500 && rmmod fth_test_gen_p"$1"
}

replace_load() { # MODEL POLICY NEVER...
	model=$1
	ok "$model: policies" policies "$2 $LIVELY"
	shift 2
	# From here on odd epochs go to 2 and even ones to 1.
	apply fth_test_gen_p1 replace=1
	echo 2 >$GEN_KNOBS/top
	echo 1 >$GEN_KNOBS/bottom
	[ $(($(cat $EPOCH) % 2)) -eq 0 ] || next_epoch
	visitors 6 mixed 2000 /tmp/visitors
	visiting=$background
	echo 0 >/dev/fth_gen
	round=0
	while [ $round -lt $REPLACES ] && replace_round 1 2 && replace_round 2 1; do
		round=$((round + 1))
	done
	is $round $REPLACES "$model: replaced to and fro, $REPLACES times"
	for name; do
		is "$(count "$name")" 0 "$model: never $name"
	done
	ok "$model: tasks saw the target" seen targets
	ok "$model: and the other before" seen others
	finish $visiting 143 "$model: no visitor's call failed"
	diag "$model: $(counts visits targets others nested syscall down order overlap held)"
	revert fth_test_gen_p1
}

replace_load default 'leave=patched-set switch=thread' nested down
replace_load in-thread 'leave=kernel switch=thread' nested syscall down
replace_load in-time 'leave=patched-set switch=kernel' nested down order overlap
replace_load both 'leave=kernel switch=kernel' nested syscall down order overlap held
ok "none: policies" policies flags=none
apply fth_test_gen_p1 replace=1
apply fth_test_gen_p2 replace=1
eventually 30 "none: the replaced patch is gone" gone fth_test_gen_p1
ok "none: its module can be unloaded" rmmod fth_test_gen_p1
sees 2 2 "none: the replacement is in force"
revert fth_test_gen_p2

# A replace that is turned round half-way leaves what it was to replace.
ok "policies without nudges" policies nudge-after=manual
apply fth_test_gen_p1
apply fth_test_gen_p2 functions=b
visitors 2 blocked 0 /tmp/blocked
blocking=$background
eventually 20 "two tasks stay inside" has_inside 2
ok "a replacement loads" insmod $MOD/fth_test_gen_p3.ko functions=a replace=1
eventually 20 "it waits for them" holds $P3/pending fth_gen
ok "it is turned round" write 0 $P3/enabled
eventually 20 "and gone" gone fth_test_gen_p3
ok "it can be unloaded" rmmod fth_test_gen_p3
is "$(state_of fth_test_gen_p1),$(state_of fth_test_gen_p2)" soaking,soaking "what it was to replace stays"
sees 1 2 "in force"
release_visitors $blocking 0 "they leave"
nok "fother stays as long as it has patches" rmmod fother
revert fth_test_gen_p1
revert fth_test_gen_p2
noted >/dev/null

# States: a replacement must carry them all, in no older version.
apply fth_test_gen_p1 callbacks=1 states=7,1
like "$(noted)" '*p1 state 7 new*' "there was no state before"
nok "a replacement without the state is refused" insmod $MOD/fth_test_gen_p2.ko replace=1
ok "nothing is left of it" gone fth_test_gen_p2
nok "an older version is refused" insmod $MOD/fth_test_gen_p2.ko replace=1 states=7,0
nok "so it is without replace" insmod $MOD/fth_test_gen_p2.ko states=7,0
noted >/dev/null
apply fth_test_gen_p2 callbacks=1 replace=1 states=7,2,8,1
found=$(noted)
like "$found" '*p2 state 7 version 1 before, data 5eed;*' "the state before is found, with its data"
like "$found" '*p2 state 8 new;*' "a new one is not"
eventually 30 "the replaced patch is gone" gone fth_test_gen_p1
ok "it can be unloaded" rmmod fth_test_gen_p1
nok "the older patch can't come back" insmod $MOD/fth_test_gen_p1.ko replace=1 states=7,1
nok "not even one that replaces nothing" insmod $MOD/fth_test_gen_p1.ko states=7,1
noted >/dev/null
ok "one without states may come on top" insmod $MOD/fth_test_gen_p3.ko functions=a
eventually 30 "it is in force" has $P3/state soaking
revert fth_test_gen_p3
revert fth_test_gen_p2
noted >/dev/null

# Shadow variables go on through a replacement, and end with the last one.
apply fth_test_gen_p1 callbacks=1
is "$(cat /sys/module/$OBJ/parameters/shadow)" 1 "one call was counted in a shadow variable"
is "$(cat /sys/module/$OBJ/parameters/shadow)" 2 "and another"
apply fth_test_gen_p2 callbacks=1 replace=1
is "$(cat /sys/module/$OBJ/parameters/shadow)" 3 "the replacement goes on with it"
eventually 30 "the replaced patch is gone" gone fth_test_gen_p1
ok "it can be unloaded" rmmod fth_test_gen_p1
revert fth_test_gen_p2
is "$(cat /sys/module/$OBJ/parameters/shadow)" 0 "nobody counts any more"
apply fth_test_gen_p1 callbacks=1
is "$(cat /sys/module/$OBJ/parameters/shadow)" 1 "a new one begins anew"
revert fth_test_gen_p1

ok "the module goes" rmmod $OBJ
witness_out
fother_out

# A replacement under force keeps what it replaced for ever, so it comes last.
fother_in
witness_in 0
ok "policies without nudges" policies nudge-after=manual
apply fth_test_gen_p1
visitors 1 blocked 0 /tmp/blocked
blocking=$background
eventually 20 "a task stays inside" has_inside 1
ok "a replacement loads" insmod $MOD/fth_test_gen_p2.ko replace=1
eventually 20 "it waits for it" holds $P2/pending fth_gen
ok "it is forced" write 1 $P2/force
eventually 30 "it is in force, and says how" has $P2/state 'soaking (forced: pinned until the next boot)'
sees 2 2 "the replacement is in force"
nok "its module can't be unloaded" rmmod fth_test_gen_p2
nok "nor that of the replaced one" rmmod fth_test_gen_p1
nok "nor can fother" rmmod fother
release_visitors $blocking 0 "the task leaves"
no_fault
done_testing

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Out of memory at each allocation of fother's start, of an apply, a revert, a module
# that comes, and of the engine's own work: whatever fails leaves the guest as it
# was, or is made good.
# vm: --smp 2 --timeout 400
# kernels: debug
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

FAULTS=/tests/fth_faults
KNOBS=/sys/kernel/debug
PATCH=fth_test_gen_p1
OBJ=fth_test_obj
PATCHED='^(srcu_notifier_call_chain|jiffies64_to_msecs|fth_obj_value) '
WITH="module=$OBJ callbacks=1 states=1,1"
POLICY="$PATCH switch=thread confirm-within=none"
ARM=/sys/module/fth_test_faults/parameters
MOST=300    # allocations of one step
SETTLE=600  # looks, 0.02 s apart

value() { # of the function that the patch replaces
	cat /sys/module/$OBJ/parameters/value
}

as_before() {
	no_module $PATCH && gone $PATCH && [ "$(value)" = 0 ] && ! grep -qE "$PATCHED" $TRACED
}

in_force() {
	has $PATCHES/$PATCH/state soaking && [ "$(value)" = 1 ]
}

# settled COMMAND...: it holds soon.  Without a test point.
settled() {
	tries=$SETTLE
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		usleep 20000
	done
}

# wrong WHAT: one fault was not taken as it must be.
wrong() {
	diag "allocation $nth, '$outcome': $1"
	failures=$((failures + 1))
}

put_on() {
	# shellcheck disable=SC2086 # words on purpose
	insmod $MOD/$PATCH.ko $WITH && settled in_force
}

take_off() {
	write 0 $PATCHES/$PATCH/enabled && settled gone $PATCH && rmmod $PATCH && settled as_before
}

# from FUNCTION [TASK]: allocations are counted from there, by tasks of that name.
from() {
	[ ! -e $ARM ] || rmmod fth_test_faults
	insmod $MOD/fth_test_faults.ko from="$1" task_name="${2:-}"
}

# faulty_load FILE [PARAMETERS]: sets $outcome.
faulty_load() {
	echo $nth >$ARM/nth
	outcome=$($FAULTS load 0 "$@")
	[ "$(cat $ARM/left)" != -1 ] || outcome='unarmed'
	echo 0 >$ARM/nth
}

# sweep NAME STEP: STEP does one thing with its allocation $nth failing, sets
# $outcome, and puts all back, until there are fewer than $nth.
sweep() {
	failures=0 injected=0 nth=1
	while [ $nth -le $MOST ]; do
		outcome=none
		$2 || wrong "could not be put right"
		case $outcome in
		injected*) injected=$((injected + 1)) ;;
		'spared ok') break ;;
		*)
			wrong "it failed, and not by us"
			break
			;;
		esac
		[ $failures -lt 3 ] || break
		nth=$((nth + 1))
	done
	diag "$1: $injected allocations were failed"
	is $failures 0 "$1: every fault is taken"
	ok "$1: allocations were failed" test $injected -gt 0
	is "$outcome" 'spared ok' "$1: all of them"
}

load_patch() {
	faulty_load $MOD/$PATCH.ko "$WITH"
	case $outcome in
	*' ok') settled in_force && take_off ;;
	*) settled as_before ;;
	esac
}

revert_patch() {
	in_force || put_on || return
	outcome=$($FAULTS write $nth $PATCHES/$PATCH/enabled 0)
	case $outcome in
	*' ok') settled gone $PATCH && rmmod $PATCH && settled as_before ;;
	*) in_force ;;
	esac
}

load_object() {
	faulty_load $MOD/$OBJ.ko
	case $outcome in
	*' ok') [ "$(value)" = 1 ] && rmmod $OBJ ;;
	*) no_module $OBJ ;;
	esac && has $PATCHES/$PATCH/$OBJ/patched 0
}

write_policy() {
	outcome=$($FAULTS write $nth $S/policy "$PATCH switch=kernel extend-set=do_nanosleep")
	case $outcome in
	*' ok') holds $S/policy "^$PATCH .*extend-set=do_nanosleep" ;;
	*) holds $S/policy "^$PATCH .*switch=thread" ;;
	esac || return
	policy "-$PATCH" && policy "$POLICY"
}

load_fother() {
	faulty_load "$FOTHER"
	case $outcome in
	*' ok') rmmod fother ;;
	*) no_module fother ;;
	esac && ! grep -q fother $TRACED && [ ! -e $S ]
}

# judge_worker: sets $outcome by what became of the order; takes it back.
judge_worker() {
	case $(cat $ARM/left) in
	-1) outcome=unarmed ;;
	0) outcome='injected' ;;
	*) outcome='spared ok' ;;
	esac
	echo 0 >$ARM/nth
}

apply_by_worker() {
	echo $nth >$ARM/nth
	# shellcheck disable=SC2086 # words on purpose
	insmod $MOD/$PATCH.ko $WITH
	settled in_force || settled gone $PATCH
	judge_worker
	if in_force; then
		take_off
	else
		rmmod $PATCH
		settled as_before
	fi
}

revert_by_worker() {
	put_on || return
	echo $nth >$ARM/nth
	write 0 $PATCHES/$PATCH/enabled
	settled gone $PATCH
	ended=$?
	judge_worker
	[ $ended = 0 ] && rmmod $PATCH && settled as_before
}

need $MOD/$PATCH.ko $MOD/$OBJ.ko $MOD/fth_test_log.ko $MOD/fth_test_faults.ko
FOTHER=${FOTHER_KO:-/lib/modules/$(uname -r)/fother.ko}
for attribute in failslab fail_page_alloc; do
	[ -d $KNOBS/$attribute ] || bail "this kernel fails no allocation: it must be the debug kernel"
	echo N >$KNOBS/$attribute/ignore-gfp-wait
	echo 1 >$KNOBS/$attribute/verbose
done

fother_in
ok "the log of test modules loads" insmod $MOD/fth_test_log.ko
ok "the module to be patched loads" insmod $MOD/$OBJ.ko
ok "policy" policy "$POLICY"
sweep 'a policy is written' write_policy
ok "faults begin where the patch's init does" from do_one_initcall fth_faults
sweep 'a patch is loaded' load_patch
sweep 'a patch is disabled' revert_patch

ok "the patch is in force" put_on
ok "its module goes" rmmod $OBJ
ok "faults begin where the notifiers of modules do" from klp_module_coming fth_faults
sweep 'the module to be patched comes' load_object
ok "the module is back" insmod $MOD/$OBJ.ko
ok "and patched" in_force
ok "faults begin in the worker" from fth_work_run
ok "the patch leaves" take_off
sweep 'the worker applies' apply_by_worker
sweep 'the worker reverts' revert_by_worker
ok "that is over" rmmod fth_test_faults

ok "the module to be patched unloads" rmmod $OBJ
ok "the log of test modules unloads" rmmod fth_test_log
fother_out
ok "faults begin where fother's init does" from do_one_initcall fth_faults
sweep 'fother loads' load_fother
ok "that is over, too" rmmod fth_test_faults
no_fault
done_testing

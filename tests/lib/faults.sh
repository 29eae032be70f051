# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Out of memory at each allocation of a step; for tests on the debug kernel, after tap.sh
# and guest.sh.
#
#	faults_in			# this kernel can fail allocations, or the test ends here
#	from do_one_initcall fth_faults	# allocations are counted from there on
#	sweep 'a patch is loaded' STEP	# STEP with its 1st, 2nd, ... allocation failing
#	from_nowhere
#
# A STEP does one thing whose allocation $nth fails, sets $outcome, puts all back and
# returns whether the guest was as it has to be.  $outcome: `injected ...` it failed;
# `spared ok` there were fewer, all is well; anything else is an error of the test.

FAULTS=/tests/fth_faults
FAULTS_KNOBS=/sys/kernel/debug
ARM=/sys/module/fth_test_faults/parameters
FAULTS_MOST=${FAULTS_MOST:-300} # allocations of one step
FAULTS_BAD=3                    # faults that were not taken, until a sweep is given up
SETTLE=600                      # looks, 0.02 s apart
PATCH=fth_test_gen_p1
OBJ=fth_test_obj
PATCHED='^(srcu_notifier_call_chain|jiffies64_to_msecs|fth_obj_value) '
WITH="module=$OBJ callbacks=1 states=1,1"
POLICY="$PATCH switch=thread confirm-within=none"

faults_in() {
	need "$MOD/$PATCH.ko" "$MOD/$OBJ.ko" "$MOD/fth_test_log.ko" "$MOD/fth_test_faults.ko"
	for attribute in failslab fail_page_alloc; do
		[ -d $FAULTS_KNOBS/$attribute ] ||
			bail "this kernel fails no allocation: it must be the debug kernel"
		echo N >$FAULTS_KNOBS/$attribute/ignore-gfp-wait
		# Where each fault was: in the console log.
		echo 1 >$FAULTS_KNOBS/$attribute/verbose
	done
}

value() { # of the function that the patch replaces
	cat /sys/module/$OBJ/parameters/value
}

as_before() {
	no_module $PATCH && gone $PATCH && [ "$(value)" = 0 ] && ! grep -qE "$PATCHED" "$TRACED"
}

in_force() {
	# shellcheck disable=SC2153 # of guest.sh
	has "$PATCHES/$PATCH/state" soaking && [ "$(value)" = 1 ]
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

put_on() {
	# shellcheck disable=SC2086 # words on purpose
	insmod "$MOD/$PATCH.ko" $WITH && settled in_force
}

take_off() {
	write 0 "$PATCHES/$PATCH/enabled" && settled gone $PATCH && rmmod $PATCH && settled as_before
}

# objects_in: what the steps need, and a patch that they can do it with.
objects_in() {
	ok "the log of test modules loads" insmod "$MOD/fth_test_log.ko"
	ok "the module to be patched loads" insmod "$MOD/$OBJ.ko"
	ok "policy" policy "$POLICY"
}

objects_out() {
	ok "the module to be patched unloads" rmmod $OBJ
	ok "the log of test modules unloads" rmmod fth_test_log
}

# from FUNCTION [TASK]: allocations are counted from there, by tasks of that name.
from() {
	[ ! -e $ARM ] || rmmod fth_test_faults
	ok "faults begin at $1()" insmod "$MOD/fth_test_faults.ko" from="$1" task_name="${2:-}"
}

from_nowhere() {
	ok "no more faults" rmmod fth_test_faults
}

# wrong WHAT: one fault was not taken as it must be.
wrong() {
	diag "allocation $nth, '$outcome': $1"
	failures=$((failures + 1))
}

sweep() { # NAME STEP
	failures=0 injected=0 nth=1
	while [ $nth -le "$FAULTS_MOST" ]; do
		outcome=none
		echo "fth_faults: $1: allocation $nth" >/dev/kmsg
		$2 || wrong "could not be put right"
		case $outcome in
		injected*) injected=$((injected + 1)) ;;
		'spared ok') break ;;
		*)
			wrong "it failed, and not by us"
			break
			;;
		esac
		[ $failures -lt $FAULTS_BAD ] || break
		nth=$((nth + 1))
	done
	diag "$1: $injected allocations were failed"
	is $failures 0 "$1: every fault is taken"
	ok "$1: allocations were failed" test $injected -gt 0
	is "$outcome" 'spared ok' "$1: all of them"
}

# faulty_load FILE [PARAMETERS]: sets $outcome.
faulty_load() {
	echo "$nth" >$ARM/nth
	outcome=$($FAULTS load 0 "$@")
	[ "$(cat $ARM/left)" != -1 ] || outcome='unarmed'
	echo 0 >$ARM/nth
}

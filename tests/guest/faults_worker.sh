#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Out of memory at each allocation of the engine's own work, where nobody can be told:
# it is made good, or the patch leaves.
# vm: --smp 1 --timeout 400 --file tests/lib/faults.sh:/tests/lib/faults.sh
# kernels: debug
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"
# shellcheck source=tests/lib/faults.sh
. "${TAP_LIB%/*}/faults.sh"

# judge_worker: sets $outcome by what became of the order; takes it back.
judge_worker() {
	case $(cat $ARM/left) in
	-1) outcome=unarmed ;;
	0) outcome='injected' ;;
	*) outcome='spared ok' ;;
	esac
	echo 0 >$ARM/nth
}

in_force_or_gone() {
	in_force || gone $PATCH
}

apply_by_worker() {
	echo $nth >$ARM/nth
	# shellcheck disable=SC2086 # words on purpose
	insmod $MOD/$PATCH.ko $WITH
	settled in_force_or_gone
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

faults_in
fother_in
objects_in
from fth_work_run
sweep 'the worker applies' apply_by_worker
sweep 'the worker reverts' revert_by_worker
from_nowhere
objects_out
fother_out
done_testing

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Out of memory at each allocation of a request: a policy is written, a patch is loaded
# or disabled, a module to be patched comes.  It is refused, and all stays as it was.
# vm: --smp 1 --timeout 400 --file tests/lib/faults.sh:/tests/lib/faults.sh
# kernels: debug
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"
# shellcheck source=tests/lib/faults.sh
. "${TAP_LIB%/*}/faults.sh"

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

faults_in
fother_in
objects_in
sweep 'a policy is written' write_policy
# The module loader's own allocations are not ours: count from where the patch's init is.
from do_one_initcall fth_faults
sweep 'a patch is loaded' load_patch
sweep 'a patch is disabled' revert_patch

ok "the patch is in force" put_on
ok "its module goes" rmmod $OBJ
# That is where the notifiers of modules are.
from klp_module_coming fth_faults
sweep 'the module to be patched comes' load_object
ok "the module is back" insmod $MOD/$OBJ.ko
ok "and patched" in_force
ok "the patch leaves" take_off
from_nowhere
objects_out
fother_out
done_testing

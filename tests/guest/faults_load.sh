#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Out of memory at each allocation of fother's start: it is refused, and nothing of
# it stays; or it starts, and keeps out what the kernel's command line names.
# vm: --smp 1 --timeout 800 --append fother.block=fth_kept_out --file tests/lib/faults.sh:/tests/lib/faults.sh
# kernels: debug
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"
# shellcheck disable=SC2034 # for faults.sh: there are about 600
FAULTS_MOST=1000
# shellcheck source=tests/lib/faults.sh
. "${TAP_LIB%/*}/faults.sh"

load_fother() {
	faulty_load "$FOTHER"
	case $outcome in
	*' ok') has $S/blocked 'fth_kept_out - command-line' && rmmod fother ;;
	*) no_module fother ;;
	esac && ! grep -q fother $TRACED && [ ! -e $S ]
}

FOTHER=${FOTHER_KO:-/lib/modules/$(uname -r)/fother.ko}

faults_in
from do_one_initcall fth_faults
sweep 'fother loads' load_fother
from_nowhere
fother_in
fother_out
done_testing

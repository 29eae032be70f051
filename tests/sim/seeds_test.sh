#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs that found something once hold now: tests/sim/seeds.
set -u
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh

sim=${BUILD:-build}/host/sim

while read -r seed vms faults why; do
	[ "$faults" = all ] && faults= || faults=--faults=$faults
	# shellcheck disable=SC2086 # no faults is no argument
	is "$("$sim" --seed="$seed" --vms="$vms" --no-shrink $faults >/dev/null; echo $?)" 0 \
		"seed $seed of $vms VMs: $why"
done < <(grep -v '^#' tests/sim/seeds)
pass 'all of the list were made'
done_testing

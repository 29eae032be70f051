# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# One function, and nothing else runs in the guest.
# vm: --mem 512 --timeout 600
# shellcheck source=tests/bench/lib.sh
. /bench/lib.sh

# All rounds of one engine, then all of the other: a module that has just been loaded is
# new to the emulator, which translates all its code at its first use.
for who in intree fother; do
	engine "$who"
	for _ in $(seq "$ROUNDS"); do
		life fother_demo_cmdline '' enable "shows=$effect" disable "hides=$effect" \
			gone unload |
			samples enable="enable.idle.${cpus}cpu" switched="disable.idle.${cpus}cpu" \
				gone="disable.unload.${cpus}cpu"
	done
done

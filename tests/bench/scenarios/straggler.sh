# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# A task that nothing moves holds a transition up; an unrelated module is loaded.
# vm: --mem 512 --timeout 600
# shellcheck source=tests/bench/lib.sh
. /bench/lib.sh

for _ in $(seq "$ROUNDS"); do
	for who in intree fother; do
		engine "$who"
		insmod /bench/bench_target.ko
		hold 1
		life bench_leaf '' load pause=1000 stuck
		bench_insmod 0 /bench/bench_bystander.ko | samples bystander=insmod.straggler
		life bench_leaf '' stuck
		release
		life bench_leaf '' settle disable gone unload >/dev/null
		rmmod bench_target
	done
done

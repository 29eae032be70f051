# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# A patch of a thousand functions: time, and memory beside that of the modules.
# vm: --mem 512 --timeout 1200
# shellcheck source=tests/bench/lib.sh
. /bench/lib.sh

# What the kernel holds, but for page cache and processes.
held() {
	sleep 1 # init sections are freed by a work
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^(Slab|VmallocUsed|Percpu):/ { sum += $2 * 1024 } END { print sum }' /proc/meminfo
}

round() {
	insmod /bench/bench_thousand_patch.ko idle=1
	module=$(held)
	rmmod bench_thousand_patch
	life bench_thousand_patch '' enable | samples enable=enable.functions1000
	sample memory.function $((($(held) - module) / 1000))
	life bench_thousand_patch '' disable gone unload |
		samples caller=disable.functions1000.caller switched=disable.functions1000 \
			gone=disable.functions1000.unload
}

insmod /bench/bench_thousand.ko
engine intree # which takes minutes
round
engine fother
for _ in $(seq "$ROUNDS"); do
	round
done

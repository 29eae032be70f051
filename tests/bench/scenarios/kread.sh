# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Every CPU is busy in the kernel; while the patch leaves, an unrelated module is loaded.
# The readers end before the module can be unloaded, which may take minutes.
# vm: --mem 512 --timeout 900
# shellcheck source=tests/bench/lib.sh
. /bench/lib.sh
# When the in-tree core has switched all tasks and waits for RCU, with its lock held.
AFTER_MS=3000

# A worker that waits longer than 120 s for RCU is no fault of the guest.
echo 0 >/proc/sys/kernel/hung_task_timeout_secs

for who in intree fother fother fother; do
	engine "$who"
	# shellcheck disable=SC2016 # expanded by the inner shell
	bench_readers sh -c '
		bench_life "$0" /bench/fother_demo_cmdline.ko "" enable &&
			{ bench_insmod "$1" /bench/bench_bystander.ko & } &&
			bench_life "$0" /bench/fother_demo_cmdline.ko "" disable &&
			wait $!' "$root" "$AFTER_MS" |
		samples enable=enable.kread.2cpu switched=disable.kread.2cpu \
			bystander=insmod.during-stuck
	life fother_demo_cmdline '' unload
done

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The unlikely part of a function, which the compiler moves out as NAME.cold: a task
# that sleeps there is inside the function all the same.
# vm: --smp 2 --timeout 200
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

TARGET=fth_test_cold
PATCH=fth_test_cold_p
PATCH_P=$PATCHES/$PATCH
DEMO=/tests/examples/fother_demo_cmdline.ko
DEMO_P=$PATCHES/fother_demo_cmdline

asleep_in() { # FUNCTION: and not in its likely part
	grep -q "$1.cold" /proc/[0-9]*/stack
}

need $DEMO $MOD/$TARGET.ko $MOD/$PATCH.ko
fother_in

ok "policy" policy "$PATCH nudge-after=manual deadline=none confirm-within=none"
ok "the target loads" insmod $MOD/$TARGET.ko
eventually 20 "its thread sleeps in the unlikely part" asleep_in fth_cold_work
ok "the patch loads" insmod $MOD/$PATCH.ko
eventually 20 "it waits for the thread" holds $PATCH_P/pending 'fth_cold: fth_cold_work.cold+'
is "$(cat $PATCH_P/state)" applying "it is not in force"
ok "the target goes" rmmod $TARGET
eventually 20 "with it who slept there" has $PATCH_P/state soaking

ok "the target comes, and is patched" insmod $MOD/$TARGET.ko
eventually 20 "its thread sleeps in the replacement's part" asleep_in fth_cold_work_patched
ok "the patch is asked to leave" write 0 $PATCH_P/enabled
eventually 20 "it waits for the thread" holds $PATCH_P/pending 'fth_cold: fth_cold_work_patched.cold+'
is "$(cat $PATCH_P/state)" reverting "it is in force still"
ok "the target goes" rmmod $TARGET
eventually 20 "the patch is gone" gone $PATCH
ok "it can be unloaded" rmmod $PATCH

# Of a function that is not replaced, but named.
ok "policy for another patch" policy \
	"fother_demo_cmdline nudge-after=manual deadline=none confirm-within=none extend-set=$TARGET:fth_cold_work"
ok "the target loads" insmod $MOD/$TARGET.ko
eventually 20 "its thread sleeps in the unlikely part" asleep_in fth_cold_work
ok "the other patch loads" insmod $DEMO
eventually 20 "it waits for the thread" holds $DEMO_P/pending 'fth_cold: fth_cold_work.cold+'
ok "the target goes" rmmod $TARGET
eventually 20 "with it who slept there" has $DEMO_P/state soaking
revert fother_demo_cmdline
fother_out
done_testing

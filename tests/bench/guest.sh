#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Runs in the guest: the same module through the in-tree core, then through
# fother, in one boot.  usage: guest.sh ROUNDS
set -eu
name=fother_demo_cmdline
/bench/transition /bench/$name.ko $name /sys/kernel/livepatch intree "$1"
[ -d /sys/kernel/fother ] || insmod "/lib/modules/$(uname -r)/fother.ko"
echo "$name confirm-within=none" >/sys/kernel/fother/policy
/bench/transition /bench/$name.ko $name /sys/kernel/fother/patches fother "$1"

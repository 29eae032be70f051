#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What every guest test relies on: the guest that tools/vm boots.
# vm: --smp 2 --timeout 120
# kernels: 6.1 6.1-generic 6.12 debug
. "${TAP_LIB:-tests/lib/tap.sh}"

is "$(id -u)" 0 "commands run as root"
is "$(nproc)" 2 "as many CPUs as asked for"
ok "the module is at hand" test -s "/lib/modules/$(uname -r)/fother.ko"
ok "the examples are at hand" test -s /tests/examples/fother_demo_cmdline.ko
ok "the stock virtio_console driver is loaded" test -d /sys/bus/virtio/drivers/virtio_console
ok "livepatch is in the kernel" test -d /sys/kernel/livepatch
ok "tracefs is mounted" test -e /sys/kernel/tracing/trace
is "$(($(cat /proc/sys/kernel/tainted) & 0x42b0))" 0 "the kernel booted without a fault"
nok "a test module runs and refuses to stay" insmod /tests/mod/fth_test_warn.ko
ok "files of the host are in place" test -r /tests/guest/harness.sh
done_testing

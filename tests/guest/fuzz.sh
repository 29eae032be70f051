#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A million mutated frames into the kernel's decoder, codec and dispatch: the guest
# answers a HELLO in between and at the end, warns of nothing and leaks nothing.
# vm: --smp 2 --timeout 1200
# kernels: 6.1 6.12
. "${TAP_LIB:-tests/lib/tap.sh}"
# shellcheck source=tests/lib/guest.sh
. "${TAP_LIB%/*}/guest.sh"

SEED=${SEED:-0x20261121}
# The debug kernel looks closer, and takes half an hour for as many.
COUNT=${COUNT:-$([ -n "${TAP_SLOWER:-}" ] && echo 20000 || echo 1000000)}
LEAK_KB=32768 # what a payload that is half staged may hold, and then some
WAIT_S=30

counter() { cat $S/channel/"$1"; }
above() { [ "$(counter "$1")" -gt "$2" ]; }
free_kb() { awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo; }
has_memory() { [ "$(free_kb)" -ge $((before_kb - LEAK_KB)) ]; }

need /tests/fth_fuzz
fother_in
diag "seed $SEED"
before_kb=$(free_kb)
ok "$COUNT mutated frames, and each HELLO is answered" /tests/fth_fuzz "$COUNT" "$SEED"
diag "${tap_out:-}"
ok "most were frames" above rx_frames $((COUNT / 2))
ok "many were messages, and answered" above tx_frames $((COUNT / 10))
ok "many were not" above malformed $((COUNT / 20))
ok "some had broken headers" above bad_headers $((COUNT / 1000))
ok "some broken payloads" above bad_payloads $((COUNT / 1000))
fother_out
eventually $WAIT_S "no memory is lost" has_memory
done_testing

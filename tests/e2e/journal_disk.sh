#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# A disk under the journal that is full, then has room again; one that turns read-only
# because its file system found an error; one that is read-only from the start.  All are
# real file systems, in a mount namespace of their own, which takes root.
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
[ -n "${FTH_E2E_NAMESPACE:-}" ] ||
	FTH_E2E_NAMESPACE=1 exec unshare --mount --propagation private bash "$0"
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/bench/agent/lib.sh
. tests/bench/agent/lib.sh

VMS=20

store_is() { [ "$("$FOTHER" status --json | jq .store.ok)" = "$1" ]; }
soaks() { "$FOTHER" rollout status --json | jq -e '.counts.soaking > 0' >/dev/null; }
all_are() { scale_guests_are "($1) == $VMS and .bad == 0 and .choked == 0"; }
says() { grep -q "$1" "$SCALE_DIR/fotherd.log"; }

# start_agent: on the state folder as it is; its log grows
start_agent() {
	"$FOTHERD" --sockets "$SCALE_DIR/vms" --state "$SCALE_DIR/state" --api "$FOTHER_SOCKET" \
		2>>"$SCALE_DIR/fotherd.log" &
	SCALE_AGENT_PID=$!
	scale_until "fotherd to answer on its API socket" "$FOTHER" status
}

stop_agent() {
	kill "$SCALE_AGENT_PID"
	wait "$SCALE_AGENT_PID"
	SCALE_AGENT_PID=
}

# under_way: guests, an agent, and a rollout whose first VM soaks
under_way() {
	scale_guests "$VMS"
	tap_result $? "$VMS guests listen" || bail "no guests"
	: >"$SCALE_DIR/fotherd.log"
	start_agent
	tap_result $? "the agent starts" || bail "no agent"
	ok "all sessions open" scale_until "sessions" scale_open "$VMS"
	ok "a rollout begins" "$FOTHER" rollout start "$SCALE_DIR/bench.yaml"
	ok "its first VM soaks" scale_until "a soak" soaks
}

# refuses WHY: what the agent says and does while it can't write
refuses() {
	local text
	ok "the agent says that it can't write" scale_until "a failed write" store_is false
	ok "in its log, too" says 'journal in .*nothing new is started'
	text=$("$FOTHER" status)
	like "$text" "*$1*" "status says why"
	ok "what was known is still shown" "$FOTHER" rollout list
	text=$("$FOTHER" rollout pause 1 2>&1)
	is $? 1 "what must be written down is refused"
	like "$text" "*can't be written*was not taken: repeat it*" "and it says so, and what to do"
	is "$("$FOTHER" vm list --json | jq length)" "$VMS" "VMs are listed"
}

# completes: the rollout goes on to its end, and nothing was done twice
completes() {
	ok "every guest is patched and confirmed" scale_until "patched guests" all_are .applied
	ok "the rollout completes" scale_until "the end" scale_phase_is complete
	stop_agent
	ok "its journal is sound" "$FOTHERD" --state "$SCALE_DIR/state" --check-journal
}

scale_init
scale_policy 1s || bail "no module"
mkdir "$SCALE_DIR/state"

# Full.
mount -t tmpfs -o size=4m tmpfs "$SCALE_DIR/state" || bail "can't mount a tmpfs: this test needs root"
under_way
dd if=/dev/zero of="$SCALE_DIR/state/filler" bs=64k 2>/dev/null
nok "the disk is full" dd if=/dev/zero of="$SCALE_DIR/state/more" bs=4k count=1 status=none 2>/dev/null
refuses "full"
rm "$SCALE_DIR/state/filler"
ok "with room the agent writes again, by itself" scale_until "a write" store_is true
ok "and says so" says 'can be written again'
completes
scale_stop
umount "$SCALE_DIR/state"

# Read-only, as a file system makes itself when it finds an error.
truncate -s 32M "$SCALE_DIR/image"
mkfs.ext4 -q -F "$SCALE_DIR/image"
mount -o loop,errors=remount-ro "$SCALE_DIR/image" "$SCALE_DIR/state" ||
	bail "can't mount a loop device: this test needs root and /dev/loop"
device=$(basename "$(findmnt -no SOURCE "$SCALE_DIR/state")")
under_way
{ echo 1 >"/sys/fs/ext4/$device/trigger_fs_error"; } 2>/dev/null
nok "the disk is read-only" touch "$SCALE_DIR/state/more" 2>/dev/null
refuses ""
stop_agent
umount "$SCALE_DIR/state"
e2fsck -fp "$SCALE_DIR/image" >/dev/null
mount -o loop "$SCALE_DIR/image" "$SCALE_DIR/state" || bail "can't mount what was repaired"
mount -o remount,ro "$SCALE_DIR/state" || bail "can't make it read-only"
: >"$SCALE_DIR/fotherd.log"
nok "on a disk that is read-only an agent does not start" start_agent 2>/dev/null
SCALE_AGENT_PID=
ok "it says what it found" says 'error: .*\(readonly\|Read-only\|read-only\)'
mount -o remount,rw "$SCALE_DIR/state" || bail "can't make it writable again"
start_agent
tap_result $? "on one that was repaired it starts"
completes
scale_stop
umount "$SCALE_DIR/state"
done_testing

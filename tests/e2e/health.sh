#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Health gates over a real libvirtd: tags select, the hypervisor and a program of
# the operator's decide who is confirmed, a hypervisor that can't tell is no pass.
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/libvirt.sh
. tests/lib/libvirt.sh
libvirt_namespace "$0"

DOMAINS=(web-1 db-1)
NAME=fother_demo_cmdline

libvirt_defined() {
	virsh -q metadata "$1" urn:fother:1 --config --key fother \
		--set "<vm group='g'><tag>${1%-*}</tag></vm>" >/dev/null
}

# policy LINE...: the demo's policy, for tag web only, with these lines of health.
policy() {
	fleet_policy "$NAME"
	sed -i '/^health:/,$d; s/^  soak: .*/  soak: 1s/' "$FLEET_DIR/$NAME.yaml"
	sed -i 's/^rollout:/rollout:\n  select: {tag: [web]}/' "$FLEET_DIR/$NAME.yaml"
	sed -i 's/^  failures: .*/  failures: {max: 0, inconclusive: 1, then: reverse}/' \
		"$FLEET_DIR/$NAME.yaml"
	printf '%s\n' "health:" "  retry: 1s" "$@" >>"$FLEET_DIR/$NAME.yaml"
}

start() { "$FOTHER" rollout start "$FLEET_DIR/$NAME.yaml"; }
settled() { "$FOTHER" rollout status --wait; }
why() { fleet_rollout 'vms[0].why' "$(fleet_last_rollout)"; }
says() { [[ "$(why)" == *"$1"* ]]; }
phase_is() { [ "$(fleet_rollout phase "$(fleet_last_rollout)")" = "$1" ]; }
hung_are_gone() { # the numbers that they wrote down
	local child own
	[ -s "$FLEET_DIR/hung.pids" ] || return 1
	while read -r child own; do
		! kill -0 "$child" 2>/dev/null && ! kill -0 "$own" 2>/dev/null || return 1
	done <"$FLEET_DIR/hung.pids"
}
sees_tag() { [ "$("$FOTHER" vm list --json | jq -r '.[] | select(.name == "web-1").tags[0]')" = web ]; }

libvirt_fleet health "${DOMAINS[@]}"
fleet_agent_start
tap_result $? "the agent starts with libvirt as inventory"
ok "every guest greets the agent" fleet_until "all guests to greet" fleet_open 2
ok "a tag of the domain's metadata is known" sees_tag

policy "  host: [domain-state, vcpu-progress, memory]" "  memory-growth: 100%"
ok "a rollout that the hypervisor judges starts" start
ok "and completes" settled
ok "the domain with the tag is patched" fleet_looks patched web-1
ok "the other one is not" fleet_looks original db-1
ok "it is the only one in the rollout" [ "$(fleet_rollout 'vms | length' "$(fleet_last_rollout)")" = 1 ]
ok "it goes back" "$FOTHER" rollout reverse --wait "$(fleet_last_rollout)"

policy "  host: [io-progress]" "  timeout: 1s"
ok "a rollout that waits for I/O starts" start
eventually 100 "an idle domain holds it, and says so" says \
	"health.host: io-progress: inconclusive: "
ok "it is not confirmed" phase_is soaking
ok "it goes back" "$FOTHER" rollout reverse --wait "$(fleet_last_rollout)"

# It hears no signal that can be heard, and has a child that goes on by itself.
cat >"$FLEET_DIR/hung" <<-END
	#!/bin/sh
	trap '' TERM INT HUP
	sleep 100000 &
	echo \$! \$\$ >>$FLEET_DIR/hung.pids
	echo "the database is slow"
	while :; do sleep 1; done
END
chmod 755 "$FLEET_DIR/hung"
policy "  command: [$FLEET_DIR/hung]" "  timeout: 1s"
ok "a rollout whose program hangs starts" start
eventually 100 "it holds, and says so" says \
	"health.command: inconclusive: it did not end in 1000 ms: the database is slow"
ok "it is not confirmed" phase_is soaking
ok "it goes back" "$FOTHER" rollout reverse --wait "$(fleet_last_rollout)"
eventually 100 "of the programs and their children none is left" hung_are_gone

cat >"$FLEET_DIR/probe" <<-'END'
	#!/bin/sh
	[ "$1" = web-1 ] || exit 3
	echo "$FOTHER_VM is ill"
	exit 1
END
chmod 755 "$FLEET_DIR/probe"
policy "  command: [$FLEET_DIR/probe, '{vm}']"
ok "a rollout that a program judges starts" start
eventually 100 "it is taken back" phase_is reversed
ok "and says why" says "health.command: fail: exit 1: web-1 is ill"
ok "every domain is original" fleet_looks original "${DOMAINS[@]}"
for domain in "${DOMAINS[@]}"; do
	ok "guest $domain is well" tools/vm check --dir "$FLEET_DIR/vms" --name "$domain"
done
done_testing

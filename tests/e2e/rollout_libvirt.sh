#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A rollout over a real libvirtd with domains of type qemu; one domain is
# destroyed and started again in the middle, and caught up.
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/libvirt.sh
. tests/lib/libvirt.sh
libvirt_namespace "$0"

DOMAINS=(db-1 db-2 db-3)
NAME=fother_demo_cmdline

start() { "$FOTHER" rollout start "$FLEET_DIR/$NAME.yaml"; }
settled() { "$FOTHER" rollout status --wait; }
wave_is() { [ "$(fleet_rollout wave "$(fleet_last_rollout)")" = "$1" ]; }

libvirt_fleet libvirt "${DOMAINS[@]}"
fleet_agent_start
tap_result $? "the agent starts with libvirt as inventory"
ok "every guest greets the agent" \
	fleet_until "all guests to greet" fleet_open "${#DOMAINS[@]}"

fleet_policy "$NAME"
# The canary's soak is long enough to lose a domain in it.
sed -i 's/^  soak: .*/  soak: 15s/; s/^  failures: .*/  failures: {max: 0, then: pause}/' \
	"$FLEET_DIR/$NAME.yaml"
ok "the rollout starts" start
canary=$("$FOTHER" rollout status --json | jq -r '.vms[] | select(.wave == 0).name')
victim=$(printf '%s\n' "${DOMAINS[@]}" | grep -vx "$canary" | head -n 1)
eventually 200 "the canary is patched" fleet_looks patched "$canary"
ok "domain $victim is destroyed in the middle" virsh -q destroy "$victim"
eventually 200 "the agent sees that it is gone" fleet_open 2
eventually 200 "the rollout goes on to the rest" wave_is 1
ok "it is started again, on another socket path" libvirt_domain_start "$victim"
ok "the rollout completes" settled
ok "every domain is patched, the restarted one too" \
	fleet_looks patched "${DOMAINS[@]}"

ok "a patched domain is destroyed" virsh -q destroy "$canary"
ok "and started: it lost the patch" libvirt_domain_start "$canary"
eventually 200 "and is brought back to what the fleet runs" fleet_looks patched "$canary"

ok "the rollout is reversed" "$FOTHER" rollout reverse --wait "$(fleet_last_rollout)"
ok "every domain is original" fleet_looks original "${DOMAINS[@]}"
for domain in "${DOMAINS[@]}"; do
	ok "guest $domain is well" tools/vm check --dir "$FLEET_DIR/vms" --name "$domain"
done
done_testing

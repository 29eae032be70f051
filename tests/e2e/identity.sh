#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Domains of a real libvirtd that are renamed, made anew under a known name, and gone while
# no libvirtd runs; their group and tags.  It is about who they are: one is started, and
# none boots anything.
# shellcheck disable=SC2317 # functions are called by ok and its like
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/libvirt.sh
. tests/lib/libvirt.sh
libvirt_namespace "$0"

FIRST=11111111-aaaa-4aaa-8aaa-000000000001
SECOND=22222222-aaaa-4aaa-8aaa-000000000002
THIRD=33333333-aaaa-4aaa-8aaa-000000000003
FOURTH=44444444-aaaa-4aaa-8aaa-000000000004

FIFTH=55555555-aaaa-4aaa-8aaa-000000000005

# define NAME UUID [CHANNEL]: a domain with the channel of fother, or another one
define() {
	cat >"$FLEET_DIR/$1.xml" <<-END
		<domain type='qemu'>
		  <name>$1</name><uuid>$2</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>
		  <os><type arch='x86_64' machine='q35'>hvm</type></os>
		  <devices>
		    <controller type='virtio-serial' index='1' ports='2'/>
		    <channel type='unix'>
		      <target type='virtio' name='${3:-org.fother.0}'/>
		      <address type='virtio-serial' controller='1' bus='0' port='1'/>
		    </channel>
		  </devices>
		</domain>
	END
	virsh -q define "$FLEET_DIR/$1.xml" >/dev/null
}

names() { "$FOTHER" vm list --json | jq -r '[.[].name] | sort | join(" ")'; }
names_are() { [ "$(names)" = "$1" ]; }
uuid_of() { "$FOTHER" vm list --json | jq -r ".[] | select(.name == \"$1\").domain_uuid"; }
uuid_is() { [ "$(uuid_of "$1")" = "$2" ]; }
told() { "$FOTHER" history "$1" --json | jq -r '[.[] | .what + ": " + .why] | join("; ")'; }

session_of() { "$FOTHER" vm list | awk -v vm="$1" '$1 == vm { print $5, $6 }'; }
# As docs/fotherd.8 says.
mark() { virsh -q metadata "$1" urn:fother:1 "${@:3}" --key fother --set "$2"; }
marks() { "$FOTHER" vm show "$1" --json | jq -r '[.group] + .tags | join(" ")'; }
marks_are() { [ "$(marks "$1")" = "$2" ]; }

libvirt_fleet identity
ok "a domain is defined" define db-1 "$FIRST"
fleet_agent_start
tap_result $? "the agent starts with libvirt as inventory"
ok "it finds the domain" fleet_until "db-1" names_are db-1
is "$(uuid_of db-1)" "$FIRST" "and knows its uuid"

ok "the domain is renamed" virsh -q domrename db-1 db-2
ok "the agent knows it by its new name only" fleet_until "db-2" names_are db-2
is "$(told db-2)" "renamed: it was called 'db-1' before" "and its history says so"

fleet_agent_stop
ok "it is renamed while no agent runs" virsh -q domrename db-2 db-3
fleet_agent_start
ok "the agent is told at its start" fleet_until "db-3" names_are db-3
like "$(told db-3)" "renamed: it was called 'db-1' before; renamed: it was called 'db-2' before" \
	"and history goes along"

ok "it is undefined" virsh -q undefine db-3
ok "the agent knows it no more" fleet_until "none" names_are ""
ok "another domain of that name is defined" define db-3 "$SECOND"
ok "the agent finds it" fleet_until "db-3" names_are db-3
is "$(uuid_of db-3)" "$SECOND" "it is the new one"
is "$(told db-3)" "new: the domain that was called so before is 'db-3/11111111' here" \
	"which has no other history"
like "$(told db-3/11111111)" "renamed: *; replaced: another domain is called 'db-3' now" \
	"what was known of the first is kept"
ok "the first one is defined again" define db-4 "$FIRST"
ok "the agent finds it" fleet_until "both" names_are "db-3 db-4"
like "$(told db-4)" "renamed: *; replaced: *; renamed: it was called 'db-3/11111111' before" \
	"and knows it again"

ok "a third domain is defined" define db-5 "$THIRD"
ok "the agent finds it" fleet_until "all three" names_are "db-3 db-4 db-5"
fleet_policy fother_demo_cmdline
ok "a rollout takes all of them in" "$FOTHER" rollout start "$FLEET_DIR/fother_demo_cmdline.yaml"
nok "who is there can't be forgotten" "$FOTHER" vm forget db-4
libvirt_stop
defined=$FLEET_DIR/libvirt/etc/qemu
ok "a domain goes while no libvirtd runs" rm "$defined/db-4.xml"
ok "and another one takes a name" sed -i "s/$THIRD/$FOURTH/" "$defined/db-5.xml"
# Not by ok, which has a shell of its own: its process id is needed at the end.
libvirt_run "$FLEET_DIR/libvirt"
tap_result $? "libvirtd starts again"
ok "the agent has the one that took the name" fleet_until "the fourth" uuid_is db-5 "$FOURTH"
ok "the one that went can be forgotten" fleet_until "db-4 to go" "$FOTHER" vm forget db-4
is "$(names)" "db-3 db-5" "and is known no more"
nok "the one that stayed can't be" "$FOTHER" vm forget db-3

LIBVIRT_DOMAINS+=(db-6)
ok "a domain with a relay's channel is defined" define db-6 "$FIFTH" org.fother.relay
ok "the agent finds it" fleet_until "db-6" names_are "db-3 db-5 db-6"
like "$(session_of db-6)" "down (relay)*" "and tells that its session is a relay's"
ok "it gets a group while it is off" mark db-6 "<vm group='eu-1'><tag>web</tag></vm>" --config
ok "the agent knows it" fleet_until "the group" marks_are db-6 "eu-1 web"
ok "the domain is started" virsh -q start db-6
ok "it gets another group while it runs" \
	mark db-6 "<vm group='eu-2'><tag>db</tag><tag>slow</tag></vm>" --live --config
ok "the agent knows that" fleet_until "the other group" marks_are db-6 "eu-2 db slow"
ok "a power cycle" virsh -q destroy db-6
ok "and it runs again" virsh -q start db-6
ok "with the group that it got" fleet_until "the other group" marks_are db-6 "eu-2 db slow"
done_testing

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A member of the API's group names files to an agent that is root: it opens those that he may
# read himself, by the kernel's word, and tells nothing of others.
# shellcheck disable=SC2317,SC2016 # functions are called by ok; what looks like variables is a secret
set -u
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh
. tests/lib/agent.sh

WAIT_S=60
GROUP=nogroup
MEMBER=65534  # nobody, whose group this is
READERS=12345 # a group by its number, nobody's in particular
SECRET='root:$y$j9T$very-secret:19000:0:99999:7:::'
RIGHTS="can't be opened with the rights of user 'nobody', who asks"

[ "$(id -u)" = 0 ] || bail "an agent that is not root has no other rights to take: run this as root"
agent_init rights
chmod 755 "$work" # for a member to reach
install -m 755 "$AGENT_BIN/fother" "$work/fother"

# by GROUPS COMMAND...: of a member with these supplementary groups; its output and status.
by() {
	local status=0
	setpriv --reuid=$MEMBER --regid=$MEMBER --groups="$1" -- "${@:2}" 2>&1 || status=$?
	echo "($status)"
}
starts() { by $MEMBER "$work/fother" rollout start "$1"; }

# The same past fother, which looks at the path before it asks: status and message.
asks() {
	by $MEMBER curl -s -w ' %{http_code}' --unix-socket "$FOTHER_SOCKET" -d "{\"policy\": \"$1\"}" \
		http://fother/v1/rollouts
}

policy() { # FILE MODULE [SIGNATURE]
	printf '%s\n' 'version: 1' "patch: {name: x, file: $2${3:+, signature: $3}}" >"$1"
	chmod 644 "$1"
}

# What the agent's threads have: users, groups, capabilities.
rights() { cat "/proc/$agent/task/"*/status | grep -E '^(Uid|Gid|Groups|Cap...):'; }

agent_begin() { # [WORD]...: setpriv's
	mkdir -p "$work/bin"
	printf '#!/bin/sh\nexec setpriv %s -- "%s" "$@"\n' "$*" "$AGENT_BIN/fotherd" >"$work/bin/fotherd"
	chmod 755 "$work/bin/fotherd"
	AGENT_BIN=$work/bin agent_start --sockets "$work/vms" --group $GROUP
	eventually $WAIT_S "an agent answers" "$work/fother" status
}
agent_end() {
	kill $agent
	wait $agent
	is $? 0 "it is well to its end"
	agent=
}

# A livepatch module, as far as the agent looks at one.
printf '%s\n' '.section .modinfo,"a"' '.asciz "livepatch=Y"' '.asciz "name=x"' \
	'.asciz "vermagic=6.1.0 SMP"' >"$work/x.s"
as --64 -o "$work/x.ko" "$work/x.s"
mkdir -m 700 "$work/closed"
policy "$work/closed/there.yaml" "$work/x.ko"
cp "$work/x.ko" "$work/closed/"
echo "$SECRET" >"$work/secret"
chmod 600 "$work/secret"

# ---- what he may not read --------------------------------------------------------
agent_begin
before=$(rights)
answer=$(starts "$work/secret")
like "$answer" "*policy '$work/secret': $RIGHTS: Permission denied*(2)" "a policy that is root's alone"
nok "of whose content nothing is said" grep -q very-secret <<<"$answer"
answer=$(asks "$work/closed/there.yaml")
like "$answer" "*$RIGHTS: Permission denied* 400(0)" "one in a folder that he can't search"
is "$(asks "$work/closed/not-there.yaml")" "${answer/there.yaml/not-there.yaml}" "as one that is not there"
policy "$work/file.yaml" "$work/secret"
like "$(starts "$work/file.yaml")" "*module '$work/secret': $RIGHTS: Permission denied*(2)" \
	"a module that is root's alone"
policy "$work/file.yaml" closed/x.ko
answer=$(starts "$work/file.yaml")
policy "$work/file.yaml" closed/y.ko
is "$(starts "$work/file.yaml")" "${answer/x.ko/y.ko}" "one in that folder: as one that is not there"
policy "$work/file.yaml" x.ko secret
answer=$(starts "$work/file.yaml")
like "$answer" "*signature '$work/secret': $RIGHTS: Permission denied*(2)" "a signature that is root's alone"
nok "of whose first byte nothing is said" grep -q 0x <<<"$answer"
ln -s "$work/secret" "$work/link.yaml"
like "$(asks "$work/link.yaml")" "*Permission denied* 400(0)" "a link to a file changes nothing"

# ---- what only the agent may -------------------------------------------------------
like "$(asks /proc/self/maps)" "*$RIGHTS: Permission denied* 400(0)" "what /proc tells a process of itself"
like "$(asks /proc/self/cwd/tests/lib/tap.sh)" "*$RIGHTS: * 400(0)" "the way through a link of /proc"
like "$(asks /proc/sys/net/ipv4/tcp_fastopen_key)" "*$RIGHTS: Permission denied* 400(0)" \
	"a sysctl of root's, which goes by another user than files do"

# ---- what he may -------------------------------------------------------------------
policy "$work/file.yaml" x.ko
like "$(starts "$work/file.yaml")" "*selects none of the 0 VMs*" "what all may read is read"
chgrp $READERS "$work/x.ko"
chmod 640 "$work/x.ko"
like "$(starts "$work/file.yaml")" "*module '$work/x.ko': $RIGHTS: Permission denied*(2)" "a group's alone: not he"
like "$(by $MEMBER,$READERS "$work/fother" rollout start "$work/file.yaml")" "*selects none of the 0 VMs*" \
	"but he with that group beside his own"
like "$(asks "$work/no-such.yaml")" "*$RIGHTS: No such file* 400(0)" "what is not there, where he may look, is told"

# ---- the agent, afterwards ---------------------------------------------------------
is "$(rights)" "$before" "each of its threads has the rights that it had"
like "$("$work/fother" rollout start "$work/secret" 2>&1)" "*secret:1:*" "root's own word opens what root may read"
like "$("$work/fother" rollout start "$work/closed/there.yaml" 2>&1)" "*selects none of the 0 VMs*" \
	"in any folder"
agent_end

# ---- an agent with the unit's capabilities -------------------------------------------
caps=$(sed -n 's/^CapabilityBoundingSet=//p' packaging/fotherd.service | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
agent_begin "--bounding-set=-all,$caps"
before=$(rights)
like "$(starts "$work/secret")" "*$RIGHTS: Permission denied*(2)" "$caps suffice to refuse"
like "$(by $MEMBER,$READERS "$work/fother" rollout start "$work/file.yaml")" "*selects none of the 0 VMs*" \
	"and to open"
is "$(rights)" "$before" "and to come back"
agent_end

# ---- an agent that can't take another's rights -----------------------------------------
chmod 644 "$work/x.ko"
for what in --bounding-set=-setuid --bounding-set=-setgid --securebits=+no_setuid_fixup; do
	agent_begin $what
	before=$(rights)
	answer=$(asks "$work/file.yaml")
	like "$answer" "*policy '$work/file.yaml': $RIGHTS: the agent can't take them*CAP_SETUID*root* 500(0)" \
		"$what: nothing is opened for a member"
	like "$("$work/fother" rollout start "$work/file.yaml" 2>&1)" "*selects none of the 0 VMs*" "but for root"
	is "$(rights)" "$before" "its rights are what they were"
	agent_end
done
done_testing

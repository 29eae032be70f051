#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What somebody in a hurry gets of fother: a help with an example and the exit codes for each
# command, one line for each mistake, and why no agent answers.
# shellcheck disable=SC2317 # functions are called by ok and its like
set -u
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh
. tests/lib/agent.sh

WAIT_S=60
agent_init usage
# For a stranger to reach.
chmod 755 "$work"
install -m 755 "$AGENT_BIN/fother" "$work/fother"
PATH=$work:$PATH

# ---- help ------------------------------------------------------------------------
# lacks VERB: what its help should have and has not.
lacks() {
	local text word
	text=$(fother "$1" --help 2>&1) || echo "exit status 0"
	for word in "usage: fother $1" "example: fother $1" "--json" "exit: 0" " 2 "; do
		grep -qF -e "$word" <<<"$text" || echo "'$word'"
	done
	grep -qE "3 (no agent|libvirt)|No agent is( \$|$)|No agent is asked" <<<"$(tr '\n' ' ' <<<"$text")" ||
		echo "whether an agent is asked"
}
mapfile -t verbs < <(fother complete '')
is "$((${#verbs[@]} > 5))" 1 "there are commands"
for verb in "${verbs[@]}"; do
	is "$(lacks "$verb")" "" "$verb --help has usage, example, --json and exit codes"
done
like "$(lacks no-such-command)" "*'usage: fother no-such-command'*" "which a command without would lack"

is "$(fother --version)" "fother $(sed -n 's/^.*FTH_VERSION "\(.*\)"/\1/p' include/fother/version.h)" \
	"fother --version"
is "$("$AGENT_BIN/fotherd" --version)" "$(fother --version | sed s/fother/fotherd/)" "fotherd --version"

# ---- mistakes --------------------------------------------------------------------
# mistake LINE: exits with 2, and says in one line on stderr what was found and where the help is.
mistake() {
	local words status=0
	read -ra words <<<"$1"
	fother "${words[@]}" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" = 2 ] && [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" = 1 ] &&
		grep -qE "(found|unknown|needs|no option|missing|expected).*; see 'fother (${words[0]} )?--help'$" \
			"$work/err"
}
while read -r line; do
	ok "a mistake: fother $line" mistake "$line" || diag "$(cat "$work/err")"
done <<'END'
no-such-command
vm
vm bogus
vm show
vm show a b
vm list a
vm nudge web-1
vm list -q
vm list --bogus=3
vm list --json=3
vm show a --vm b
vm confirm a b --extend
rollout
rollout start
rollout pause
rollout status 1 2
rollout list 1
rollout pause 1 --why
history a b
history a --rollout 1
history --rollout x
explain
policy
policy check
policy check a b
blocks a
allow
allow a --all --fleet
status a
sign
sign --bogus
sign --key
enroll
enroll -z a
unenroll a b
END
nok "what is no mistake is not taken for one" mistake "vm --help"

# A group may be a name service's, which answers a moment later: no wrong option, so that the unit
# (RestartPreventExitStatus=) tries again.
# starts_with OPTION...: fotherd's output and status.
starts_with() {
	local status=0
	"$AGENT_BIN/fotherd" --sockets "$work/vms" --state "$work/state" --api "$FOTHER_SOCKET" "$@" 2>&1 ||
		status=$?
	echo "($status)"
}
like "$(starts_with --group no-such-group)" \
	"*--group 'no-such-group': no such group*'groupadd --system no-such-group'*start fotherd again*(1)" \
	"a group that is not there (yet)"
like "$(starts_with --group no-such-group --bogus)" "*bogus*(2)" "a wrong option beside it"
like "$(sed -n 's/^RestartPreventExitStatus=//p' packaging/fotherd.service)" 2 "only that ends the unit for good"
ok "and it comes after name services" grep -qx 'After=nss-user-lookup.target' packaging/fotherd.service

# ---- a policy that is right, and not for this host -------------------------------
printf '%s\n' 'version: 1' 'patch: {name: x, file: x.ko}' 'health: {command: [/no/such/probe]}' >"$work/x.yaml"
like "$(fother policy check "$work/x.yaml")" \
	"*warning: health.command: '/no/such/probe' can't be run on this host: No such file*" "a probe that is not there"
like "$(fother policy check --json "$work/x.yaml" | jq -c .warnings)" '*can?t be run*' "for programs, too"
sed -i 's,/no/such/probe,/bin/true,' "$work/x.yaml"
nok "one that is there is not warned of" grep -q warning <<<"$(fother policy check "$work/x.yaml")"

# A file's name may be any bytes, and a message that quotes it is cut somewhere.
is "$(fother policy check --json "$work/"$'no-\xff-\xc3\xa4' | jq -r .policy)" "$work/no-?-ä" \
	"a name that is no UTF-8 is told as JSON"
long=$(printf 'ä%.0s' {1..600})
is "$(fother policy check --json "$long" | jq -r .policy)" "$long" "a long one, too"
like "$(fother policy check --json "$long" | jq -r .error)" "äää*ä" "with a message that ends in a character"

# ---- no agent --------------------------------------------------------------------
# silence COMMAND...: its exit status and message.
silence() {
	local status=0
	"$@" 2>&1 || status=$?
	echo "($status)"
}
like "$(silence fother vm list)" "*no agent answers on '$FOTHER_SOCKET': No such file*start fotherd*(3)" \
	"no agent: where it was looked for, and what to do"
printf '{version: 1, vms: [{name: web-1, socket: /none.sock, tags: [web, tier-1]}]}' >"$work/vms.yaml"
agent_start --inventory "$work/vms.yaml"
eventually $WAIT_S "an agent answers" fother status
stranger=()
if [ "$(id -u)" = 0 ]; then
	stranger=(setpriv --reuid=65534 --regid=65534 --clear-groups)
else
	chmod 0 "$work/api.sock"
fi
like "$(silence "${stranger[@]}" "$work/fother" status)" "*this user may not use*'$work/api.sock'*group*(3)" \
	"a stranger is told what he lacks"
chmod 600 "$work/api.sock"
like "$(silence fother vm show no-such-vm)" "*no VM 'no-such-vm'; 'fother vm list'*(2)" "a VM that is not there"
like "$(fother vm show web-1)" "*tags  *web, tier-1*" "what is known of one: its tags, too"
like "$(silence fother rollout status 7)" "*no rollout '7'; 'fother rollout list'*(2)" \
	"a rollout that is not there"
like "$(silence fother rollout undo 7)" "*no rollout '7'; *(2)" "nor for a command"
like "$(silence fother history no-such-vm)" "*'fother vm list'*(0)" "a history of nobody"
kill -KILL $agent
wait $agent 2>/dev/null
agent=
like "$(silence fother vm list)" "*Connection refused; start fotherd*(3)" "an agent that was killed"
done_testing

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Completion, as somebody at a terminal has it: the real scripts in a real bash and a real
# zsh, against a real agent.  What is offered is what each --help has.
# shellcheck disable=SC2317 # functions are called by ok and its like
set -u
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh
. tests/lib/agent.sh

WAIT_S=60
agent_init complete
PATH=$AGENT_BIN:$PATH

offered() { fother complete "$@" | paste -sd ' '; }

# ---- what --help has -----------------------------------------------------------
# help_options VERB, help_subs VERB: as its --help has them.
help_options() { fother "$1" --help | grep -o -- '--[a-z][a-z-]*' | LC_ALL=C sort -u | paste -sd ' '; }
help_subs() {
	fother "$1" --help | sed -n '/^$/q; s/^.*fother '"$1"' \([a-z|]*\).*/\1/p' | tr '|' '\n' |
		grep . | LC_ALL=C sort -u | paste -sd ' '
}
# offered_options VERB: of the verb with all its second words.
offered_options() {
	local sub
	for sub in $(help_subs "$1") ''; do
		fother complete "$1" ${sub:+"$sub"} --
	done | LC_ALL=C sort -u | grep -vx -- --help | paste -sd ' '
}

mapfile -t verbs < <(fother complete '')
is "$(printf '%s\n' "${verbs[@]}" | LC_ALL=C sort | paste -sd ' ')" \
	"$(fother --help | sed -n '/^  [a-z]/s/^  \([a-z|]*\) .*/\1/p' | tr '|' '\n' | LC_ALL=C sort -u |
		paste -sd ' ')" "the commands are those of --help"
for verb in "${verbs[@]}"; do
	help=$(help_options "$verb" | sed 's/--help *//')
	is "$(offered_options "$verb")" "${help% }" "$verb: the options are those of its --help"
	subs=$(help_subs "$verb")
	[ -z "$subs" ] || is "$(fother complete "$verb" '' | LC_ALL=C sort | paste -sd ' ')" "$subs" \
		"$verb: so are the words behind it"
done
is "$(offered rollout start '')" ":files .yaml" "a policy is a file"
is "$(offered vm revert web-1 p --mode c)" "consistent consistent-then-immediate" "an option's value"
is "$(offered --socket '')" ":files" "a global option's value"
is "$(offered no-such-command '')" "" "nothing is made up"

# ---- names -----------------------------------------------------------------------
is "$(offered vm show '') $?" " 0" "without an agent there are no names, and no complaint"
{
	echo "version: 1"
	echo "vms:"
	printf -- "- {name: %s, socket: $work/none.sock}\n" web-1 web-2 db-1 rack:7
} >"$work/vms.yaml"
agent_start --inventory "$work/vms.yaml"
knows() { [ "$(offered vm show '')" = "db-1 rack:7 web-1 web-2" ]; }
eventually $WAIT_S "the agent's VMs are offered" knows
is "$(offered explain w)" "web-1 web-2" "those that begin so"
is "$(FOTHER_SOCKET='' offered --socket "$work/api.sock" vm show d)" db-1 "of the agent that --socket names"
is "$(FOTHER_SOCKET='' offered "--socket=$work/api.sock" history --rollout '')" "" \
	"there is no rollout yet"
kill -STOP $agent
begun=$SECONDS
is "$(offered vm show '')" "" "an agent that hangs is not waited for"
ok "for long" [ $((SECONDS - begun)) -lt 30 ]
kill -CONT $agent

# ---- bash ------------------------------------------------------------------------
mkdir -p "$work/here/folder"
touch "$work/here/a policy.yaml" "$work/here/module.ko"
# by_bash WORD...: what TAB would offer behind these words, one of them per line.
by_bash() {
	(
		cd "$work/here" && bash --norc -c '. "$0" && COMP_WORDS=(fother "$@") COMP_CWORD=$# &&
			_fother && printf "%s\n" "${COMPREPLY[@]}"' "$OLDPWD/packaging/completions/fother.bash" "$@"
	) | paste -sd ' '
}
is "$(by_bash roll)" rollout "bash: a command"
is "$(by_bash vm show w)" "web-1 web-2" "bash: VMs"
is "$(by_bash rollout start '')" "a policy.yaml folder" "bash: policies, and folders on the way"
is "$(by_bash --socket = "$work/api.sock" vm show d)" db-1 "bash: an option's value behind '='"

is "$(by_bash vm show rack : '')" 7 "bash: what stands behind the colon of a name"

# by_terminal LINE: what the line is after a TAB, in a terminal of its own (zsh has them).
cat >"$work/terminal" <<'END'
zmodload zsh/zpty
zpty shell bash --norc --noprofile -i
say() { zpty -w shell "$1" }
say "PS1=; bind 'set enable-bracketed-paste off'; . $1"
say "show() { printf '<<%s>>\n' \"\$READLINE_LINE\"; exit; }; bind -x '\"\C-t\": show'; echo rea''dy"
until [[ $all == *$'\n'ready* ]]; do zpty -r shell line || exit; all+=$line; done
zpty -n -w shell $2$'\t\x14'
while zpty -r shell line; do
	[[ $line != *'<<'*'>>'* ]] || { line=${line#*<<}; print -r -- "${line%%>>*}"; exit }
done
END
by_terminal() { timeout $WAIT_S zsh -f "$work/terminal" "$PWD/packaging/completions/fother.bash" "$1"; }
is "$(by_terminal 'fother vm show d')" "fother vm show db-1 " "bash at a terminal: a VM"
is "$(by_terminal 'fother vm show ra')" "fother vm show rack:7 " "bash at a terminal: one with a colon"
is "$(by_terminal 'fother vm show rack:')" "fother vm show rack:7 " "bash at a terminal: behind its colon"

# ---- zsh -------------------------------------------------------------------------
# by_zsh LINE: what the line is after a TAB, in a terminal of its own.
cat >"$work/zsh" <<'END'
zmodload zsh/zpty
zpty shell zsh -f -i
say() { zpty -w shell "$1" }
say "cd $1; fpath=($2 \$fpath); autoload -U compinit; compinit -u -d ../dump; PS1=; unsetopt zle_bracketed_paste"
say 'show() { print -r -- "<<$BUFFER>>"; exit }; zle -N show; bindkey "^X" show; print rea''dy'
until [[ $all == *$'\n'ready* ]]; do zpty -r shell line || exit; all+=$line; done
zpty -n -w shell $3$'\t\x18'
while zpty -r shell line; do
	[[ $line != *'<<'*'>>'* ]] || { line=${line#*<<}; print -r -- "${line%%>>*}"; exit }
done
END
by_zsh() { timeout $WAIT_S zsh -f "$work/zsh" "$work/here" "$PWD/packaging/completions" "$1"; }
is "$(by_zsh 'fother roll')" "fother rollout " "zsh: a command"
is "$(by_zsh 'fother vm show d')" "fother vm show db-1 " "zsh: a VM"
is "$(by_zsh 'fother vm show w')" "fother vm show web-" "zsh: what VMs have in common"
is "$(by_zsh 'fother rollout start a')" 'fother rollout start a\ policy.yaml ' "zsh: a policy"
is "$(by_zsh "fother --socket $work/api.sock explain d")" "fother --socket $work/api.sock explain db-1 " \
	"zsh: behind an option"
is "$(by_zsh 'fother vm revert x y --mo')" "fother vm revert x y --mode " "zsh: an option"
done_testing

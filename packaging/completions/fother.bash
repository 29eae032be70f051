# SPDX-License-Identifier: GPL-2.0
# Completion of fother(1) for bash: install as
# /usr/share/bash-completion/completions/fother.  VMs, rollouts and patches are asked of
# the agent that answers now; without one there are no names, and no messages.

# _fother_names QUERY: what `fother complete` prints, or nothing.
_fother_names() {
	"${COMP_WORDS[0]}" "${_fother_socket[@]}" complete "$1" 2>/dev/null
}

_fother_reply() { # WORDS CURRENT: those that begin as CURRENT does
	local word
	COMPREPLY=()
	while read -r word; do
		[[ -z $word || $word != "$2"* ]] || COMPREPLY+=("$(printf %q "$word")")
	done < <(printf '%s\n' "$1" | tr ' ' '\n')
}

_fother_files() { # SUFFIX CURRENT
	local file
	COMPREPLY=()
	compopt -o filenames 2>/dev/null
	while read -r file; do
		COMPREPLY+=("$file")
	done < <(compgen -f -X "!*$1" -- "$2"; compgen -d -- "$2")
}

_fother() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local verb='' sub='' i operands=0 word options='--help'
	local -a _fother_socket=()

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-s | --socket) _fother_socket=(--socket "${COMP_WORDS[++i]}") ;;
		--why | --mode | --extend | --vm | --rollout | --key | --cert | --out) ((++i)) ;;
		-*) ;;
		*)
			if [[ -z $verb ]]; then
				verb=$word
			elif [[ -z $sub && $verb =~ ^(vm|policy|rollout)$ ]]; then
				sub=$word
			else
				((++operands))
			fi
			;;
		esac
	done
	case $previous in
	-s | --socket) _fother_files '' "$current" && return ;;
	--vm) _fother_reply "$(_fother_names vms)" "$current" && return ;;
	--rollout) _fother_reply "$(_fother_names rollouts)" "$current" && return ;;
	--mode)
		_fother_reply 'consistent immediate consistent-then-immediate' "$current"
		return
		;;
	esac
	case $verb in
	rollout) options='--json --wait --watch --all --why --help' ;;
	vm) options='--json --yes --why --mode --extend --help' ;;
	status | explain | blocks | policy) options='--json --help' ;;
	history) options='--json --rollout --help' ;;
	allow) options='--all --vm --why --fleet --json --help' ;;
	'') options='--socket --help' ;;
	esac
	if [[ $current == -* ]]; then
		_fother_reply "$options" "$current"
		return
	fi
	case $verb/$sub/$operands in
	//0) _fother_reply "$(_fother_names verbs)" "$current" ;;
	rollout//0)
		_fother_reply 'start status list pause resume promote abort reverse recall undo' \
			"$current"
		;;
	vm//0) _fother_reply 'list show nudge force confirm revert audit' "$current" ;;
	policy//0) _fother_reply check "$current" ;;
	rollout/start/0 | policy/check/0) _fother_files .yaml "$current" ;;
	rollout/list/*) ;;
	rollout/*/0) _fother_reply "$(_fother_names rollouts)" "$current" ;;
	vm/list/* | vm/audit/*) ;;
	vm/*/0 | explain//0 | history//0) _fother_reply "$(_fother_names vms)" "$current" ;;
	vm/nudge/1 | vm/force/1 | vm/confirm/1 | vm/revert/1 | allow//0)
		_fother_reply "$(_fother_names patches)" "$current"
		;;
	sign//0) _fother_files .ko "$current" ;;
	esac
}
complete -F _fother fother

# SPDX-License-Identifier: GPL-2.0
# Completion of fother(1) for bash: /usr/share/bash-completion/completions/fother.
# What may come next says `fother complete`, which asks the agent for names.
_fother() {
	local word suffix

	COMPREPLY=()
	while IFS= read -r word; do
		if [[ $word != :files* ]]; then
			COMPREPLY+=("$(printf %q "$word")")
			continue
		fi
		compopt -o filenames 2>/dev/null
		suffix=${word#:files} suffix=${suffix# }
		word=${COMP_WORDS[COMP_CWORD]}
		while IFS= read -r word; do
			COMPREPLY+=("$word")
		done < <(compgen -f -X "!*$suffix" -- "$word" | grep -vxFf <(compgen -d -- "$word")
			compgen -d -- "$word")
	done < <("${COMP_WORDS[0]}" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _fother fother

# SPDX-License-Identifier: GPL-2.0
# Completion of fother(1) for bash: /usr/share/bash-completion/completions/fother.
# What may come next says `fother complete`, which asks the agent for names.

# A domain's name may hold colons (rack:7), at which bash ends a word and begins the next: they
# are joined again in WORDS.  Of such a name only what stands behind the last one may be offered.
_fother_join() {
	local i word joined

	WORDS=()
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if ((${#WORDS[@]})) && [[ $word == :* || $joined == *: ]]; then
			WORDS[-1]+=$word
		else
			WORDS+=("$word")
		fi
		joined=${WORDS[-1]}
	done
}

_fother() {
	local word suffix colons
	local -a WORDS

	COMPREPLY=()
	_fother_join
	colons=${WORDS[-1]%"${WORDS[-1]##*:}"}
	while IFS= read -r word; do
		if [[ $word != :files* ]]; then
			COMPREPLY+=("$(printf %q "${word#"$colons"}")")
			continue
		fi
		compopt -o filenames 2>/dev/null
		suffix=${word#:files} suffix=${suffix# }
		word=${COMP_WORDS[COMP_CWORD]}
		while IFS= read -r word; do
			COMPREPLY+=("$word")
		done < <(compgen -f -X "!*$suffix" -- "$word" | grep -vxFf <(compgen -d -- "$word")
			compgen -d -- "$word")
	done < <("${COMP_WORDS[0]}" complete "${WORDS[@]}" 2>/dev/null)
}
complete -F _fother fother

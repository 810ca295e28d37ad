# bash completion of zancudo: source it, or put it into ~/.local/share/bash-completion/completions/zancudo
_zancudo() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W 'ping pong' -- "$cur")
		return
	fi
	case ${COMP_WORDS[1]} in
	ping)
		case $prev in
		-h | --host) return ;;
		-p | --port) return ;;
		-I | --id-prefix) return ;;
		-q | --qos) mapfile -t COMPREPLY < <(compgen -W '0 1 2' -- "$cur"); return ;;
		--rate) return ;;
		--property-of-a-connection) return ;;
		-t) return ;;
		--wait) return ;;
		esac
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W '-h --host -p --port -I --id-prefix -q --qos --rate --property-of-a-connection -t --retain --wait --help --version' -- "$cur")
		else
			compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		;;
	pong)
		case $prev in
		esac
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W '' -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- "$cur")
		fi
		;;
	esac
}
complete -F _zancudo zancudo

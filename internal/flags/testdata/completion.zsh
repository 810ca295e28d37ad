#compdef zancudo
# zsh completion of zancudo: put it into a directory of $fpath, as _zancudo
_zancudo() {
	if ((CURRENT == 2)); then
		local -a commands=(
			'ping:see whether a broker answers'
			'pong:answer it'\''s question'
		)
		_describe command commands
		return
	fi
	local command=$words[2]
	shift words
	((CURRENT--))
	case $command in
	ping)
		_arguments \
			'*-h[the broker (localhost)]:host: ' \
			'*--host[the broker (localhost)]:host: ' \
			'*-p[its port (1883)]:port: ' \
			'*--port[its port (1883)]:port: ' \
			'*-I[begins the client identifier]:id prefix: ' \
			'*--id-prefix[begins the client identifier]:id prefix: ' \
			'*-q[quality of service\: 0, 1 or 2]:QoS:(0 1 2)' \
			'*--qos[quality of service\: 0, 1 or 2]:QoS:(0 1 2)' \
			'*--rate[messages a second, whose help is so long that it does not fit into one line of eighty]:rate: ' \
			'*--property-of-a-connection[a \[property\]\: it'\''s long]:name: :value: :value2: ' \
			'*-t[may be repeated]:topic: ' \
			'*--retain[keep it]' \
			'*--wait[before]:time: ' \
			'*--help[print this]' \
			'*--version[print the version]' \
			':file:_files' \
			'*:rest: '
		;;
	pong)
		_arguments \
			':shell:(bash zsh fish)'
		;;
	esac
}
if [[ $funcstack[1] == _zancudo ]]; then
	_zancudo "$@"
else
	compdef _zancudo zancudo
fi

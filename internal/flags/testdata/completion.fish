# fish completion of zancudo: put it into ~/.config/fish/completions/zancudo.fish
complete -c zancudo -f
complete -c zancudo -n __fish_use_subcommand -a ping -d 'see whether a broker answers'
complete -c zancudo -n __fish_use_subcommand -a pong -d 'answer it\'s question'
complete -c zancudo -n '__fish_seen_subcommand_from ping' -s h -l host -x -d 'the broker (localhost)'
complete -c zancudo -n '__fish_seen_subcommand_from ping' -s p -l port -x -d 'its port (1883)'
complete -c zancudo -n '__fish_seen_subcommand_from ping' -s I -l id-prefix -x -d 'begins the client identifier'
complete -c zancudo -n '__fish_seen_subcommand_from ping' -s q -l qos -x -a '0 1 2' -d 'quality of service: 0, 1 or 2'
complete -c zancudo -n '__fish_seen_subcommand_from ping' -l rate -x -d 'messages a second, whose help is so long that it does not fit into one line of eighty'
complete -c zancudo -n '__fish_seen_subcommand_from ping' -l property-of-a-connection -x -d 'a [property]: it\'s long'
complete -c zancudo -n '__fish_seen_subcommand_from ping' -s t -x -d 'may be repeated'
complete -c zancudo -n '__fish_seen_subcommand_from ping' -l retain -d 'keep it'
complete -c zancudo -n '__fish_seen_subcommand_from ping' -l wait -x -d 'before'
complete -c zancudo -n '__fish_seen_subcommand_from ping' -l help -d 'print this'
complete -c zancudo -n '__fish_seen_subcommand_from ping' -l version -d 'print the version'
complete -c zancudo -n '__fish_seen_subcommand_from ping' -F
complete -c zancudo -n '__fish_seen_subcommand_from pong' -a 'bash zsh fish'

# fish completion for autora(8)

complete -c autora -f
complete -c autora -n __fish_use_subcommand -a match -d 'Does NAME match the pattern?'
complete -c autora -n '__fish_seen_subcommand_from match' -a '(command ls /sys/class/net)'
complete -c autora -n '__fish_seen_subcommand_from match' -l environment-file -r -F -d 'Read the pattern from this file'
complete -c autora -l interface -x -a '(command ls /sys/class/net)' -d 'The interface to serve'
complete -c autora -l interface-regex -x -d 'Serve only names that match'
complete -c autora -l min-ra-interval -x -d 'Least time between unsolicited advertisements'
complete -c autora -l max-ra-interval -x -d 'Most time between unsolicited advertisements'
complete -c autora -l router-lifetime -x -d 'How long guests keep the default route'
complete -c autora -l pio-valid-lifetime -x -d 'How long guests keep the address'
complete -c autora -l pio-preferred-lifetime -x -d 'How long guests prefer the address'
complete -c autora -l forwarding-resync-interval -x -d 'Read the state at least this often'
complete -c autora -l heartbeat-interval -x -d 'Log the counters this often'
complete -c autora -l log-level -x -a 'off error warn info debug trace' -d 'How much to log'
complete -c autora -l dry-run -d 'Send nothing'
complete -c autora -l help -d 'Show the options'
complete -c autora -l version -d 'Show the version'

# bash completion for tracepkt                                     -*- shell-script -*-
# Works without the bash-completion package as well, so nothing of it is used.

_tracepkt() {
	local current=${COMP_WORDS[COMP_CWORD]} previous='' command='' word words=()
	COMPREPLY=()
	[ "$COMP_CWORD" -lt 2 ] || previous=${COMP_WORDS[COMP_CWORD - 1]}
	# readline takes "=" for a word of its own: --format=json is three.
	if [ "$previous" = = ] && [ "$COMP_CWORD" -gt 2 ]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	elif [ "$current" = = ]; then
		current=''
	fi
	if [ "$COMP_CWORD" -gt 1 ]; then
		case ${COMP_WORDS[1]} in
			ping | trace | report | drops | probes | doctor) command=${COMP_WORDS[1]} ;;
			*) command=ping ;; # tracepkt HOST
		esac
	fi

	# Behind `trace ... --` stands a command: completed as where a command line begins.
	if [ "$command" = trace ]; then
		for ((word = 2; word < COMP_CWORD; word++)); do
			[ "${COMP_WORDS[word]}" = -- ] || continue
			compopt -o filenames 2>/dev/null
			if [ "$word" = $((COMP_CWORD - 1)) ]; then
				mapfile -t COMPREPLY < <(compgen -c -- "$current")
			else
				mapfile -t COMPREPLY < <(compgen -f -- "$current")
			fi
			return
		done
	fi

	case $previous in
		--format)
			case $command in
				report) words=(html svg mermaid dot) ;;
				drops | probes | doctor) words=(table classic json) ;;
				*) words=(table classic json perfetto svg mermaid dot) ;;
			esac
			;;
		--color) words=(auto always never) ;;
		--buffer) words=(1M 16M 64M 256M) ;;
		--netns)
			if [[ $current == */* ]]; then
				compopt -o filenames 2>/dev/null
				mapfile -t COMPREPLY < <(compgen -f -- "$current")
				return
			fi
			words=(host)
			for word in /run/netns/*; do
				[ ! -e "$word" ] || words+=("${word##*/}")
			done
			;;
		-w | -r | -o | --output)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			return
			;;
		--outcome) words=(delivered dropped left consumed lost) ;;
		-I | --dev)
			for word in /sys/class/net/*; do
				[ ! -d "$word" ] || words+=("${word##*/}")
			done
			;;
		--sort) words=(time duration) ;;
		--rotate) words=(1M 10M 100M 1G) ;;
		-c | -i | -s | -t | -W | -m | --count | --duration | --journey | --files | --snaplen | --since | --until) return ;;
		*)
			case $command in
				'') words=(ping trace report drops probes doctor help --help --version) ;;
				ping) words=(-v -vv --functions --rules -4 -6 -c --count -i -s -t -W -I -m --netns --duration --buffer -w --rotate --files --snaplen) ;;
				trace)
					words=(-v -vv --functions --rules --count --duration --buffer -w --rotate --files --snaplen -o --output
						-r --since --until --netns --dev --outcome --sort --journey)
					;;
				report) words=(-r -o --since --until --netns --dev --outcome --journey) ;;
				drops)
					words=(-v --count -i --duration --buffer -w --rotate --files --snaplen
						-r --since --until --netns --dev)
					;;
			esac
			[ -z "$command" ] || words+=(--format -n --help)
			[ -z "$command" ] || [ "$command" = report ] || words+=(--color)
			[ "$command" != probes ] || words+=(--schema)
			if [[ $current == -* ]]; then
				:
			elif [[ $command == @(trace|report|drops) ]]; then
				# The words that a filter begins with; pcap-filter(7) has more.
				words+=(icmp icmp6 tcp udp arp ip ip6 host net port and or not)
			elif [[ $command != @(doctor|probes) ]]; then
				mapfile -t -O "${#words[@]}" words < <(compgen -A hostname -- "$current")
			fi
			;;
	esac
	# Not by compgen -W, which would execute what the name of an interface may contain: $(...).
	for word in "${words[@]}"; do
		[[ $word != "$current"* ]] || COMPREPLY+=("$(printf %q "$word")")
	done
} && complete -F _tracepkt tracepkt

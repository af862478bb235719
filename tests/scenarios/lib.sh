# shellcheck shell=bash
# What the scenarios have in common: networks to trace in, the program run and watched, and what is expected of it.
#
# tests/scenarios/run starts a scenario in a mount and a network namespace of its own; the latter is called "outer"
# here, and is where tracepkt runs unless told otherwise. What the scenario mounts, makes and names is gone with it.
set -eEuo pipefail
export LC_ALL=C.UTF-8
unset NO_COLOR

: "${TRACEPKT:?run me by tests/scenarios/run}" "${TRACEPKT_SCENARIO:?}" "${TRACEPKT_SCRATCH:?}" "${TRACEPKT_RUNNER:?}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Seconds that anything may take. A kernel that verifies our programs in an emulated machine, on a processor that it shares,
# takes a minute for some.
patience=${TRACEPKT_BRIEF:+300}
patience=${patience:-60}
work=$(mktemp -d "$TRACEPKT_SCRATCH/XXXXXX")
chmod 755 "$work"
out=$work/out err=$work/err status='' tp_pid=''
failures=0
# Set in the guests of ./dev test, where each program takes tenths of a second to start: what is asserted is the same, but
# what is only tried many times over is tried less often.
# shellcheck disable=SC2034 # for the scenarios
brief=${TRACEPKT_BRIEF:-}

### What is expected

# Said in the output, and the scenario fails at its end.
fail() { # text
	echo "FAILED: $1"
	failures=$((failures + 1))
}

# The same, when nothing more can be done.
give_up() { # text
	fail "$1"
	exit 1
}

skip() { # reason
	echo "skip: $1"
	exit 77
}

# A part of a scenario that this kernel or machine cannot have.
without() { # part: reason
	echo "without $1"
}

show() { # file...
	local file
	for file; do
		[ ! -s "$file" ] || { echo "--- $(basename "$file"):" && cat -v "$file"; }
	done
}

expect() { # what expected actual
	[ "$2" != "$3" ] || return 0
	fail "$1"
	printf '  expected: %s\n       got: %s\n' "$2" "$3"
}

expect_match() { # what regex actual
	[[ ! $3 =~ $2 ]] || return 0
	fail "$1"
	printf '  expected: (like) %s\n       got: %s\n' "$2" "$3"
}

# What tracepkt ended with; if it is not what is expected, what it said is shown.
expect_status() { # expected
	[ "$1" != "$status" ] || return 0
	fail "exit status of: $tp_command"
	printf '  expected: %s\n       got: %s\n' "$1" "$status"
	show "$out" "$err"
}

query() { # filter [file]
	jq -rs -L "$here" "include \"journeys\"; $1" "${2:-$out}" 2>&1 | head -c 4000
}

# What a jq filter makes of the output. Starting jq takes half a second in an emulated machine, so that all that is expected
# of an output is looked at together, before there is another one.
expect_json() { # what expected filter
	json_what+=("$1") json_expected+=("$2") json_filter+=("$3")
	[ -z "$tp_pid" ] || check_json # it is still growing
}
json_what=() json_expected=() json_filter=()
check_json() {
	[ ${#json_what[@]} -gt 0 ] || return 0
	local filter program='' got=() i
	for filter in "${json_filter[@]}"; do
		program+="${program:+, }([try ($filter) catch \"jq: \(.)\"] | map(if type == \"string\" then . else tojson end) | join(\"\\n\"))"
	done
	mapfile -d '' got < <(jq -js -L "$here" "include \"journeys\"; ($program) + \"\\u0000\"" "$out" 2>&1)
	for i in "${!json_what[@]}"; do
		[ "${json_expected[i]}" != "${got[i]-}" ] || continue
		fail "${json_what[i]}"
		printf '  expected: %s\n       got: %.4000s\n     of jq: %s\n        in: %s\n' "${json_expected[i]}" "${got[i]-nothing}" \
			"${json_filter[i]}" "$tp_command"
		# All of it once, the first time.
		[ -e "$work/shown" ] || { show "$out" "$err" && touch "$work/shown"; }
	done
	json_what=() json_expected=() json_filter=()
}

# A line of a file, as a whole or a part of one.
expect_line() { # what regex file
	grep -qE -- "$2" "$3" && return 0
	fail "$1"
	printf '  expected: a line like %s in %s of: %s\n' "$2" "$(basename "$3")" "$tp_command"
	show "$3"
}

expect_no_line() { # what regex file
	grep -qE -- "$2" "$3" || return 0
	fail "$1"
	printf '  expected: no line like %s in %s of: %s\n' "$2" "$(basename "$3")" "$tp_command"
	show "$3"
}

# How many lines of a file are like that.
count_lines() { # regex file
	grep -cE -- "$1" "$2" || true
}

### Waiting

exec {idle}<> <(:)
# Looking costs an emulated machine some of the time of what is waited for.
between_looks=${TRACEPKT_BRIEF:+0.2}
pause() { read -rt "${between_looks:-0.05}" -u "$idle" || true; }

wait_for() { # what command...
	local what=$1 deadline=$((SECONDS + patience))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $deadline ]; then
			show "$out" "$err"
			give_up "waited $patience s for $what"
		fi
		pause
	done
}

# What is asked over and over starts no program: on the one processor of an emulated machine that takes the time of what is
# waited for.
is_running() { [ "/proc/$1/exe" -ef "$TRACEPKT" ]; }
is_gone() { [ ! -e "/proc/$1/exe" ]; }
has() { # text file
	local content
	mapfile -d '' content <"$2"
	[[ ${content[0]-} == *"$1"* ]]
}

# Every output in JSON is held against the program's own schema, all together at the scenario's end. In an emulated
# machine that takes minutes: with TRACEPKT_JSON, a folder, they are kept there for whoever set it.
json_kept=${TRACEPKT_JSON:-} json_outputs=0
keep_json() {
	[[ "$tp_command " =~ \ --format(=|\ )json\  && "$tp_command " != *' -w - '* && "$tp_command " != *' -- '* && -s $out ]] || return 0
	local folder=${json_kept:-$work/json} name=${0##*/}
	json_outputs=$((json_outputs + 1))
	[ -d "$folder" ] || mkdir -p "$folder"
	cp "$out" "$folder/${name%.sh}.$json_outputs"
}
validate_json() {
	if [ "$json_outputs" = 0 ] || [ -n "$json_kept" ]; then return 0; fi
	if ! "$TRACEPKT" probes --schema >"$work/schema.json"; then
		fail 'tracepkt probes --schema'
	elif ! (cd "$work/json" && /usr/bin/python3 "$here/validate-json" ../schema.json -- *); then
		fail "JSON that is not as the schema has it (the $json_outputs outputs of this scenario are numbered)"
	fi
}

### The program

# With TRACEPKT_ALSO_RECORD every live session keeps a capture too, unless the scenario says -w or -r itself, and
# what -r shows of it must be what was shown live, byte for byte. Other programs read all of them at the end.
also_record=${TRACEPKT_ALSO_RECORD:-}
capture='' capture_number=0 replay_as=()
record_too() { # args...: sets tp_args
	tp_args=("$@") capture='' replay_as=()
	[ -n "$also_record" ] && [ $# -gt 0 ] || return 0
	local word previous='' command=trace options=()
	case $1 in
		ping | trace) ;;
		drops) command=drops ;;
		doctor | probes | help | mtr | report | demo) return 0 ;;
	esac
	for word; do
		case $previous in --format | --color | --functions) options+=("$word") ;; esac
		case $word in
			-w | -r | -w?* | -r?* | -h | --help | --version | --rotate* | --files* | --snaplen*) return 0 ;;
			-- | -o | --output | --output=*) return 0 ;; # a command, with an output of its own
			--format | --color | --format=* | --color=* | --functions | -n | -v | -vv | --rules) options+=("$word") ;;
		esac
		previous=$word
	done
	capture_number=$((capture_number + 1))
	mkdir -p "$work/captures"
	capture=$work/captures/$capture_number.pcapng
	replay_as=("$command" -r "$capture" "${options[@]}")
	case $1 in
		ping | trace | drops) tp_args=("$1" -w "$capture" "${@:2}") ;;
		*) tp_args=(-w "$capture" "$@") ;; # tracepkt HOST
	esac
}
compare_replay() {
	[ -n "$capture" ] || return 0
	# What it refused to do, or was ended in the middle of, left none, or a part.
	if [ ! -s "$capture" ] || { [ "$status" != 0 ] && [ "$status" != 1 ]; }; then
		rm -f "$capture"
		return 0
	fi
	# The file has what a slow output was spared.
	if ! grep -qE '"not_shown":[1-9]|traced but not shown' "$out" "$err"; then
		"$TRACEPKT" "${replay_as[@]}" >"$work/replay" 2>"$work/replay.err" || fail "status $? of: tracepkt ${replay_as[*]}"
		cmp -s "$out" "$work/replay" || {
			fail "not the same from the file: $tp_command"
			diff "$out" "$work/replay" | head -20 | cut -c1-2000
			show "$work/replay.err"
		}
	fi
	capture=''
}
read_captures() {
	[ -d "$work/captures" ] || return 0
	local files=("$work"/captures/*)
	[ -e "${files[0]}" ] || return 0
	if command -v capinfos >/dev/null; then
		capinfos -M "${files[@]}" >/dev/null 2>"$work/capinfos" || fail 'capinfos does not read every capture'
		show "$work/capinfos"
	fi
	if command -v tshark >/dev/null && command -v mergecap >/dev/null; then
		mergecap -a -w "$work/merged" "${files[@]}" 2>"$work/mergecap" || fail 'mergecap does not read every capture'
		tshark -r "$work/merged" -T fields -e frame.comment >"$work/comments" 2>"$work/tshark" || fail 'tshark does not read every capture'
		grep -v '^Running as user' "$work/tshark" >"$work/tshark.err" || true
		expect 'tshark has nothing to say about the captures' '' "$(cat "$work/tshark.err")"
		expect 'a comment for each packet' '' "$(grep -n '^$' "$work/comments" | head -3)"
	fi
}

### What this kernel has

# Is it of that version, or a later one?
kernel_since() { # major minor
	local major minor
	IFS=.- read -r major minor _ <<<"$(uname -r)"
	[ "$major" -gt "$1" ] || { [ "$major" = "$1" ] && [ "${minor%%[!0-9]*}" -ge "$2" ]; }
}

# Since 5.17 the kernel says why it drops a packet: then $has_reasons is not empty. Which function did can be told where
# kallsyms shows addresses: then $has_symbols is not empty.
look_for_reasons() {
	has_reasons=yes
	if ! kernel_since 5 17; then
		# shellcheck disable=SC2034 # for the scenarios
		has_reasons=''
		without "reasons of drops: Linux $(uname -r) has none (5.17 has)"
	fi
	# shellcheck disable=SC2034 # for the scenarios
	has_symbols=$(awk '$1 !~ /^0+$/ { print "yes"; exit }' /proc/kallsyms)
}

# Can tracepkt have this hook here? It is asked once.
has_hook() { # kind:name
	[ -s "$work/hooks" ] || "$TRACEPKT" probes --format json | jq -r 'select(.here) | .name' >"$work/hooks" ||
		give_up 'tracepkt probes does not say which hooks there are'
	grep -qxF -- "$1" "$work/hooks"
}
# Does it tell of the ICMP errors that the kernel sends?
tells_icmp() { has_hook tp_btf:icmp_send || has_hook fentry:__icmp_send; }
tells_icmp6() { has_hook fentry:icmp6_send; }

### Running the program

# Runs it to its end.
tp() { # args...
	check_json
	tp_command="tracepkt $*"
	status=0
	record_too "$@"
	timeout -k 5 "$patience" "$TRACEPKT" "${tp_args[@]}" >"$out" 2>"$err" || status=$?
	case $status in 126 | 127) give_up "it cannot be run: $(cat "$err")" ;; esac
	keep_json
	compare_replay
}

# Starts it, with the signals that a terminal's foreground program has. Its output is in $out and $err.
tp_start() { # args...
	check_json
	tp_command="tracepkt $*"
	: >"$out"
	: >"$err"
	looked_at=''
	record_too "$@"
	env --default-signal=INT,QUIT "$TRACEPKT" "${tp_args[@]}" >"$out" 2>"$err" &
	tp_pid=$!
}

# Starts what goes on until it is ended (trace, drops), and waits until it sees packets.
tp_watch() { # command args...
	tp_start "$@"
	wait_until_ready
}
tp_trace() { tp_watch trace "$@"; } # args...
wait_until_ready() { wait_for "$tp_command to be ready" has 'Ctrl-C ends' "$err"; }

# Waits for the end of what was started.
tp_wait() {
	wait_for "the end of $tp_command" is_gone "$tp_pid"
	status=0
	wait "$tp_pid" || status=$?
	tp_pid=''
	keep_json
	compare_replay
}

tp_end() { # signal
	kill -"$1" "$tp_pid" || fail "it had ended already: $tp_command"
	tp_wait
}

# What a capture shows is what was shown live, byte for byte: $out, which is in $work/live then.
same_again() { # what args-to-show-it...
	cp "$out" "$work/live"
	tp "${@:2}"
	expect_status 0
	cmp -s "$work/live" "$out" && return
	fail "$1: not the same from the file"
	diff "$work/live" "$out" | head -20 | cut -c1-2000 || true
}

# Why --rules, -vv or --functions were refused, after that.
why_refused() { sed -n 's/.*cannot be had here: //p' "$err"; }

# How many tables of tracepkt's are in a namespace.
tables_left() { at "$1" nft list tables | grep -c tracepkt || true; }
has_no_tables() { [ "$(tables_left "$1")" = 0 ]; }
# While it traces with --rules, it has a table in that namespace; killed, it has none.
expect_no_table_left() { # netns
	tp_watch trace --rules icmp
	expect 'its table is there' 1 "$(tables_left "$1")"
	kill -KILL "$tp_pid"
	tp_wait
	wait_for 'its table to be gone' has_no_tables "$1"
}

# So many journeys are in the output by now: filter says which.
wait_for_journeys() { # number [filter]
	wait_for "$1 journeys ${2:+with $2}" has_journeys "$@"
}
has_journeys() {
	local content line
	mapfile -t content <"$out"
	if [ $# = 1 ]; then
		journeys_there=0 looked_at=''
		for line in "${content[@]}"; do
			[[ $line != '{"type":"journey"'* ]] || journeys_there=$((journeys_there + 1))
		done
	elif [ "$* ${#content[@]}" != "$looked_at" ]; then # there is more than the last time
		journeys_there=$(jq -nr "[inputs | select(.type == \"journey\") | select($2)] | length" "$out" 2>/dev/null) || return
		looked_at="$* ${#content[@]}"
	fi
	[ "$journeys_there" -ge "$1" ]
}
looked_at='' journeys_there=0

### The network

# A network of this run's own among 10.0.0.0/8 and fd00::/8, so that filters can leave out what else goes on in this
# machine: $net4.x and $net6::x. A scenario that needs more of them takes ${net4%.*}.0.x to ${net4%.*}.252.x.
net4=10.$((RANDOM % 156 + 100)).$((RANDOM % 3 + 253))
net6=$(printf 'fd%02x:%x:%x' $((RANDOM % 256)) $((RANDOM + 1)) $((RANDOM + 1)))

mkdir -p /run/netns
mount -t tmpfs -o mode=755 scenario /run/netns
# Where the tests were started from.
# shellcheck disable=SC2034 # for the scenarios
initial_netns=/proc/$TRACEPKT_RUNNER/ns/net
touch /run/netns/outer
mount --bind /proc/self/ns/net /run/netns/outer
ip link set lo up

cleanup_commands=()
at_exit() { # command, as one string
	cleanup_commands+=("$1")
}
# shellcheck disable=SC2317 # called by a trap
end_scenario() {
	local code=$? job command
	set +e
	trap - ERR
	trap '' TERM INT
	check_json
	read_captures
	[ $code != 0 ] || validate_json
	for job in $(jobs -p); do
		kill -CONT "$job" 2>/dev/null
		kill -KILL "$job" 2>/dev/null
		wait "$job" 2>/dev/null # bash would tell who killed it
	done
	for command in "${cleanup_commands[@]}"; do eval "$command"; done >/dev/null 2>&1
	rm -rf "$work"
	if [ $code = 0 ] && [ $failures -gt 0 ]; then code=1; fi
	[ $code != 77 ] || [ $failures = 0 ] || code=1
	exit $code
}
trap end_scenario EXIT
trap 'echo "FAILED: ended from outside"; exit 143' TERM
# shellcheck disable=SC2317 # called by a trap
command_failed() { # status command
	local i
	{
		echo "FAILED: status $1 of: $2"
		for ((i = 1; i < ${#BASH_LINENO[@]}; i++)); do
			echo "  at ${BASH_SOURCE[i]##*/} line ${BASH_LINENO[i - 1]}"
		done
	} >&2
}
trap 'command_failed $? "$BASH_COMMAND"' ERR

netns() { # name...
	local name
	for name; do
		ip netns add "$name"
		ip -n "$name" link set lo up
	done
}

netns_inode() { stat -L -c %i "/run/netns/$1"; }
# The link address of an interface.
mac() { ip -n "$1" -j link show "$2" | jq -r '.[0].address'; } # netns device

# Runs a command in a namespace.
at() { # netns command...
	nsenter --net="/run/netns/$1" "${@:2}"
}

# A server: Python, in the background, with a socket s that is bound to the port (of udp6 and tcp6, for IPv4 too) and, of TCP,
# listens. Sets $server, its job; what it prints is in $work/server, behind a first line.
serve() { # netns tcp|tcp6|udp|udp6 port program
	rm -f "$work/server"
	nsenter --net="/run/netns/$1" python3 -c "
import signal, socket
kind = '$2'
s = socket.socket(socket.AF_INET6 if '6' in kind else socket.AF_INET, socket.SOCK_STREAM if 'tcp' in kind else socket.SOCK_DGRAM)
s.bind(('', $3))
if 'tcp' in kind: s.listen()
print('bound', flush=True)
$4" >"$work/server" &
	# shellcheck disable=SC2034 # for the scenarios
	server=$!
	wait_for 'the server' has bound "$work/server"
}

# UDP datagrams of so many bytes, all of one socket that is not connected.
datagrams() { # netns address port bytes number [IP_MTU_DISCOVER]
	at "$1" python3 -c "
import socket
s = socket.socket(socket.AF_INET6 if ':' in '$2' else socket.AF_INET, socket.SOCK_DGRAM)
if '${6-}': s.setsockopt(socket.IPPROTO_IP, 10, int('${6-}'))
for i in range($5):
    try: s.sendto(b'x' * $4, ('$2', $3))
    except OSError: pass"
}

# A veth pair.
cable() { # netns device netns device
	ip -n "$1" link add name "$2" type veth peer name "$4" netns "$3"
	ip -n "$1" link set dev "$2" up
	ip -n "$3" link set dev "$4" up
}

# Can this kernel make such a device? Leaves nothing behind.
has_device() { # type [args...]
	modprobe -q "$1" 2>/dev/null || true
	ip link add name probe-device type "$@" 2>"$work/has_device" && ip link del dev probe-device
}

address() { # netns device address/length...
	local one
	for one in "${@:3}"; do
		case $one in
			*:*) ip -n "$1" addr add "$one" dev "$2" nodad ;;
			*) ip -n "$1" addr add "$one" dev "$2" ;;
		esac
	done
}

route() { # netns route...
	ip -n "$1" route add "${@:2}"
}

forward() { # netns
	at "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# Containers as Docker makes them: a bridge br0 in "outer" with .1, and each namespace at it with a veth whose end
# in there is eth0.
bridge_network() { # netns...
	local name number=2
	ip link add br0 type bridge forward_delay 0
	ip link set br0 up
	address outer br0 "$net4.1/24" "$net6::1/64"
	for name; do
		at_bridge "$name" "v-$name" eth0 "$net4.$number/24" "$net6::$number/64"
		route "$name" default via "$net4.1"
		route "$name" default via "$net6::1"
		number=$((number + 1))
	done
	wait_for 'IPv6 through the bridge' ping -c1 -W2 "$net6::2"
}

# A new namespace at that bridge, by a cable from a device in "outer" to one of its own, with these addresses.
at_bridge() { # netns device-in-outer its-device address/length...
	netns "$1"
	cable outer "$2" "$1" "$3"
	ip link set "$2" master br0
	address "$1" "$3" "${@:4}"
}

# left - right: two namespaces and a cable, eth0 ($net4.1) to eth0 ($net4.2).
cable_network() { # prefix-length
	netns left right
	cable left eth0 right eth0
	address left eth0 "$net4.1/$1"
	address right eth0 "$net4.2/$1"
}

# a - r1 - r2 - ... - z: from namespace to namespace by eth0 and eth1, addresses .N.1 and .N.2 on the Nth cable,
# every namespace but the ends a router.
line_network() { # netns...
	local names=("$@") i last=$(($# - 1))
	local base=${net4%.*}
	netns "$@"
	for ((i = 0; i < last; i++)); do
		local left=eth1 right=eth0
		[ $i -gt 0 ] || left=eth0
		cable "${names[i]}" $left "${names[i + 1]}" $right
		address "${names[i]}" $left "$base.$i.1/24" "$net6:$i::1/64"
		address "${names[i + 1]}" $right "$base.$i.2/24" "$net6:$i::2/64"
	done
	for ((i = 0; i <= last; i++)); do
		if [ $i -gt 0 ]; then
			[ $i = $last ] || forward "${names[i]}"
			if [ $i = $last ]; then
				route "${names[i]}" default via "$base.$((i - 1)).1"
				route "${names[i]}" default via "$net6:$((i - 1))::1"
			fi
		else
			route "${names[i]}" default via "$base.0.2"
			route "${names[i]}" default via "$net6:0::2"
		fi
	done
	[ $last -le 2 ] || give_up "line_network: routes for more than one router are to be written"
}

# Rules in a chain of their own at one of the hooks, for IPv4 and IPv6: table inet guard. One of them a namespace.
firewall() { # netns hook rules [name of the chain]
	at "$1" nft -f - <<-END
		table inet guard {
			chain ${4:-it} {
				type filter hook $2 priority 0;
				$3
			}
		}
	END
}
no_firewall() { at "$1" nft delete table inet guard; } # netns

# left - router - right, as line_network makes it, when its ways are open. Sets $near (the address of left), $middle (of the
# router, towards left) and $target (of right), all of them in $base.0.0/16; in IPv6 they are $net6:0::1, $net6:0::2 and
# $net6:1::2.
router_network() { # 4|6... (what must be open)
	line_network left router right
	# shellcheck disable=SC2034 # for the scenarios
	base=${net4%.*} near=${net4%.*}.0.1 middle=${net4%.*}.0.2 target=${net4%.*}.1.2
	local family
	for family; do
		case $family in
			4) wait_for 'IPv4 to be open' at left ping -c1 -W2 "$target" ;;
			6) wait_for 'IPv6 to be open' at left ping -c1 -W2 "$net6:1::2" ;;
		esac
	done
}

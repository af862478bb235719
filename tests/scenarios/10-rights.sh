# shellcheck shell=bash
# Who may trace: a clear word for those who may not.
. "$(dirname "$0")/lib.sh"

bridge_network web

# The program, where others may read it.
chmod 755 "$TRACEPKT_SCRATCH" "$work"

tp_as() { # command... -- args...
	local as=()
	while [ "$1" != -- ]; do as+=("$1") && shift; done
	shift
	check_json
	tp_command="${as[*]} tracepkt $*"
	status=0
	timeout -k 5 "$patience" "${as[@]}" "$TRACEPKT" "$@" >"$out" 2>"$err" || status=$?
}

refused() { # what regex
	expect_status 2
	expect "$1: nothing on stdout" '' "$(cat "$out")"
	expect "$1: one line says why" 1 "$(count_lines '^tracepkt: ' "$err")"
	[ "$(wc -l <"$err")" -le 2 ] || { fail "$1: more than two lines" && show "$err"; }
	expect_line "$1: what is missing" "$2" "$err"
}

nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)

for command in "ping -c1 $net4.2" 'trace icmp'; do
	read -ra args <<<"$command"
	echo "== $command"
	tp_as "${nobody[@]}" --inh-caps=-all -- "${args[@]}"
	refused 'nobody' 'CAP_BPF'
	tp_as setpriv --bounding-set=-all --inh-caps=-all -- "${args[@]}"
	refused 'root without capabilities' 'CAP_BPF'
	if unshare -Ur true 2>/dev/null; then
		tp_as unshare -Ur -- "${args[@]}"
		refused 'root of a user namespace' 'user namespace|CAP_'
	else
		without 'user namespaces: this kernel refuses them'
	fi
	tp_as "${nobody[@]}" --inh-caps=-all,+net_raw --ambient-caps=-all,+net_raw -- "${args[@]}"
	refused 'with CAP_NET_RAW alone' 'CAP_BPF'
done

# Where maps count as locked memory, its limit is to be lifted.
caps=-all,+bpf,+perfmon
if ! kernel_since 5 11; then
	tp_as "${nobody[@]}" --inh-caps=$caps,+net_raw --ambient-caps=$caps,+net_raw -- ping -c1 "$net4.2"
	refused 'before 5.11' 'CAP_SYS_RESOURCE'
	caps=$caps,+sys_resource
fi
tp_as "${nobody[@]}" --inh-caps=$caps --ambient-caps=$caps -- ping -c1 "$net4.2"
refused 'a ping without CAP_NET_RAW' 'CAP_NET_RAW'

echo '== exactly what is needed'
caps=$caps,+net_raw
tp_as "${nobody[@]}" --inh-caps=$caps --ambient-caps=$caps -- ping -c1 --format json "$net4.2"
expect_status 0
expect_json 'the whole way' 'br0 tx, v-web tx, eth0 rx' '
	requests[0].hops | map(select(.stage | IN("tx", "rx")) | "\(.dev.name) \(.stage)") | join(", ")'

tp_as nsenter --net="$initial_netns" "${nobody[@]}" --inh-caps=$caps --ambient-caps=$caps -- ping -c1 --format json 127.0.0.1
expect_status 0
expect_json 'the initial namespace by its name' host 'requests[0].hops[0].netns.name'

echo '== a ping socket'
caps=${caps/,+net_raw/}
sysctl -qw net.ipv4.ping_group_range='0 2147483647'
for host in "$net4.2" "$net6::2"; do
	tp_as "${nobody[@]}" --inh-caps="$caps" --ambient-caps="$caps" -- ping -c1 --format json "$host"
	expect_status 0
	expect_json "the whole way to $host" 'br0 tx, v-web tx, eth0 rx' '
		requests[0].hops | map(select(.stage | IN("tx", "rx")) | "\(.dev.name) \(.stage)") | join(", ")'
done

echo '== root is not told to be root'
tp doctor
expect_no_line 'doctor' 'as root' "$out"
tp ping -c1 --netns 1 127.0.0.1
expect_no_line 'ping --netns 1' 'run as root' "$err"

echo '== for help and version nothing is needed'
for option in --help --version 'ping --help' 'trace --help'; do
	read -ra args <<<"$option"
	tp_as "${nobody[@]}" --inh-caps=-all -- "${args[@]}"
	expect_status 0
done

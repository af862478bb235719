# shellcheck shell=bash
# tracepkt drops: of many drops the kinds, each with count, place, process, sample and advice.
. "$(dirname "$0")/lib.sh"

router_network 4
look_for_reasons

# All that was told of the drops that `filter` is true of: the last line of each kind.
kinds='[.[] | select(.type == "drops")] | group_by(.id) | map(.[-1] + {fresh_in_all: (map(.fresh) | add)})'
one() { # filter what
	echo "$kinds | map(select($1)) | if length == 1 then .[0] | $2 else \"\\(length) kinds\" end"
}
seen() { # number filter
	[ "$(jq -nr "[inputs | select(.type == \"drops\") | select($2) | .fresh] | add" "$out" 2>/dev/null)" -ge "$1" ]
}
knock() { # to port: so many datagrams, one after the other, from `left`
	local i
	for ((i = 0; i < $3; i++)); do
		at left bash -c "echo x >/dev/udp/$1/$2" 2>/dev/null || true
	done
}

echo '== blackhole in the router, a closed port at its end'
at router ip route add blackhole "$base.7.0/24"
tp_watch drops --format json -i 0.1 "udp and net $base.0.0/16"
knock "$target" 4444 5
knock "$base.7.7" 53 3
wait_for 'the closed port' seen 5 '.sample.dport == 4444'
wait_for 'the blackhole' seen 3 '.sample.dport == 53'
tp_end INT
expect_status 0
expect_json 'the port: how often, where' '5 5 150 right eth0' \
	"$(one '.sample.dport == 4444' '"\(.count) \(.fresh_in_all) \(.bytes) \(.netns.name) \(.dev.name)"')"
expect_json 'the blackhole: how often, where' '3 router eth0' \
	"$(one '.sample.dport == 53' '"\(.count) \(.netns.name) \(.dev.name)"')"
if [ -n "$has_reasons" ]; then
	expect_json 'the port: reason and advice' 'NO_SOCKET port_closed' \
		"$(one '.sample.dport == 4444' '"\(.reason) \(.advice.key)"')"
fi
expect_json 'the sample' "udp $target" "$(one '.sample.dport == 4444' '"\(.sample.proto) \(.sample.dst)"')"
expect_json 'the summary counts them all' '8 0' '.[-1] | "\(.drops) \(.lost | add)"'
expect_json 'nothing but drops is looked at' '["tp_btf:kfree_skb"]' '.[-1].probes.attached | tojson'

echo '== a filter leaves the others out, and --count ends it'
tp_watch drops --format json --count 2 "udp port 4444 and host $target"
knock "$base.7.7" 53 3
knock "$target" 4444 4
tp_wait
expect_status 0
expect_json 'two of the one kind' '[2,4444]' "$kinds | map(.count, .sample.dport) | tojson"

echo '== whose packet it is'
if at left nft list ruleset >/dev/null 2>"$work/nft" && firewall left output 'udp dport 99 drop'; then
	tp_watch drops --format json -i 0.1 "udp dst port 99"
	(exec ip netns exec left bash -c "exec 7<>/dev/udp/$target/99; for i in 1 2 3; do echo x >&7; done 2>/dev/null; read -rt 60 -u 7") &
	knocker=$!
	at_exit "kill $knocker 2>/dev/null"
	wait_for 'the firewall' seen 1 '.sample.dport == 99'
	tp_end INT
	kill $knocker 2>/dev/null || true
	expect_json 'the process' 'bash' "$(one '.sample.dport == 99' '.process.name')"
	expect_json 'on no interface yet' 'left null' "$(one '.sample.dport == 99' '"\(.netns.name) \(.dev)"')"
	no_firewall left
else
	without "the firewall: nft says $(head -n1 "$work/nft")"
fi

echo '== as lines, and all of it at the end'
tp_watch drops -i 0.1 "udp port 4444 and host $target"
knock "$target" 4444 5
wait_for 'a line' grep -qE '^[0-9:]{8} +[0-9]+x right eth0 .*such as udp ' "$out"
tp_end INT
expect_status 0
expect_line 'the table' '^ +[0-9]+ +[0-9.]+  right +eth0 ' "$out"
expect_line 'what to do' '^    Check it: ip netns exec right ' "$out"
expect_line 'the last line' '^[0-9]+ drops? in [0-9.]+ s, of 1 kind; [0-9]+ events, none lost$' "$out"

echo '== a network in which all is well'
tp_watch drops -v --format json -i 0.1 "net $base.0.0/16"
at right python3 -c "
import socket
s = socket.create_server(('$target', 6011))
for _ in range(3): s.accept()[0].close()" &
server=$!
at_exit "kill $server 2>/dev/null"
# shellcheck disable=SC2016 # for bash there
wait_for 'the server' at right bash -c '[ -n "$(ss -ltnH sport = 6011)" ]'
at left python3 -c "
import socket
for _ in range(3):
    c = socket.create_connection(('$target', 6011))
    while c.recv(1): pass
    c.close()"
wait $server
at left ping -qc3 -i0.2 "$target" >/dev/null
knock "$target" 4444 1
wait_for 'the one fault' seen 1 '.sample.dport == 4444'
tp_end INT
expect_json 'no other fault' '1 4444' "$kinds | map(select(.advice.harmless | not)) | \"\(length) \(.[0].sample.dport)\""

echo '== a reader that goes away, and what cannot be'
tp_watch drops -i 0.1 --duration 0.3
tp_wait
expect_status 0
tp drops --format classic
expect_status 2
expect_line 'no drops in the classic format' 'drops has no format classic' "$err"
tp drops 'udp port nowhere'
expect_status 2
tp drops -i 0
expect_status 2

# shellcheck shell=bash
# IPsec: a packet is one journey, though it is encrypted on its way and decrypted at its end.
. "$(dirname "$0")/lib.sh"

cable_network 25
wait_for 'IPv4 to be open' at left ping -c1 -W2 "$net4.2"
base=${net4%.*}
modprobe -qa esp4 esp6 authenc gcm rfc4106 seqiv 2>/dev/null || true

state() { # netns source destination spi mode
	ip -n "$1" xfrm state add src "$2" dst "$3" proto esp spi "$4" reqid 1 mode "$5" \
		aead 'rfc4106(gcm(aes))' 0x0123456789012345678901234567890123456789 128
}
policy() { # netns source destination in|out mode (and between which ends)
	ip -n "$1" xfrm policy add src "$2" dst "$3" dir "$4" tmpl src "$6" dst "$7" proto esp reqid 1 mode "$5"
}
no_ipsec() {
	local ns
	for ns in left right; do
		ip -n "$ns" xfrm policy flush
		ip -n "$ns" xfrm state flush
	done
}
state left "$net4.1" "$net4.2" 0x101 transport 2>"$work/ip" || skip "no IPsec: $(cat "$work/ip")"
no_ipsec

# Between these ends: of what is between these hosts or networks.
ipsec() { # mode left right inner-left inner-right
	local ns
	for ns in left right; do
		state "$ns" "$2" "$3" 0x101 "$1"
		state "$ns" "$3" "$2" 0x102 "$1"
	done
	policy left "$4" "$5" out "$1" "$2" "$3"
	policy left "$5" "$4" in "$1" "$3" "$2"
	policy right "$5" "$4" out "$1" "$3" "$2"
	policy right "$4" "$5" in "$1" "$2" "$3"
}

# "left encap esp, right decap esp"
tunnels='[.hops[] | select(.stage == "tunnel") | "\(.netns.name) \(.action) \(.kind)"] | join(", ")'
between='[.hops[].stage | select(IN("out", "tx", "tunnel", "rx", "deliver", "drop"))] | join(" ")'

port=7000
follow() { # name target tcp|tcp6 left-end
	local name=$1 target=$2
	port=$((port + 1))
	echo "== $name"
	wait_for "$name to be open" at left ping -c1 -W2 "$target"
	tp ping -c1 --netns left --format json "$target"
	expect_status 0
	if has_hook fentry:xfrm_output_resume; then
		expect_json "$name: one journey each way" '1 1' '"\(requests | length) \(replies | length)"'
		expect_json "$name: there" 'left encap esp, right decap esp' "requests[0] | $tunnels"
		expect_json "$name: and back" 'right encap esp, left decap esp' "replies[0] | $tunnels"
		expect_json "$name: all of the way" 'out tunnel tx rx tunnel deliver' "requests[0] | $between"
		expect_json "$name: in order" true '[requests[0], replies[0]] | map(ordered) | all'
		expect_json "$name: delivered" 'delivered in right, delivered in left' '[requests[0], replies[0]] | map(outcome_words) | join(", ")'
		tp ping -c1 --netns left "$target"
		expect_line "$name: in words" 'encap: into esp ' "$out"
		expect_line "$name: and out again" 'decap: out of esp ' "$out"
		serve right "$3" "$port" 'peer, _ = s.accept()
while peer.recv(30000): peer.send(b"y" * 100)'
		tp_trace --format json "tcp port $port"
		at left python3 -c "
import socket
with socket.create_connection(('$target', $port)) as sender:
    sender.send(b'x' * 1000)
    sender.recv(1000)"
		# Its sender keeps the segment, and the encrypted one is elsewhere.
		wait_for_journeys 1 ".packet.len > 1000 and ($tunnels) == \"left encap esp, right decap esp\" and .outcome.kind == \"delivered\""
		wait_for_journeys 1 ".packet.len > 100 and .packet.len < 200 and ($tunnels) == \"right encap esp, left decap esp\" and .outcome.kind == \"delivered\""
		tp_end INT
		expect_json "$name: nothing of it was dropped, or lost" '' '[journeys[] | select(.outcome.kind == "dropped" or .outcome.kind == "lost") | "\(.packet.src) \(.outcome)"] | join(", ")'
	else
		without "$name: packets before they are encrypted: $(query 'summary.probes.unavailable[] | select(.name | contains("IPsec")) | .why')"
		expect_json "$name: nothing false is said" '' '[journeys[] | select(.outcome.kind != "delivered") | outcome_words] | join(", ")'
	fi
	# Who asks for the encrypted one gets the same journey, from there on.
	tp_trace --format json esp
	at left ping -q -c1 -W2 "$target" >/dev/null
	wait_for_journeys 1 ".packet.src == \"$4\" and ($between | startswith(\"out tx rx\") or startswith(\"tx rx\"))"
	tp_end INT
	expect_json "$name: what is delivered is not said to be consumed" '' '[journeys[] | select(.outcome.kind != "delivered") | outcome_words] | join(", ")'
}

ipsec transport "$net4.1" "$net4.2" "$net4.1/32" "$net4.2/32"
follow 'transport mode' "$net4.2" tcp "$net4.1"

if has_hook fentry:xfrm_output_resume && command -v nft >/dev/null && firewall left output 'counter accept' 2>"$work/nft" &&
	"$TRACEPKT" probes --format json | jq -es 'any(.[]; .name == "fentry:nft_do_chain" and .here)' >/dev/null; then
	echo '== and a firewall'
	tp ping -v -c1 --netns left --format json "$net4.2"
	expect_json 'before it is encrypted, and after' 'netfilter tunnel netfilter' \
		'requests[0] | [.hops[].stage | select(IN("netfilter", "tunnel"))][:3] | join(" ")'
	no_firewall left
else
	without 'a firewall before and after'
fi

echo '== no state at the other end'
ip -n right xfrm state flush
tp ping -c1 -W1 --netns left --format json "$net4.2"
expect_status 1
if has_hook fentry:xfrm_output_resume; then
	expect_json 'dropped there, and why' 'dropped in right ipsec_state' 'requests[0] | "\(outcome_words) \(.outcome.advice.key)"'
	expect_json 'having come as ESP' 'out tunnel tx rx drop' "requests[0] | $between"
fi
no_ipsec

for ns in left right; do
	ip -n "$ns" link add in0 type veth peer name in1
	ip -n "$ns" link set in0 up
	ip -n "$ns" link set in1 up
done
address left in0 "$base.201.1/24"
address right in0 "$base.202.1/24"
ip -n left route add "$base.202.0/24" via "$net4.2" src "$base.201.1"
ip -n right route add "$base.201.0/24" via "$net4.1" src "$base.202.1"
ipsec tunnel "$net4.1" "$net4.2" "$base.201.0/24" "$base.202.0/24"
follow 'tunnel mode' "$base.202.1" tcp "$net4.1"
no_ipsec

address left eth0 "$net6::1/64"
address right eth0 "$net6::2/64"
wait_for 'IPv6 to be open' at left ping -c1 -W2 "$net6::2"
if state left "$net6::1" "$net6::2" 0x101 transport 2>"$work/ip"; then
	no_ipsec
	# Neighbours are looked for in the clear.
	ip -n left neigh replace "$net6::2" lladdr "$(mac right eth0)" dev eth0
	ip -n right neigh replace "$net6::1" lladdr "$(mac left eth0)" dev eth0
	ipsec transport "$net6::1" "$net6::2" "$net6::1/128" "$net6::2/128"
	follow 'IPv6, transport mode' "$net6::2" tcp6 "$net6::1"
	no_ipsec
else
	without "IPsec of IPv6: $(cat "$work/ip")"
fi

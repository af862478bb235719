# shellcheck shell=bash
# In Wireshark: what a capture's comments say, as fields to filter on.
. "$(dirname "$0")/lib.sh"

command -v tshark >/dev/null || skip 'tshark is missing'
tshark --version 2>/dev/null | grep -q 'with Lua' || skip 'this tshark has no Lua'
# Wireshark 4.4 runs no Lua script for root, and says nothing of it. A home of its own: somebody may have the script in theirs.
seen=$(mktemp -d)
at_exit "rm -rf '$seen'"
chmod 755 "$seen"
install -m 644 "$here/../../wireshark/tracepkt.lua" "$seen/tracepkt.lua"
fields() { # file filter field...
	local file=$1 filter=$2
	shift 2
	install -m 644 "$file" "$seen/capture"
	HOME=$seen/home XDG_CONFIG_HOME=$seen/home setpriv --reuid=65534 --regid=65534 --clear-groups \
		tshark -X "lua_script:$seen/tracepkt.lua" -r "$seen/capture" -Y "$filter" -T fields \
		"${@/#/-etracepkt.}" 2>"$work/tshark.err" >"$work/fields.txt" || fail "tshark: $(cat "$work/tshark.err")"
	sed 's/\\\\/\\/g' "$work/fields.txt" # 4.4 puts a backslash before each
	expect 'it complains of nothing' '' "$(grep -i 'lua' "$work/tshark.err" || true)"
}

echo '== of an earlier version'
sample=$here/../captures/0.1-drop.pcapng
expect 'a field for each thing' $'db\teth0\tdrop\tNETFILTER_DROP\tNETFILTER_DROP' \
	"$(fields "$sample" 'tracepkt.stage == "drop"' netns dev stage reason told)"
expect 'the packet' 'icmp 10.77.0.2 -> 10.77.0.3, echo request 6855/1, 84 bytes' \
	"$(fields "$sample" 'tracepkt.netns == "web"' packet)"

echo '== what is traced, with names that are meant to mislead'
hostile='x y" - drop: "a; b'
bridge_network web db
at_bridge "$hostile" v-hostile 'e"0' "$net4.9/24"
file=$work/it.pcapng
# Nobody listens.
tp_trace -w "$file" --format json "host $net4.9 and (icmp or udp)"
at web ping -q -c2 -i 0.1 "$net4.9" >/dev/null
at web bash -c "echo x >/dev/udp/$net4.9/6002"
wait_for_journeys 1 '.packet.proto == "udp"'
wait_for_journeys 4 '.packet.icmp.type == (0, 8)'
tp_end INT
expect_status 0
# The journey of each packet, and where it was, as JSON has them; but for what has no bytes of the packet.
fields "$file" tracepkt journey netns dev stage | sed 's/\\x22/"/g' | sort >"$work/fields"
jq -r 'select(.hops) | .id as $id | .hops[] | select((.inferred | not) and (.stage | IN("tx", "rx", "in", "drop"))) |
	[$id, .netns.name, .dev.name, .stage] | join("\t")' "$out" | sort >"$work/hops"
expect 'every hop of the journeys is there' '' "$(comm -13 "$work/fields" "$work/hops")"
first=$(query '[journeys[] | select(.packet.icmp.type == 8)][0].id')
expect 'a journey by its number' "$(grep -c "^$first	" "$work/fields")" \
	"$(fields "$file" "tracepkt.journey == $first" stage | wc -l)"
expect 'the inode' "$(netns_inode web)" "$(fields "$file" 'tracepkt.netns == "web"' netns.inode | sort -u)"
if [ -n "$(query 'journeys[] | select(.packet.proto == "udp") | .outcome.reason // empty')" ]; then
	expect 'the reason' NO_SOCKET "$(fields "$file" 'tracepkt.reason == "NO_SOCKET" && udp' reason)"
else
	expect_match 'the function' '^__?udp' "$(fields "$file" 'tracepkt.function && udp' function)"
fi

echo '== comments of other kinds, and of other people'
# In place of the first one, and as long.
plain='web eth0 tx: icmp 10.77.0.2 -> 10.77.0.3, echo request 6855/1, 84 bytes'
commented() { # comment
	local comment=$1
	while [ ${#comment} -lt ${#plain} ]; do comment+=p; done
	LC_ALL=C sed "s|$plain|${comment//\\/\\\\}|" "$sample" >"$work/commented"
	fields "$work/commented" 'frame.number == 1' journey netns dev stage told verdict reason
}
expect 'a firewall decides' $'2\tw\teth0\tnetfilter\tinput: inet guard/in, accept\taccept\t' \
	"$(commented '#2 w eth0 netfilter: input: inet guard/in, accept; ')"
expect 'a number as large as they come' $'18446744073709551615\t7\teth0\ttx\t\t\t' \
	"$(commented '#18446744073709551615 7 eth0 tx: ')"
expect 'what is told may have semicolons' $'\tw\teth0\tdeliver\tkept: a; b (12)\t\t' \
	"$(commented 'w eth0 deliver: kept: a; b (12); ')"
expect 'names in quotes' $'\t"" -\teth0\tdrop\tf+0x1\t\t' "$(commented '"\x22\x22 -" "eth0" drop: f+0x1; ' | sed 's/\\x22/"/g')"
for other in 'just a remark' '"a' '# 1 a b c' 'a b C: d' '#1' ' ' 'web - tx: x' $'web eth0\ttx: x'; do
	expect "it is not ours: $other" $'\t\t\t\t\t\t' "$(commented "$other")"
done

echo '== what is not of tracepkt'
tcpdump_file=$work/plain.pcap
editcap -F pcap "$file" "$tcpdump_file" 2>/dev/null
expect 'has no fields' '' "$(fields "$tcpdump_file" tracepkt stage)"

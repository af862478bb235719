# shellcheck shell=bash
# A capture: what -r shows of it is what was shown live, byte for byte, without root; other programs read it as well.
. "$(dirname "$0")/lib.sh"

bridge_network web db
file=$work/it.pcapng

traffic() {
	at web ping -q -c2 -i 0.2 "$net4.3" >/dev/null
	at web ping -q -c1 "$net6::3" >/dev/null
	at web bash -c "echo hello >/dev/udp/$net4.3/6002"
	at web ping -q -c1 -W1 "$net4.77" >/dev/null || true # nobody there
}
ours="(icmp or icmp6 or udp) and (net $net4.0/24 or net $net6::/64)"

trace_live() { # args...
	tp_trace -w "$file" "$@" "$ours"
	traffic
	pause
	tp_end INT
	expect_status 0
}

for format in json table classic; do
	echo "== $format"
	trace_live --format $format
	grep -v 'Ctrl-C ends' "$err" >"$work/live-err" || true
	expect 'something was shown' yes "$([ "$(wc -l <"$out")" -gt 8 ] && echo yes)"
	same_again "$format" trace -r "$file" --format $format
	expect "$format: stderr" "$(cat "$work/live-err")" "$(cat "$err")"
done
expect 'it is for its owner alone' 600 "$(stat -c %a "$file")"

echo '== routes'
tp_trace -w "$file" -v --format json "icmp and host $net4.3"
at web ping -q -c1 "$net4.3" >/dev/null
wait_for_journeys 2 '.packet.icmp.type | IN(0, 8)'
tp_end INT
expect_json 'there are some' true '[journeys[].hops[] | select(.stage == "route")] | length > 0'
check_json
same_again routes trace -r "$file" --format json

echo '== silence: journeys whose end was not seen, which end while others begin'
serve db udp6 6003 'signal.pause()'
tp_trace -w "$file" --format json "(icmp or udp) and net $net4.0/24"
at web bash -c "echo hello >/dev/udp/$net4.3/6003"
at web ping -q -c6 "$net4.3" >/dev/null
wait_for_journeys 1 '.packet.dport == 6003'
at web ping -q -c1 "$net4.3" >/dev/null
tp_end INT
expect_json 'it was not seen to end' false 'journeys | map(select(.packet.dport == 6003)) | .[0].outcome.seen'
check_json
same_again silence trace -r "$file" --format json

echo '== --count'
tp_trace -w "$file" --format json --count 3 "icmp and net $net4.0/24"
at web ping -q -c4 -i 0.2 "$net4.3" >/dev/null
tp_wait
same_again 'count' trace -r "$file" --format json

echo '== -n'
tp_trace -w "$file" -n --format json --count 2 "icmp and net $net4.0/24"
at web ping -q -c2 -i 0.2 "$net4.3" >/dev/null
tp_wait
same_again 'numbers' trace -r "$file" --format json

if at web nft list ruleset >/dev/null 2>"$work/nft"; then
	echo '== a drop'
	firewall db input 'icmp type echo-request drop'
	for format in json table; do
		tp_trace -w "$file" --format $format "icmp and host $net4.3"
		at web ping -q -c1 -W1 "$net4.3" >/dev/null || true
		tp_end INT
		same_again 'a drop' trace -r "$file" --format $format
	done
	expect_line 'the drop' 'DROPPED in db' "$out"
	expect_line 'with a command in the namespace' 'Check it: ip netns exec db nft' "$out"
	tp trace -r "$file" --outcome dropped --format json
	expect_json 'only what was dropped' 'dropped' '[journeys[].outcome.kind] | unique | join(" ")'
	tp trace -r "$file" --outcome left --format json
	expect_json 'none left' 0 'journeys | length'
	no_firewall db
else
	without "nftables: $(head -1 "$work/nft")"
fi

echo '== of it, a part'
trace_live --format json
tp trace -r "$file" --format json icmp6
expect_json 'what the filter says' 'icmp6' '[journeys[].packet.proto] | unique | join(" ")'
tp trace -r "$file" --format json "udp port 6002"
expect_json 'one' '1 6002' '"\(journeys | length) \(journeys[0].packet.dport)"'
tp trace -r "$file" --format json --netns db --dev eth0
expect_json 'all of them came to db' true 'journeys | (length > 0) and all(any(.hops[]; .netns.name == "db"))'
tp trace -r "$file" --format json --netns nowhere
expect_json 'none was there' 0 'journeys | length'
tp trace -r "$file" --format json --count 1
expect_json 'the first' 1 'journeys | length'
expect_json 'what was lost is told at the end, which was not read' false 'summary.read_to_end'
tp trace -r "$file" --count 1
expect_line 'in words' 'what was lost is not known' "$out"
tp trace -r "$file" --count 1000 --format json
expect_json 'all of it is' null 'summary.read_to_end'
tp drops -r "$file" --format json
expect_json 'nor is anything left out of drops' null 'summary.read_to_end'
tp trace -r "$file" 'not a filter'
expect_status 2
expect_line 'why' 'the packet filter is wrong' "$err"

echo '== a ping'
tp ping -c2 -i 0.2 --netns web -w "$file" "$net4.3"
expect_status 0
tp trace -r "$file" --format json
expect_status 0
expect_json 'requests and replies' '2 2' '"\(requests | length) \(replies | length)"'
expect_json 'its statistics' '2 2' 'summary.ping | "\(.transmitted) \(.received)"'

echo '== by nobody'
cp "$file" "$work/readable"
chmod 644 "$work/readable"
tp trace -r "$file" --format json
cp "$out" "$work/live"
setpriv --reuid 65534 --regid 65534 --clear-groups "$TRACEPKT" trace -r "$work/readable" --format json >"$out"
expect 'the same' same "$(cmp "$work/live" "$out" && echo same)"
status=0
setpriv --reuid 65534 --regid 65534 --clear-groups "$TRACEPKT" trace -r "$file" >"$out" 2>"$err" || status=$?
expect_status 2
expect_line 'why not' 'cannot open .*Permission denied' "$err"

echo '== through pipes'
"$TRACEPKT" trace -r - --format json <"$file" >"$out"
expect 'the same from the standard input' same "$(cmp "$work/live" "$out" && echo same)"
tp ping -c1 --netns web -w - "$net4.3"
expect_status 0
cp "$out" "$work/piped"
expect_line 'the summary alone is shown' '^traced 2 packets' "$err"
tp trace -r "$work/piped" --format json
expect_json 'it is whole' '2' 'journeys | length'

if command -v tcpdump >/dev/null; then
	echo '== tcpdump'
	tcpdump -nr "$file" >"$work/tcpdump" 2>"$work/tcpdump.err"
	expect 'it knows the packets' yes \
		"$(grep -q "$net4.2 > $net4.3: ICMP echo request" "$work/tcpdump" && echo yes)"
	expect 'it says nothing else' '' "$(grep -v '^reading from\|^dropped privs' "$work/tcpdump.err" || true)"
else
	without 'tcpdump'
fi
if command -v tshark >/dev/null && command -v editcap >/dev/null; then
	echo '== tshark, editcap'
	tp trace -r "$file"
	fields() { tshark -r "$file" -T fields "$@" 2>/dev/null; }
	expect 'its comment' 'web eth0 tx: icmp' "$(fields -e frame.comment | grep -o -m1 'web eth0 tx: icmp')"
	expect 'its interface' eth0 "$(fields -e frame.interface_name | head -1)"
	expect 'every frame is a packet' '' "$(fields -e ip.src -e ipv6.src | grep -v '[0-9]' || true)"
	editcap -r "$file" "$work/part" 1-3 2>/dev/null
	tp trace -r "$work/part" --format json
	expect_status 0
	expect_json 'what is left of it' 3 '[journeys[].hops[] | select(.stage != "route")] | length'
	expect_json 'that it left is not concluded from where the file ends' 'lost true' 'journeys[0].outcome | "\(.kind) \(.cut)"'
else
	without 'tshark and editcap'
fi

echo '== files of earlier versions'
# The sentences of the advice are not the file's.
told() { jq -c 'del(.. | .advice?)' "$1"; }
for sample in "$here"/../captures/*.pcapng; do
	case $sample in
		*-drops.pcapng) tp drops -r "$sample" --format json ;;
		*) tp trace -r "$sample" -vv --format json ;;
	esac
	expect_status 0
	[ -z "${TRACEPKT_UPDATE:-}" ] || cp "$out" "${sample%.pcapng}.json"
	diff <(told "${sample%.pcapng}.json") <(told "$out") >"$work/diff" || {
		fail "$(basename "$sample") is shown as ever"
		head -4 "$work/diff" | cut -c1-2000
	}
done
expect 'what can be in a file is in one of them (tests/captures/README.md)' "$(cat "$here/../captures/lacking")" \
	"$("$here/../captures/items" --lacking "$here"/../captures/*.pcapng)"

echo '== damage'
size=$(stat -c %s "$file")
for part in 3 2; do
	head -c $((size * (part - 1) / part)) "$file" >"$work/cut"
	tp trace -r "$work/cut" --format json
	expect_status 0
	expect_json 'it says so' false 'summary.damaged.has_end'
	tp trace -r "$work/cut"
	expect_line 'in words' 'the end of the file is missing' "$out"
done
{ head -c $((size / 2)) "$file" && echo 'what is this?' && tail -c +$((size / 2 + 1)) "$file"; } >"$work/torn"
tp trace -r "$work/torn" --format json
expect_status 0
expect_json 'one place' '1 true' 'summary.damaged | "\(.places) \(.has_end)"'

echo '== what is none of ours'
expect_refusal() { # what said args...
	tp "${@:3}"
	expect_status 2
	expect_line "$1" "$2" "$err"
	expect 'one line, and perhaps what to do' yes "$([ "$(wc -l <"$err")" -le 2 ] && echo yes)"
}
if command -v tcpdump >/dev/null; then
	tcpdump -nr "$file" -w "$work/plain.pcap" 2>/dev/null
	expect_refusal 'a pcap' "plain.pcap is a pcap file of another program's: it holds packets, but not" trace -r "$work/plain.pcap"
fi
echo 'hello, hello' >"$work/text"
expect_refusal 'a text' 'is no capture file' trace -r "$work/text"
: >"$work/text"
expect_refusal 'nothing' 'is empty' trace -r "$work/text"
expect_refusal 'a directory' 'cannot read .*directory' trace -r "$work"
expect_refusal 'none' 'cannot open .*No such file' trace -r "$work/none"
expect_refusal 'both' '-w' trace -r "$file" -w "$work/other"
expect_refusal 'no file' '--outcome' trace --outcome dropped

echo '== where it cannot be written'
expect_refusal 'a full disk' 'cannot write /dev/full: No space left' ping -c1 -w /dev/full 127.0.0.1
expect_refusal 'no directory' "cannot create $work/none/x: No such file" ping -c1 -w "$work/none/x" 127.0.0.1
expect_line 'what to do' 'mkdir -p' "$err"
mkdir "$work/small"
mount -t tmpfs -o size=64k scenario "$work/small"
at_exit "umount $work/small"
tp_trace -w "$work/small/it" icmp and net "$net4.0/24"
at web ping -q -c500 -f "$net4.3" >/dev/null
tp_wait
expect_status 2
expect_line 'a disk that gets full' '^tracepkt: cannot write .*/it: No space left on device' "$err"
tp trace -r "$work/small/it" --format json
expect_status 0
expect_json 'what is there is whole' '0 0 false' 'summary.damaged | "\(.places) \(.bytes) \(.has_end)"'
[ -z "$(command -v tcpdump)" ] || expect 'for tcpdump too' yes \
	"$(tcpdump -nr "$work/small/it" >/dev/null 2>"$work/tcpdump.err" && echo yes)"

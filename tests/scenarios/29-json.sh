# shellcheck shell=bash
# JSON: its schema, its document and the recipes in it, and the trace events for Perfetto.
. "$(dirname "$0")/lib.sh"

docs=$here/../../docs
sample=$here/../captures/0.1-drop.pcapng
schema=$work/the-schema
validate() { /usr/bin/python3 "$here/validate-json" "$schema" "$1" 2>&1; }

echo '== the schema'
tp probes --schema
expect_status 0
cp "$out" "$schema"
expect 'its draft' 'https://json-schema.org/draft/2020-12/schema' "$(jq -r '."$schema"' "$schema")"
cp "${sample%.pcapng}.json" "$work/good"
expect 'it takes what is right' '' "$(validate "$work/good")"
# Each of these is one thing that is wrong.
refused() { # jq-filter
	jq -c "$1" "$work/good" >"$work/bad"
	expect "it refuses what is made by: $1" no "$(validate "$work/bad" >/dev/null && echo yes || echo no)"
}
refused 'if .hops then .hops[0].stage = "txx" else . end'
refused 'if .hops then .hops[0].unheard_of = 1 else . end'
refused 'if .hops then .hops[0].offset_ns = -1 else . end'
refused 'if .hops then .hops[0].reason = "NO_SOCKET" else . end'
refused 'if .hops then .hops[0].netns.inode = "7" else . end'
refused 'if .hops then .outcome.advice.key = "no_such_key" else . end'
refused 'if .hops then del(.outcome.advice) else . end'
refused 'if .hops then .outcome.kind = "drop" else . end'
refused 'if .hops then .direction = null else . end'
refused 'if .hops then del(.exchange) else . end'
refused 'if .lost then .lost.by_us = 1 else . end'
refused 'if .lost then .type = "verdict" else . end'
# What is in the contract.
jq -c 'if .hops then .hops |= [.[0] + {stage: "netfilter", family: "inet", hook: "input", table: "guard", chain: "deep",
	verdict: "drop", rule: {handle: 7, text: "drop"}}, .[0] + {stage: "nat", from: {src: "10.0.0.1", dst: "10.0.0.2",
	sport: 1, dport: 2}, to: {src: "10.0.0.1", dst: "10.0.0.3", sport: 1, dport: 80}}] else . end' "$work/good" >"$work/more"
expect 'it takes a firewall and NAT' '' "$(validate "$work/more")"

echo '== the document has every field'
jq -r '[.. | objects | .properties? // empty | keys[]] | unique[]' "$schema" >"$work/fields"
expect 'there are some' yes "$([ "$(wc -l <"$work/fields")" -gt 80 ] && echo yes)"
while read -r field; do
	grep -qF "\`$field\`" "$docs/json.md" || fail "docs/json.md does not tell of $field"
done <"$work/fields"

echo '== the recipes in it'
cp "$sample" "$work/drop.pcapng"
ran=0
recipe() { # command: runs it as it is written there
	ran=$((ran + 1))
	(cd "$work" && PATH=$(dirname "$TRACEPKT"):$PATH bash -o pipefail -c "$1") >"$work/said" 2>"$work/said.err" ||
		fail "it ends with status $?: $1"
}
check_recipe() { # after a command: what it is to print
	[ -n "$command" ] || return 0
	recipe "$command"
	expect "what is printed by: $command" "$expected" "$(cat "$work/said")"
	command='' expected=''
}
block='' command='' expected=''
while IFS= read -r line; do
	case $block:$line in
		:'```console') block='console' ;;
		:'```sh') block='sh' ;;
		*:'```') check_recipe && block='' ;;
		console:'# '*) check_recipe && command=${line#\# } ;;
		# A command goes on in the lines that are indented.
		console:'    '*) command+=$'\n'$line ;;
		console:*) expected+=${expected:+$'\n'}$line ;;
		sh:*) recipe "$line" ;;
	esac
done <"$docs/json.md"
expect 'there are recipes' 11 $ran

echo '== what the other commands print'
tp probes --format json
expect_status 0
tp doctor --format json
tp drops --format json --duration 0.1
expect_status 0

echo '== for Perfetto: from a file'
valid_for_perfetto() { # file...
	/usr/bin/python3 "$here/validate-perfetto" "$@" || fail 'not as readers of trace-event JSON need it'
}
for one in "$here"/../captures/*.pcapng; do
	case $one in *-drops.pcapng) continue ;; esac
	tp trace -r "$one" --format perfetto
	expect_status 0
	cp "$out" "$work/$(basename "$one" .pcapng).perfetto"
done
valid_for_perfetto "$work"/*.perfetto
sed '0,/"bp":"e",/s///' "$work/0.1-trace.perfetto" >"$work/wrong"
expect 'what is wrong is found' 1 "$(/usr/bin/python3 "$here/validate-perfetto" "$work/wrong" | grep -c 'bound to the next slice')"
tp trace -r "$sample" --format perfetto
expect_status 0
expect_line 'the summary in words' '^traced 1 packet: 1 dropped; 6 events, none lost$' "$err"
expect_json 'a process for each namespace' '["namespace db","namespace host0","namespace web"]' \
	'[.[].traceEvents[] | select(.name == "process_name") | .args.name] | sort'
expect_json 'a track for each interface' 'eth0 eth0 vdb vweb' \
	'[.[].traceEvents[] | select(.name == "thread_name") | .args.name] | sort | join(" ")'
expect_json 'a slice for each hop' 'tx rx tx rx in drop: NETFILTER_DROP' \
	'[.[].traceEvents[] | select(.ph == "X") | .name] | join(" ")'
expect_json 'arrows along the way' 's t t t t f' '[.[].traceEvents[] | select(.cat == "journey") | .ph] | join(" ")'
expect_json 'how long' '8.536 16.361' '[.[].traceEvents[] | select(.ph == "X") | .dur][:2] | join(" ")'

echo '== live'
hostile="d'b <b>"
bridge_network web db
at_bridge "$hostile" v-hostile eth0 "$net4.9/24"
tp ping -c2 -i 0.1 --netns web --format perfetto "$net4.9"
expect_status 0
expect_json 'there and back, twice' 4 '[.[].traceEvents[] | select(.ph == "s")] | length'
expect_json 'names are data' 1 "[.[].traceEvents[] | select(.args.name == \"namespace $hostile\")] | length"
valid_for_perfetto "$out"
tp_trace --format perfetto "icmp and host $net4.3"
at web ping -q -c3 -i 0.1 "$net4.3" >/dev/null
wait_for 'some of it' has '"ph":"f"' "$out"
tp_end INT
expect_status 0
expect_json 'it is whole at Ctrl-C' 'ns string' '.[] | "\(.displayTimeUnit) \(.otherData.kernel | type)"'
valid_for_perfetto "$out"
tp_trace --format perfetto "icmp and host $net4.99"
tp_end TERM
expect_json 'also where nothing was seen' 0 '.[].traceEvents | length'
valid_for_perfetto "$out"

echo '== which have no such format'
for command in drops doctor probes; do
	tp $command --format perfetto
	expect_status 2
	expect_line 'why' 'there is no format perfetto' "$err"
done

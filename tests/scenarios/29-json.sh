# shellcheck shell=bash
# JSON: its schema, its document and the recipes in it.
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


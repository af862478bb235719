# shellcheck shell=bash
# What cannot be done is said in a line, and the exit status is 2.
. "$(dirname "$0")/lib.sh"

echo '== hosts'
for host in no-such-host.invalid 256.1.1.1 1::2::3 ''; do
	tp ping -c1 "$host"
	expect_status 2
	expect "one line says why for host '$host'" 1 "$(count_lines '^tracepkt: ' "$err")"
	expect "nothing on stdout for host '$host'" '' "$(cat "$out")"
done
tp no-such-host.invalid
expect_line 'what to do' '^  give an address, or a name that' "$err"

echo '== options'
expect_usage_error() { # args...
	tp "$@"
	expect_status 2
	[ "$(wc -l <"$err")" -le 2 ] || { fail "more than two lines of $*" && show "$err"; }
	expect "nothing on stdout of $*" '' "$(cat "$out")"
	expect_line "why, of $*" '^tracepkt: ' "$err"
}
expect_usage_error ping --no-such-option 127.0.0.1
expect_line 'which' '^tracepkt: unknown option --no-such-option$' "$err"
expect_usage_error --bogus
expect_line 'not that HOST is missing' '^tracepkt: unknown option --bogus$' "$err"
expect_usage_error pign 127.0.0.1
expect_line 'which' '^tracepkt: there is no command pign; there are ping, trace, report, drops, probes, doctor$' "$err"
expect_usage_error -v pign 127.0.0.1
expect_line 'which, behind an option' '^tracepkt: there is no command pign; ' "$err"
expect_usage_error ping -w '' -c1 127.0.0.1
expect_usage_error trace -w it -o it --duration 0.1
expect_line 'that one would destroy the other' 'the same file' "$err"
expect_usage_error drops -vv
expect_line 'which has no functions to show' '^tracepkt: -vv shows kernel functions .* drops follows none' "$err"
expect_usage_error ping --functions '' -c1 127.0.0.1
expect_usage_error ping
expect_usage_error ping 127.0.0.1 127.0.0.2
expect_usage_error ping -c 0 127.0.0.1
expect_usage_error ping -c x 127.0.0.1
expect_usage_error ping -c -1 127.0.0.1
expect_usage_error ping -s -1 127.0.0.1
expect_line 'the range' '^tracepkt: -s: give a whole number from 0 to 65527$' "$err"
expect_usage_error ping -s 65508 -c1 127.0.0.1
expect_usage_error ping -t 256 -c1 127.0.0.1
for option in --netns -I; do # as of a variable that is not set
	expect_usage_error ping "$option" '' -c1 127.0.0.1
	expect_line "$option of nothing" "^tracepkt: $option: a name is wanted, but nothing was given\$" "$err"
done
expect_usage_error ping -i -1 -c1 127.0.0.1
expect_usage_error ping -W x -c1 127.0.0.1
expect_usage_error ping -4 -6 -c1 localhost
expect_usage_error ping -4 -c1 ::1
expect_usage_error ping -6 -c1 127.0.0.1
expect_usage_error ping -I no-such-if -c1 127.0.0.1
expect_usage_error ping -m x -c1 127.0.0.1
expect_usage_error ping --format xml -c1 127.0.0.1
expect_line 'which there are' '^tracepkt: --format: there is no format xml; there are table, classic, json, perfetto, svg, mermaid, dot$' "$err"
expect_usage_error ping --color sometimes -c1 127.0.0.1
expect_usage_error ping --buffer x -c1 127.0.0.1
expect_usage_error
expect_usage_error trace --count 0
expect_line 'the range' '^tracepkt: --count: give a whole number from 1 to 281474976710656$' "$err"
expect_usage_error trace --duration -1
expect_usage_error trace --duration x
expect_usage_error trace -r file -w other
expect_usage_error trace --outcome dropped
expect_usage_error trace -r file --outcome died
expect_line 'which there are' '^tracepkt: --outcome: there is no outcome died; there are delivered, ' "$err"
expect_usage_error ping -r file
expect_usage_error no-such-command --option

echo '== commands'
for command in mtr demo; do
	expect_usage_error $command
	expect_line "$command is for later" "^tracepkt: tracepkt $command is not built yet$" "$err"
done

echo '== the catalogue of hooks'
tp probes --format json
expect_status 0
expect_json 'every hook that is needed is here' 'true' 'map(select(.needed) | .here) | length > 0 and all'
expect_json 'each has words, and a stage if it tells of hops' 'true' \
	'all(.type == "probe" and (.says | length) > 5 and ((.stage | length) > 1 or (.says | contains("COMMAND"))))'
tp probes
expect_line 'as a table' '^drop +kfree_skb +yes +dropped, with' "$out"
tp probes --format classic
expect_status 2

echo '== help'
tp --help
expect_status 0
cp "$out" "$work/help"
tp help
expect 'help is --help' "$(cat "$work/help")" "$(cat "$out")"
tp help trace
expect_line 'help of a command' '^Usage: tracepkt trace' "$out"
expect_no_line 'only its own examples' 'tracepkt (ping|doctor)' "$out"
tp doctor --help
expect_no_line 'no examples of others' 'tracepkt (ping|trace)' "$out"
expect_no_line 'no names of types' 'ENUM|FLOAT|POSITIVE|UINT|TEXT' "$out"

# shellcheck shell=bash
# A report: one page that holds the journeys of a capture, and pictures of single ones; and, where there is a Chromium, what
# a person would see of it. tests/browser says how to see more.
. "$(dirname "$0")/lib.sh"

look_for_reasons
bridge_network web db
hostile='<img src=x onerror=hostile=1>'
netns "$hostile"
cable outer 'e<u>0' "$hostile" 'i<b>0'
address outer 'e<u>0' "${net4%.*}.250.1/24"
address "$hostile" 'i<b>0' "${net4%.*}.250.2/24"
file=$work/it.pcapng page=$work/it.html
at db nft 'table ip guard { chain in { type filter hook input priority 0; udp dport 6002 drop; }; }'

tp_trace -v -w "$file" --format json "(icmp or udp) and (net $net4.0/24 or net ${net4%.*}.250.0/24)"
at web ping -q -c1 "$net4.3" >/dev/null
at web bash -c "echo hello >/dev/udp/$net4.3/6002"
ping -q -c1 "${net4%.*}.250.2" >/dev/null
wait_for_journeys 5
tp_end INT
expect_status 0
cp "$out" "$work/live"
dropped=$(query 'journeys[] | select(.outcome.kind == "dropped") | .id' "$work/live")
answered=$(query "journeys[] | select(.direction == \"request\" and .packet.dst == \"$net4.3\") | .id" "$work/live")

echo '== a page'
tp report -r "$file"
expect_status 0
expect_line 'it says what it wrote' 'it\.html$' "$err"
expect 'nothing else is written' '' "$(cat "$out")"
expect 'it is for its owner alone' 600 "$(stat -c %a "$page")"
expect 'no part of one is left' '' "$(compgen -G "$page.*" || true)"
expect 'in which folder the capture is stays here' '' "$(grep -F "$work" "$page" || true)"
# The blocks of data, as the page reads them.
data() { # attribute
	python3 -c '
import re, sys
for block in re.findall(r"<script type=\"application/json\" %s[^>]*>(.*?)</script>" % sys.argv[1], open(sys.argv[2]).read(), re.S):
    print(block)' "$1" "$page"
}
data 'class="index"' >"$work/index"
expect 'every journey is in it' "$(query 'journeys | map(.id) | sort | tojson' "$work/live")" \
	"$(jq -cs 'map(.journeys[][0]) | sort' "$work/index")"
expect 'and the summary' "$(query 'map(select(.type == "summary"))[0] | [.journeys, .delivered, .dropped, .events] | tojson' "$work/live")" \
	"$(data 'id="summary"' | jq -c '[.journeys, .delivered, .dropped, .events]')"
data 'class="details"' >"$work/details"
expect 'what was dropped has its advice' firewall \
	"$(jq -r '.outcomes[] | select(.kind == "dropped") | .advice.key' "$work/details")"
expect 'hostile names are there, as text' true \
	"$(jq --arg ns "$hostile" '[.hops[] | [.ns, .dev]] | (index([[$ns, "i<b>0"]]) != null)' "$work/details")"
expect 'and are no markup' '' "$(grep -oE '<(img|u|b)\b[^>]*>' "$page" || true)"

echo '== where it goes'
tp report -r "$file"
expect_status 2
expect_line 'a report that is there is not replaced' 'it\.html is there already' "$err"
tp report -r "$file" -o "$page" --outcome dropped
expect_status 0
expect 'a part of it' 1 "$(data 'class="index"' | jq '.journeys | length')"
tp report -r "$file" -o -
expect_status 0
expect_line 'to the standard output' '^<!doctype html>' "$out"
tp report -r "$file" -o "$file"
expect_status 2
expect_line 'not over the capture' 'is the capture itself' "$err"
tp report -r - -o "$work/stdin.html" <"$file"
expect_status 0
tp report -r /etc/passwd -o "$work/no.html"
expect_status 2
expect 'no report of what is no capture' '' "$(compgen -G "$work/no.html*" || true)"
tp report
expect_status 2
expect_line 'without -r' '^tracepkt: .*-r' "$err"

echo '== pictures of one'
tp trace -r "$file" --journey "$dropped" --format svg
expect_status 0
expect_line 'the drop' '>DROPPED<' "$out"
[ -z "$has_reasons" ] || expect_line 'its reason' '>NETFILTER_DROP<' "$out"
python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$out" || fail 'it is not XML'
tp trace -r "$file" --journey "$answered" --format svg
expect 'both ways' 2 "$(grep -c '<g class="end delivered">' "$out")"
for format in mermaid dot; do
	tp report -r "$file" --journey "$dropped" --format $format -o -
	expect_status 0
	expect_line "$format" 'NETFILTER.*DROP' "$out"
done
tp trace -r "$file" --format dot
expect_status 0
expect_line 'of several the first, and it says so' '^drawn: journey [0-9]+ .*; not drawn: [0-9]+ more' "$err"
tp trace -r "$file" --format dot --journey 999
expect_status 2
expect_line 'there is none' 'no journey in .* is like that' "$err"
tp ping -c1 --netns web --format svg "$net4.3"
expect_status 0
expect 'live' 2 "$(grep -c '<g class="end delivered">' "$out")"

echo '== in a browser'
if [ -n "$brief" ]; then
	without 'the browser: an emulated machine is too slow for it'
elif ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
	without 'the browser: missing packages chromium chromium-driver (./dev setup browser)'
else
	tp report -r "$file" -o "$page"
	timeout 300 /usr/bin/python3 "$here/../browser/report.py" ${TRACEPKT_AXE:+--axe "$TRACEPKT_AXE"} \
		${TRACEPKT_SCREENSHOTS:+--screenshots "$TRACEPKT_SCREENSHOTS"} "$page" >"$work/browser" 2>&1 || fail 'in the browser'
	cat "$work/browser"
fi

# shellcheck shell=bash
# Captures in several files, drops from a file, and of a file a part: by time, sorted, cut short.
. "$(dirname "$0")/lib.sh"
also_record='' # it records itself

bridge_network web db
target=$net4.3
ours="icmp and net $net4.0/24"

files_of() { # base name
	find "$work" -maxdepth 1 -name "$1_*" | sort
}

echo '== several files: each can be read by itself, all of them together are what was shown'
tp_trace -w "$work/it.pcapng" --rotate 64K --format json "$ours"
at web ping -q -c200 -f "$target" >/dev/null
wait_for_journeys 400
tp_end INT
expect_status 0
mapfile -t files < <(files_of it)
expect 'there are several' yes "$([ ${#files[@]} -ge 3 ] && echo yes)"
expect_match 'named as dumpcap does' '/it_00001_20[0-9]{12}\.pcapng$' "${files[0]}"
expect 'for their owner alone' 600 "$(stat -c %a "${files[@]}" | sort -u)"
expect 'none is much larger than was said' '' "$(find "$work" -maxdepth 1 -name 'it_*' -size +80k)"
same_again 'by the name that -w was given' trace -r "$work/it.pcapng" --format json
arguments=()
for one in "${files[@]}"; do arguments+=(-r "$one"); done
same_again 'one after the other' trace "${arguments[@]}" --format json
tp trace -r "${files[1]}" --format json
expect_status 0
expect_json 'the second has names of its own' 'db outer web' '[journeys[].hops[].netns.name] | unique | join(" ")'
expect_json 'and is whole' null 'summary.damaged'
expect_json 'and knows the kernel and the probes' "$(uname -r) true" 'summary | "\(.kernel) \(.probes.attached | length > 0)"'
# The last packet of a file that goes on in another one was on its way.
for one in "${files[@]:0:2}"; do
	tp trace -r "$one" --format json
	expect_json 'none is said to have left because the file ends' '' '[journeys[].outcome | select(.kind == "left").kind] | unique | join(" ")'
done
tp trace -r "${files[0]}" -r "${files[2]}"
expect_status 2
expect_line 'one is missing' 'is file 3 of its capture, but the one before it is file 1' "$err"
if command -v capinfos >/dev/null && command -v tshark >/dev/null; then
	for one in "${files[@]}"; do
		capinfos -M "$one" >/dev/null || fail "capinfos: $one"
		tshark -r "$one" -T fields -e frame.interface_name -e frame.comment >"$work/frames" 2>/dev/null || fail "tshark: $one"
		expect 'every packet is on a named interface' '' "$(grep -vE '^(br0|v-web|v-db|eth0)	' "$work/frames" || true)"
	done
else
	without 'capinfos and tshark'
fi

files_before=("${files[@]}")

echo '== the newest stay'
tp_trace -w "$work/ring.pcapng" --rotate 64K --files 2 --format json "$ours"
at web ping -q -c300 -f "$target" >/dev/null
wait_for_journeys 600
tp_end INT
mapfile -t files < <(files_of ring)
expect 'two of them' 2 ${#files[@]}
expect 'not the first' '' "$(files_of ring | grep '_00001_' || true)"
tail -n 50 "$out" | grep '"type":"journey"' | tail -n 1 >"$work/last"
tp trace -r "$work/ring.pcapng" --format json
expect_status 0
expect 'the last packet is there' "$(jq -c '.packet' "$work/last")" "$(grep '"type":"journey"' "$out" | tail -n 1 | jq -c '.packet')"

echo '== another run of the same name: its files come after those that are there, and are read for themselves'
tp_trace -w "$work/it.pcapng" --rotate 64K --format json "$ours"
at web ping -q -c100 -f "$target" >/dev/null
wait_for_journeys 200
tp_end INT
mapfile -t all < <(files_of it)
expect 'the older ones are still there' '' "$(find "${files_before[@]}" -prune 2>&1 >/dev/null)"
expect 'the new ones have the next numbers' "$(printf '%05d' $((${#files_before[@]} + 1)))" \
	"$(basename "${all[${#files_before[@]}]}" | cut -d_ -f2)"
same_again 'the newest run' trace -r "$work/it.pcapng" --format json
expect_line 'the others are told' "^-r .*/it.pcapng: the newest capture of that name; ${#files_before[@]} more files are of older ones, up to .*it_000" "$err"
tp_trace -w "$work/it.pcapng" --rotate 64K --files 2 --count 1 --format json "$ours"
at web ping -q -c1 "$target" >/dev/null
tp_wait
expect 'with --files the oldest of all go' 2 "$(files_of it | wc -l)"

echo '== a disk that gets full, and a directory that goes'
mkdir "$work/small"
mount -t tmpfs -o size=256k scenario "$work/small"
at_exit "umount $work/small"
tp_trace -w "$work/small/it.pcapng" --rotate 64K "$ours"
at web ping -q -c600 -f "$target" >/dev/null
tp_wait
expect_status 2
expect_line 'it says so' '^tracepkt: cannot (write|create) .*/it_0000[0-9]_.*: No space left on device' "$err"
for one in "$work"/small/it_*; do
	[ -s "$one" ] || continue # there was not even room for its beginning
	tp trace -r "$one" --format json
	expect_status 0
	expect_json "whole as far as it goes: ${one##*/}" 0 'summary.damaged.places // 0'
	[ -z "$(command -v capinfos)" ] || capinfos -M "$one" >/dev/null 2>&1 || fail "capinfos: $one"
done
mkdir "$work/gone"
tp_trace -w "$work/gone/it.pcapng" --rotate 64K "$ours"
rm -r "$work/gone"
at web ping -q -c200 -f "$target" >/dev/null
tp_wait
expect_status 2
expect_line 'it says so' '^tracepkt: cannot create .*/it_00002_.*: No such file or directory' "$err"

echo '== a pipe whose reader goes'
mkfifo "$work/pipe"
head -c 3000 "$work/pipe" >"$work/head" &
tp_command='tracepkt trace -w - | head -c 3000'
: >"$err" # it is looked at before the next one has begun
timeout -k 5 "$patience" "$TRACEPKT" trace -w - "$ours" >"$work/pipe" 2>"$err" &
tracer=$!
wait_until_ready
at web ping -q -c100 -f "$target" >/dev/null || true
status=0
wait $tracer || status=$?
expect_status 2
expect_line 'it says so' 'cannot write the standard output: Broken pipe' "$err"
tp trace -r "$work/head" --format json
expect_status 0
expect_json 'what came through can be read' true 'journeys | length > 0'

echo '== less of each packet'
for snaplen in 128 28; do
	tp_trace -w "$work/$snaplen" --snaplen $snaplen --count 20 --format json "$ours"
	at web ping -q -c10 -f "$target" >/dev/null
	tp_wait
done
expect 'the file is smaller' yes "$([ $(($(stat -c %s "$work/28") + 5000)) -lt "$(stat -c %s "$work/128")" ] && echo yes)"
same_again 'what is shown needs no more' trace -r "$work/28" --format json
if command -v capinfos >/dev/null; then
	expect 'so many bytes, and the header of 16' 'Packet size limit: inferred: 44 bytes' \
		"$(capinfos -l "$work/28" | grep -o 'Packet size limit: *inferred: 44 bytes' | tr -s ' ')"
fi

echo '== a part, by time; and the slowest'
tp_trace -w "$work/times" --format json "$ours"
at web ping -q -c1 "$target" >/dev/null
wait_for_journeys 2
sleep 1.2 # seconds are what is told apart below
at web ping -q -c2 -i 0.2 "$target" >/dev/null
wait_for_journeys 6
tp_end INT
tp trace -r "$work/times" --format json --since +1s
expect_json 'after a second' '2 3' '[journeys[].packet.icmp.seq] | unique | "\(length) \(add)"'
tp trace -r "$work/times" --format json --until +1s
expect_json 'in the first' '1 1' '[journeys[].packet.icmp.seq] | unique | "\(length) \(add)"'
begin_ns=$(query '[.[] | select(.type == "journey")][0].begin_ns' "$out")
for since in "@$((begin_ns / 1000000000 + 1))" "$(date -d "@$((begin_ns / 1000000000 + 1))" +%H:%M:%S)" \
	"$(date -d "@$((begin_ns / 1000000000 + 1))" -Is)" "$(date -d "@$((begin_ns / 1000000000 + 1))" '+%F %T')"; do
	tp trace -r "$work/times" --format json --since "$since" --until +1h
	expect_status 0
	expect_json "since $since" true 'journeys | length | . == 4 or . == 6'
done
tp trace -r "$work/times" --format json --since -1h --until +1d
expect_json 'since an hour ago' 6 'journeys | length'
tp trace -r "$work/times" --format json --sort duration --count 3
expect_json 'the longest first' true '[journeys[].duration_ns] | length == 3 and . == (sort | reverse)'
expect_json 'and how many there are beside them' 3 'summary.not_shown'
tp trace -r "$work/times" --sort duration --count 1
expect_line 'in words' 'not shown: 5 that took less time' "$out"
for bad in 'trace -r x --since yesterday' 'trace -r x --since 25:00' 'trace -r x --until 2026-13-01' 'trace -r x --since 2026-02-31' 'trace --since 10:00' \
	'trace -r x --sort size' 'trace --rotate 1M' 'trace -w x --rotate 1' 'trace -w x --files 3' 'trace -w - --rotate 1M' \
	'trace -w x --snaplen 19' 'trace -w x --snaplen 129' 'drops -r x -w y' 'drops --netns web' 'trace --snaplen 60'; do
	# shellcheck disable=SC2086 # words
	tp $bad
	expect_status 2
	expect "one line, and perhaps what to do: $bad" yes "$([ "$(wc -l <"$err")" -le 2 ] && [ -s "$err" ] && echo yes)"
done

echo '== Ctrl-C while reading'
mkfifo "$work/slow"
"$TRACEPKT" trace -r "$work/slow" --format json >"$out" 2>"$err" &
tp_pid=$!
tp_command='tracepkt trace -r, interrupted'
exec {slow}<>"$work/slow"
cat "$work/times" >&"$slow"
all_taken() { # what was written lies in a pipe until it is read, and then the reader waits for more
	[ "$(python3 -c 'import fcntl, sys, termios; print(int.from_bytes(fcntl.ioctl(int(sys.argv[1]), termios.FIONREAD, b"1234"), "little"))' "$slow")" = 0 ]
}
wait_for 'the reader to have read' all_taken
tp_end INT
exec {slow}>&-
expect_status 0
expect_json 'the summary is there' summary '.[-1].type'

echo '== drops'
base=${net4%.*}
for format in json table; do
	tp_watch drops -w "$work/drops" --format $format -i 0.1 "udp and net $base.0.0/16"
	(exec ip netns exec web bash -c "exec 7<>/dev/udp/$target/4444; for i in 1 2 3; do echo x >&7; done 2>/dev/null; exit 0") || true
	at db bash -c "echo x >/dev/udp/$net4.2/53" 2>/dev/null || true
	case $format in
		json) wait_for 'the drops' has '"dport":53' "$out" ;;
		table) wait_for 'the drops' has "$net4.2:53" "$out" ;;
	esac
	tp_end INT
	expect_status 0
	same_again "drops, $format" drops -r "$work/drops" --format $format
done
tp drops -r "$work/drops" --format json --netns web
expect_json 'where it was' '["web"]' 'map(select(.type == "drops").netns.name) | unique | tojson'
tp drops -r "$work/drops" --format json udp port 53
expect_json 'of these alone' '[53]' 'map(select(.type == "drops").sample.dport) | unique | tojson'
tp drops -r "$work/drops" --format json -i 100
expect_json 'in one interval' 2 'map(select(.type == "drops")) | length'
tp trace -r "$work/drops" --format json --outcome dropped
expect_status 0
expect_json 'as packets' true 'journeys | length >= 2'
tp_trace -w "$work/trace" --format json "udp and net $base.0.0/16"
at web bash -c "echo x >/dev/udp/$target/4444" 2>/dev/null || true
wait_for_journeys 1 '.packet.dport == 4444'
tp_end INT
tp drops -r "$work/trace" --format json
expect_status 0
expect_json 'of what trace kept' '1 1' 'map(select(.type == "drops")) | "\(length) \(.[0].count)"'
tp_watch drops -w - "udp and net $base.0.0/16"
tp_end INT
expect_line 'the sum on stderr' '^0 drops in ' "$err"
cp "$out" "$work/stdout"
tp drops -r "$work/stdout"
expect_status 0

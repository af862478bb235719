# shellcheck shell=bash
# trace -- COMMAND: the packets of a command and its children, and nobody else's; it ends as the command does.
. "$(dirname "$0")/lib.sh"

bridge_network web db

# Runs `trace` with a command. $out is what it showed, $said what the command printed.
said=$work/said
traced() { # args...
	tp trace --format json -o "$work/shown" "$@"
	mv "$out" "$said"
	mv "$work/shown" "$out"
}
# The ports of all UDP and TCP packets.
ports='journeys | map(.packet | select(.sport) | .sport, .dport) | unique | map(tostring)'

cat >"$work/udp.py" <<'END'
# udp.py HOST PORT [BYTES]: asks, waits for the answer, prints its own port.
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(30)
s.sendto(b"x" * int((sys.argv[3:] or [5])[0]), (host, port))
s.recvfrom(65535)
print(s.getsockname()[1])
END
cat >"$work/udpserver.py" <<'END'
# udpserver.py ADDRESS PORT [NUMBER]: answers, for ever or so many times.
import socket, sys
host = sys.argv[1]
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((host, int(sys.argv[2])))
print("bound", flush=True)
left = int((sys.argv[3:] or [-1])[0])
while left:
    data, peer = s.recvfrom(65535)
    s.sendto(data, peer)
    left -= 1
END
cat >"$work/tcp.py" <<'END'
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"x" * 100)
while s.recv(4096): pass
print(s.getsockname()[1])
END
cat >"$work/tcpserver.py" <<'END'
# tcpserver.py ADDRESS PORT [NUMBER]
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen()
print("bound", flush=True)
left = int((sys.argv[3:] or [-1])[0])
while left:
    c, _ = s.accept()
    c.recv(100)
    c.sendall(b"y" * 100)
    c.close()
    left -= 1
END
server() { # netns script args...
	: >"$work/server"
	nsenter --net="/run/netns/$1" python3 "$work/$2" "${@:3}" >"$work/server" &
	wait_for 'the server' has bound "$work/server"
}
server db udpserver.py :: 6002
server db tcpserver.py :: 6005

# What must not leak, all the time: the same ends, the same server, other sockets.
cat >"$work/noise.py" <<'END'
import socket, sys, time
host = sys.argv[1]
while True:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"x" * 5, (host, 6002))
    s.recvfrom(100)
    c = socket.create_connection((host, 6005))
    c.sendall(b"x" * 100)
    while c.recv(4096): pass
    print("one", flush=True)
    time.sleep(0.02)
END
nsenter --net=/run/netns/web python3 "$work/noise.py" "$net4.3" >"$work/noise" 2>/dev/null &
nsenter --net=/run/netns/web ping -q -i 0.2 "$net4.3" >/dev/null &
wait_for 'other traffic' test -s "$work/noise"

echo '== UDP, there and back'
addresses=("$net4.3" "$net6::3") bound=(0.0.0.0 :: "$net4.2") statuses=(0 1 42) signals=(INT TERM)
[ -z "$brief" ] || { addresses=("$net4.3") bound=(::) statuses=(42) signals=(INT); }
for address in "${addresses[@]}"; do
	traced -- nsenter --net=/run/netns/web python3 "$work/udp.py" "$address" 6002
	expect_status 0
	port=$(cat "$said")
	expect_json "only its own, $address" "$(printf '6002\n%s\n' "$port" | sort | paste -sd' ')" "$ports | sort | join(\" \")"
	expect_json 'a question, an answer' "$port>6002 6002>$port" 'journeys | sort_by(.id) | map("\(.packet.sport)>\(.packet.dport)") | join(" ")'
	expect_json 'the way of the question' 'web eth0 tx, outer v-web rx, outer v-db tx, db eth0 rx, db eth0 in' \
		'(journeys | sort_by(.id))[0] | way | sub(", db eth0 deliver$"; "")'
	expect_json 'the way of the answer, from its beginning' \
		'db eth0 tx, outer v-db rx, outer v-web tx, web eth0 rx, web eth0 in' '(journeys | sort_by(.id))[1] | way | sub(", web eth0 deliver$"; "")'
	expect_json 'nothing lost' 0 'summary.lost | add'
done

echo '== TCP'
traced -- nsenter --net=/run/netns/web python3 "$work/tcp.py" "$net4.3" 6005
expect_status 0
port=$(cat "$said")
expect_json 'only its own' "$(printf '6005\n%s\n' "$port" | sort | paste -sd' ')" "$ports | sort | join(\" \")"
expect_json 'both directions' "$port 6005" 'journeys | map(.packet.sport) | unique | sort_by(. == 6005) | join(" ")'
expect_json 'handshake, data and end' true 'journeys | length >= 7'
expect_json 'from the first segment on' "$port" '(journeys | sort_by(.id))[0].packet.sport'
expect_json 'the way' \
	'db eth0 tx, outer v-db rx, outer v-web tx, web eth0 rx | web eth0 tx, outer v-web rx, outer v-db tx, db eth0 rx' \
	'journeys | map(crossings) | unique | join(" | ")'

echo '== --netns, and children of children'
traced --netns web -- sh -c "(sh -c 'ping -q -c1 $net4.3; exit 0' & wait); ping -q -c1 $net6::3"
expect_status 0
expect_json 'two requests, two replies' '4' 'journeys | map(select(.packet.icmp.type | IN(0, 8, 128, 129))) | length'
expect_json 'of two pings' '2' 'journeys | map(select(.packet.icmp.type | IN(0, 8, 128, 129)) | .packet.icmp.id) | unique | length'
expect_json 'from web' "$net4.2 $net6::2" 'requests | map(.packet.src) | join(" ")'

echo '== a filter as well: the answer alone'
traced --netns web udp src port 6002 -- python3 "$work/udp.py" "$net4.3" 6002
expect_status 0
expect_json 'the answer' "6002>$(cat "$said")" 'journeys | sort_by(.id) | map("\(.packet.sport)>\(.packet.dport)") | join(" ")'
expect_json 'from its beginning' 'db eth0 tx, outer v-db rx, outer v-web tx, web eth0 rx' '(journeys | sort_by(.id))[0] | crossings'
traced --netns web tcp -- python3 "$work/udp.py" "$net4.3" 6002
expect_json 'none' '0 0' '"\(journeys | length) \(summary.events)"'

echo '== fragments, and an error about a packet'
traced --netns web -- python3 "$work/udp.py" "$net4.3" 6002 4000
expect_status 0
expect_json 'all fragments, there and back' "$net4.2 $net4.2 $net4.2 $net4.3 $net4.3 $net4.3" \
	'journeys | map(select(.hops | any(.stage == "tx" and (.netns.name == "web" or .netns.name == "db"))) | .packet.src) | sort | join(" ")'
traced --netns web -- bash -c "echo hello >/dev/udp/$net4.3/6009"
expect_json 'nobody listens' 'true true' \
	'"\(journeys | any(.packet.dport == 6009)) \(journeys | any(.packet.icmp.type == 3 and .packet.src == "'"$net4.3"'"))"'
expect_json 'no more' 2 'journeys | length'

echo '== through NAT: the answer, from where it has another address'
netns far
cable outer v-far far eth0
address outer v-far 192.0.2.1/24
address far eth0 192.0.2.2/24
forward outer
if nft -f - 2>"$work/nft" <<-END; then
	table inet translate {
		chain postrouting {
			type nat hook postrouting priority 100;
			oifname v-far masquerade
		}
	}
END
	server far udpserver.py 192.0.2.2 6002
	traced --netns web -- python3 "$work/udp.py" 192.0.2.2 6002
	expect_status 0
	expect_json 'the question' 'web eth0 tx, outer v-web rx, outer br0 rx, outer v-far tx, far eth0 rx' \
		'(journeys | sort_by(.id))[0] | crossings'
	expect_json 'the answer' 'far eth0 tx, outer v-far rx, outer br0 tx, outer v-web tx, web eth0 rx' \
		'(journeys | sort_by(.id))[1] | crossings'
	expect_json 'for whom' "192.0.2.1 192.0.2.1 $net4.2 $net4.2 $net4.2" \
		'(journeys | sort_by(.id))[1].hops | map(select(.stage == "tx" or .stage == "rx") | .dst) | join(" ")'
	expect_json 'no more' 2 'journeys | length'
else
	without "NAT: $(head -1 "$work/nft")"
fi

echo '== a server: what it receives'
client() { # its output script args...
	wait_for 'the server' has bound "$out"
	at db python3 "$work/$2" "${@:3}" >"$1"
}
for address in "${bound[@]}"; do
	tp_trace --format json -o "$work/shown" --netns web -- python3 "$work/udpserver.py" "$address" 6003 2
	at db bash -c "echo no >/dev/udp/$net4.2/6004"
	client "$work/port1" udp.py "$net4.2" 6003
	client "$work/port2" udp.py "$net4.2" 6003
	tp_wait
	expect_status 0
	mv "$work/shown" "$out"
	expect_json "two questions, two answers, bound to $address" \
		"$(cat "$work/port1")>6003 6003>$(cat "$work/port1") $(cat "$work/port2")>6003 6003>$(cat "$work/port2")" \
		'journeys | sort_by(.id) | map("\(.packet.sport)>\(.packet.dport)") | join(" ")'
	expect_json 'the first one from where it enters the namespace' 'web eth0 rx, web eth0 in' \
		'(journeys | sort_by(.id))[0] | way | sub(", web eth0 deliver$"; "")'
	expect_json 'the second as well: it is another flow' 'web eth0 rx' '(journeys | sort_by(.id))[2] | crossings'
	check_json
done
tp_trace --format json -o "$work/shown" --netns web -- python3 "$work/tcpserver.py" 0.0.0.0 6006 1
client "$work/port1" tcp.py "$net4.2" 6006
tp_wait
expect_status 0
mv "$work/shown" "$out"
expect_json 'TCP: only its own' "$(printf '6006\n%s\n' "$(cat "$work/port1")" | sort | paste -sd' ')" "$ports | sort | join(\" \")"
expect_json 'TCP: the first is the SYN' "$(cat "$work/port1")" '(journeys | sort_by(.id))[0].packet.sport'
expect_json 'TCP: what comes after the answer, from the client on' \
	'db eth0 tx, outer v-db rx, outer v-web tx, web eth0 rx' 'journeys | sort_by(.id) | map(select(.packet.dport == 6006)) | .[1] | crossings'

echo '== it ends as the command does'
for status_wanted in "${statuses[@]}"; do
	tp trace -- sh -c "exit $status_wanted"
	expect_status "$status_wanted"
	expect_line 'the summary' '^traced 0 packets' "$out"
done
# shellcheck disable=SC2016 # for that shell
tp trace -- sh -c 'kill -TERM $$'
expect_status 143
cannot_run() { # status command
	check_json
	tp_command="tracepkt trace -- $2"
	status=0
	"$TRACEPKT" trace -- "$2" >"$out" 2>"$err" || status=$?
	expect_status "$1"
	expect_line 'why' "^tracepkt: cannot run .*$(basename "$2"): " "$err"
}
cannot_run 127 no-such-command-at-all
expect 'before any tracing' 1 "$(wc -l <"$err")"
echo 'echo no' >"$work/plain"
cannot_run 126 "$work/plain"
expect 'before any tracing' 1 "$(wc -l <"$err")"
printf '#!/no/such/shell\n' >"$work/script"
chmod 755 "$work/script"
cannot_run 127 "$work/script"
tp trace --
expect_status 2
expect_line 'why' '^tracepkt: a command is wanted behind --' "$err"
for option in '-r file' '-w -' '--dev eth0' '--netns no-such-netns'; do
	# shellcheck disable=SC2086 # words
	tp trace $option -- true
	expect_status 2
done
tp trace 'no filter' -- touch "$work/ran"
expect_status 2
[ ! -e "$work/ran" ] || fail 'the command ran, though the filter is bad'

echo '== what it gets from us'
inherited="cat; cd /proc/self/fd && echo files *; grep -E '^Sig(Blk|Ign)' /proc/self/status"
sh -c "$inherited" </dev/null >"$work/untraced"
tp trace -o /dev/null -- sh -c "$inherited" </dev/null
expect 'no files and no signals of ours' "$(cat "$work/untraced")" "$(cat "$out")"
echo some words >"$work/in"
status=0
"$TRACEPKT" trace -o /dev/null -- cat <"$work/in" >"$out" 2>"$err" || status=$?
expect 'its input' 'some words' "$(cat "$out")"

echo '== signals'
for signal in "${signals[@]}"; do
	tp_trace --format json -o "$work/shown" -- sh -c 'trap "exit 7" INT TERM; echo up; while :; do sleep 0.1; done'
	wait_for 'the command' has up "$out"
	tp_end "$signal"
	expect_status 7
	expect "$signal: the summary" 1 "$(count_lines '"type":"summary"' "$work/shown")"
done
echo '== Ctrl-C on a terminal comes to the command once'
cat >"$work/terminal.py" <<'END'
import os, pty, re, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen, sent = b"", False
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data: break
    seen += data
    if not sent and b"waits for it" in seen:
        os.write(fd, b"\x03")
        sent = True
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stderr.buffer.write(seen)
print(status, len(re.findall(b"interrupted", seen)), len(re.findall(b"traced 0 packets", seen)))
END
cat >"$work/interrupted.py" <<'END'
import os, signal, sys, time
count = []
signal.signal(signal.SIGINT, lambda *_: (count.append(1), os.write(1, b"interrupted\n")))
print("waits for it", flush=True)
while not count: time.sleep(0.05)
time.sleep(0.5) # a second one would come meanwhile
sys.exit(9)
END
expect 'status, signals, summaries' '9 1 1' \
	"$(timeout "$patience" python3 "$work/terminal.py" "$TRACEPKT" trace -- python3 "$work/interrupted.py")"

echo '== it goes on when the tracing is over'
tp trace -o "$work/shown" --duration 0.2 -- sh -c 'sleep 1; echo done; exit 5'
expect_status 5
expect 'to its end' 'done' "$(cat "$out")"

# shellcheck shell=bash
# Names that are no words: of interfaces and of namespaces, in every format.
. "$(dirname "$0")/lib.sh"

netns plain
number=1

# No control characters but the end of a line, and nothing that is not UTF-8.
is_clean() { # what file
	if LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$2"; then
		fail "$1: raw control bytes"
		cat -A "$2" | head -20
	fi
	iconv -f UTF-8 -t UTF-8 "$2" >/dev/null 2>&1 || { fail "$1: not UTF-8" && cat -A "$2" | head -20; }
}

# The column of each row's INTERFACE begins where it does in the heading.
columns_line_up() { # what
	local column
	column=$(python3 - "$out" <<-'END'
		import sys, unicodedata
		def width(text):
		    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
		lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
		heading = next(l for l in lines if l.startswith("  NAMESPACE"))
		at = heading.index("STAGE")
		for line in lines:
		    if not line.startswith("  ") or line == heading or line.startswith(("  <-", "      ", "  not seen: ")): continue
		    seen = 0
		    for i, c in enumerate(line):
		        if seen == at:
		            if line[i-2:i] != "  " or line[i] == " ": print(repr(line))
		            break
		        seen += width(c)
	END
	)
	expect "$1: columns line up (rows that do not)" '' "$column"
}

check() { # what target netns device
	local rows
	echo "== $1"
	tp ping -c1 --netns plain --format json "$2"
	expect_status 0
	is_clean "$1, json" "$out"
	jq -nr "first(inputs | select(.type == \"journey\") | .hops[] | select(.stage == \"rx\")) | .netns.name" "$out" >"$work/netns"
	printf '%s\n' "$3" | cmp -s - "$work/netns" || { fail "$1: the namespace's name" && printf '%s\n' "$3" | cat -A - "$work/netns"; }
	jq -nr "first(inputs | select(.type == \"journey\") | .hops[] | select(.stage == \"rx\")) | .dev.name" "$out" >"$work/device"
	printf '%s\n' "$4" | cmp -s - "$work/device" || { fail "$1: the interface's name" && printf '%s\n' "$4" | cat -A - "$work/device"; }

	tp ping -c1 --netns plain "$2"
	expect_status 0
	is_clean "$1, table" "$out"
	columns_line_up "$1"

	tp ping -c1 --netns plain --format classic "$2"
	expect_status 0
	is_clean "$1, classic" "$out"
	rows=$(grep -c '^\[ *[0-9]*\] ' "$out" || true)
	expect "$1: rows of classic" 4 "$rows"
}

# A namespace and a cable to it from "plain"; then a ping.
try() { # what netns device
	local ours=p$number subnet=${net4%.*}.$number
	if ! { ip netns add "$2" && ip -n "$2" link set lo up; } 2>"$work/error"; then
		without "$1: ip netns add refuses it: $(head -1 "$work/error" | tr -dc '[:print:]')"
		return 0
	fi
	# Made under another name: ip(8) takes some for its own words.
	ip -n plain link add name $ours type veth peer name tmp netns "$2"
	ip -n plain link set dev $ours up
	if ! rename "$2" "$3" 2>"$work/error"; then
		without "$1: the kernel refuses the name: $(tail -1 "$work/error" | tr -dc '[:print:]')"
		ip -n plain link del dev $ours
		return 0
	fi
	address plain $ours "$subnet.1/24"
	check "$1" "$subnet.2" "$2" "$3"
	number=$((number + 1))
}

# By netlink itself, with an address, for ip(8) has an opinion on names.
rename() { # netns device
	at "$1" python3 - "$2" "${net4%.*}.$number.2" <<-'END'
		import os, socket, struct, sys
		name, address = os.fsencode(sys.argv[1]), socket.inet_aton(sys.argv[2])
		s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
		index = socket.if_nametoindex("tmp")
		def attribute(kind, data):
		    return struct.pack("HH", len(data) + 4, kind) + data + b"\0" * (-len(data) % 4)
		def ask(kind, body):
		    s.send(struct.pack("IHHII", 16 + len(body), kind, 5, 1, 0) + body)
		    error = struct.unpack("i", s.recv(8192)[16:20])[0]
		    if error: raise SystemExit(os.strerror(-error))
		ask(16, struct.pack("BxHiII", 0, 0, index, 0, 0) + attribute(3, name + b"\0"))
		ask(16, struct.pack("BxHiII", 0, 0, index, 1, 1))
		ask(20, struct.pack("BBBBI", 2, 24, 0, 0, index) + attribute(1, address) + attribute(2, address))
	END
}

# Each in one go what would take a run of its own. The kernel lets no interface have a % or a space in its name.
try 'all the room there is' "$(printf 'n%.0s' {1..200})" eth456789012345
if [ -z "$brief" ]; then # what of them depends on the kernel is which it takes
try 'accents, one of them a character of its own' $'namé e\u0301x' $'eé\u03010'
try 'wide characters' '容器' '網卡0'
try 'formats, JSON' '%s%n%x {"a":1}' '{},[]"'
# shellcheck disable=SC2016 # that it is not run is what is tested
try 'a shell, markup' '$(id)`id`;<b>x&y"' '$(id);<b>"'\'
fi
try 'escape sequences' $'\e[31mred' $'e\e[31m0'
try 'control characters' $'a\x01\x7f\r\nb\t' $'a\\\x01\x7fb'
[ -n "$brief" ] || try 'the other direction, C1 control characters' $'a\u202eb\u009b' $'a\u202eb\u009b'
try 'digits' 4026531840 12345
try 'a dash' -n -e

# The kernel takes any bytes; those that are no UTF-8 must not make the JSON invalid.
echo '== not UTF-8'
ip netns add bytes
ip -n bytes link set lo up
ip -n plain link add name px type veth peer name tmp netns bytes
ip -n plain link set dev px up
number=99
if rename bytes $'e\xff\xfe' 2>"$work/error"; then
	address plain px "${net4%.*}.99.1/24"
	tp ping -c1 --netns plain --format json "${net4%.*}.99.2"
	expect_status 0
	is_clean 'not UTF-8, json' "$out"
	expect_json 'it is JSON' 2 'journeys | length'
	tp ping -c1 --netns plain "${net4%.*}.99.2"
	is_clean 'not UTF-8, table' "$out"
else
	without "bytes that are no UTF-8: $(tail -1 "$work/error")"
fi

# The host as it was given is printed as well.
tp ping -c1 $'\e[31mno\nhost'
expect_status 2
is_clean 'the host in an error' "$err"
tp trace $'icmp \e[31m'
expect_status 2
is_clean 'the filter in an error' "$err"
tp $'--\e[31m\n'
expect_status 2
is_clean 'an option in an error' "$err"
tp ping -c1 --netns $'\e[31m' 127.0.0.1
expect_status 2
is_clean 'a namespace in an error' "$err"

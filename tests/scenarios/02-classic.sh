# shellcheck shell=bash
# --format classic: the first tracepkt's lines, byte for byte.
. "$(dirname "$0")/lib.sh"

bridge_network web
outer=$(netns_inode outer) web=$(netns_inode web)

row() { # inode device type addresses
	printf '[%12s] %16s %7s %-34s\n' "$@"
}

classic() { # ours theirs
	echo '    NETWORK NS        INTERFACE    TYPE ADDRESSES                          IPTABLES'
	row "$outer" br0 request "$1 -> $2"
	row "$outer" v-web request "$1 -> $2"
	row "$web" eth0 request "$1 -> $2"
	row "$web" eth0 reply "$2 -> $1"
	row "$outer" v-web reply "$2 -> $1"
	row "$outer" br0 reply "$2 -> $1"
}

same_lines() { # what ours theirs
	classic "$2" "$3" >"$work/expected"
	cmp -s "$work/expected" "$out" && return
	fail "$1 (< expected, > got)"
	diff "$work/expected" "$out" | cat -A || true
}

tp ping -c1 --format classic "$net4.2"
expect_status 0
same_lines 'IPv4' "$net4.1" "$net4.2"
expect_line 'the statistics are on stderr' '^1 packets transmitted, 1 received' "$err"

tp ping -c1 --format classic "$net6::2"
expect_status 0
same_lines 'IPv6' "$net6::1" "$net6::2"

tp ping -c3 -i 0.01 --format classic "$net4.2"
expect_status 0
expect 'header lines of three pings' 1 "$(count_lines 'NETWORK NS' "$out")"
expect 'rows of three pings' 18 "$(count_lines '^\[' "$out")"

# One that is not answered has its rows nevertheless.
tp ping -c1 -W 0.2 --format classic "$net4.99"
expect_status 1
expect 'the header is there' 1 "$(count_lines 'NETWORK NS' "$out")"
expect 'no reply' 0 "$(count_lines reply "$out")"

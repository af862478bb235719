# shellcheck shell=bash
# -I interface or address, -m mark: the packet takes the way that the routing rules then give it.
. "$(dirname "$0")/lib.sh"

base=${net4%.*}
netns far
for i in 0 1; do
	cable outer up$i far eth$i
	address outer up$i "$base.$i.1/24" "$net6:$i::1/64"
	address far eth$i "$base.$i.2/24" "$net6:$i::2/64"
done
address far lo "$base.9.9/32" "$net6:9::9/128"
# As a rule by the first one; marked 7, by the second.
route outer "$base.9.9" via "$base.0.2"
route outer "$net6:9::9" via "$net6:0::2"
ip route add "$base.9.9" via "$base.1.2" table 100
ip -6 route add "$net6:9::9" via "$net6:1::2" table 100
ip rule add fwmark 7 table 100
ip -6 rule add fwmark 7 table 100
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.up0.rp_filter=0 net.ipv4.conf.up1.rp_filter=0
at far sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0

for target in "$base.9.9" "$net6:9::9"; do
	tp ping -c1 --format json "$target"
	expect_status 0
	expect_json "$target: unmarked" 'outer up0 tx, far eth0 rx' 'requests[0] | crossings'

	for mark in 7 0x7; do
		tp ping -c1 -m $mark --format json "$target"
		expect_status 0
		expect_json "$target: -m $mark" 'outer up1 tx, far eth1 rx' 'requests[0] | crossings'
		expect_json "$target: the mark is told" 7 'requests[0].packet.mark'
	done

	address=$([[ $target == *:* ]] && echo "$net6:1::1" || echo "$base.1.1")
	tp ping -c1 -I "$address" --format json "$target"
	expect_status 0
	expect_json "$target: -I $address" "$address" 'requests[0].packet.src'

	ip rule add oif up1 table 100 2>/dev/null && ip -6 rule add oif up1 table 100
	tp ping -c1 -I up1 --format json "$target"
	expect_status 0
	expect_json "$target: -I up1" 'outer up1 tx, far eth1 rx' 'requests[0] | crossings'
	ip rule del oif up1 table 100
	ip -6 rule del oif up1 table 100
done

tp ping -c1 -I "$base.77.77" "$base.9.9"
expect_status 2
expect_line 'an address that is not ours' "$base.77.77" "$err"

# Link-local addresses: by -I or by the zone.
link_local=$(ip -n far -j -6 addr show dev eth1 scope link | jq -r '.[].addr_info[]? | select(.local) | .local' | head -1)
wait_for 'the link-local address to be usable' ping -c1 -W2 "$link_local%up1"
tp ping -c1 --format json "$link_local%up1"
expect_status 0
expect_json 'link-local with its zone' 'outer up1 tx, far eth1 rx' 'requests[0] | crossings'
tp ping -c1 -I up1 --format json "$link_local"
expect_status 0
expect_json 'link-local with -I' 'outer up1 tx, far eth1 rx' 'requests[0] | crossings'

# shellcheck shell=bash
# Namespaces that nobody has named, the initial one, and -n.
. "$(dirname "$0")/lib.sh"

bridge_network web

echo '== a namespace of a process'
unshare --net busybox sleep 600 &
pid=$!
outer=$(netns_inode outer)
wait_for 'its namespace' sh -c "[ \"\$(stat -L -c %i /proc/$pid/ns/net)\" != $outer ] && grep -qs sleep /proc/$pid/comm /proc/$pid/cmdline"
ip link add name own type veth peer name eth0 netns "$pid"
address outer own "${net4%.*}.251.1/24"
ip link set dev own up
nsenter --net="/proc/$pid/ns/net" ip addr add "${net4%.*}.251.2/24" dev eth0
nsenter --net="/proc/$pid/ns/net" ip link set dev eth0 up
name="$(cat "/proc/$pid/comm")($pid)"
tp ping -c1 --format json "${net4%.*}.251.2"
expect_status 0
expect_json 'its name' "$name eth0 rx" '[requests[0].hops[] | select(.stage == "rx") | words][0]'
tp ping -c1 "${net4%.*}.251.2"
expect 'its name in the table' "$name" "$(awk '$2 == "eth0" && $3 == "rx" { print $1 }' "$out")"

echo '== the initial namespace'
tp ping -c1 --netns host --format json 127.0.0.1
expect_status 0
expect_json 'its name' 'host lo tx, host lo rx' 'requests[0] | crossings'
expect_json 'its inode' "$(stat -L -c %i "$initial_netns")" 'requests[0].hops[0].netns.inode'
# A cable from there to web, for the other's view.
device=${TRACEPKT_SCENARIO}x
at_exit "nsenter --net=$initial_netns ip link del dev $device"
ip -n web link add name tohost type veth peer name "$device" netns "$TRACEPKT_RUNNER"
nsenter --net="$initial_netns" ip addr add "${net4%.*}.252.1/30" dev "$device"
nsenter --net="$initial_netns" ip link set dev "$device" up
address web tohost "${net4%.*}.252.2/30"
ip -n web link set dev tohost up
tp ping -c1 --netns host --format json "${net4%.*}.252.2"
expect_status 0
expect_json 'from the initial namespace' "host $device tx, web tohost rx" 'requests[0] | crossings'
expect_json 'and back' "web tohost tx, host $device rx" 'replies[0] | crossings'
nsenter --net="$initial_netns" ip link del dev "$device"

echo '== -n'
tp ping -c1 -n --format json "$net4.2"
expect_status 0
expect_json 'no names' null '[.[] | select(.type == "journey") | .hops[].netns.name] | unique | map(tostring) | join(" ")'
expect_json 'but inodes' "$(netns_inode web)" '[requests[0].hops[] | select(.stage == "rx") | .netns.inode | tostring][0]'
tp ping -c1 -n "$net4.2"
expect_line 'the inode in the table' "^  [^ ].*$(netns_inode web).* eth0 +rx " "$out"

echo '== a name that changes hands'
ip netns del web
at_bridge web v-new eth0 "$net4.2/24"
ping -q -c1 -W5 "$net4.2" >/dev/null
tp ping -c1 --format json "$net4.2"
expect_status 0
expect_json 'the new one is meant' "web $(netns_inode web)" 'requests[0].outcome.netns | "\(.name) \(.inode)"'

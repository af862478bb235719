# shellcheck shell=bash
# Real Docker: a ping to a container by its docker0 and veth, and back; the container is called by its name.
. "$(dirname "$0")/lib.sh"

for program in dockerd docker containerd busybox; do
	command -v $program >/dev/null || skip "there is no $program (packages docker.io, busybox-static)"
done
[ "$(findmnt -n -o FSTYPE /sys/fs/cgroup)" = cgroup2 ] || skip 'no cgroup2 at /sys/fs/cgroup'
modprobe -qa overlay br_netfilter iptable_nat ip_tables nft_compat nf_nat xt_conntrack xt_MASQUERADE xt_addrtype 2>/dev/null || true
iptables -t nat -L -n >/dev/null 2>"$work/iptables" ||
	skip "no iptables for Docker: $(head -1 "$work/iptables")"

state=$work/docker
mkdir -p "$state"
mount -t tmpfs docker "$state"
mkdir -p "$state"/{data,exec,image/bin} /var/lib/docker /var/run
export DOCKER_HOST=unix://$state/docker.sock
# In the namespaces of this scenario, with nothing of its own outside of $state.
start_docker() {
	dockerd --storage-driver vfs --data-root "$state/data" --exec-root "$state/exec" --pidfile "$state/pid" \
		--host "$DOCKER_HOST" --bip "$net4.1/24" --config-file "$state/none" >"$work/dockerd" 2>&1 &
	dockerd=$!
}
stop_docker() {
	kill "$dockerd" 2>/dev/null || return 0
	wait "$dockerd" || true
	umount -l "$state" || true
}
at_exit stop_docker
echo '{}' >"$state/none"
start_docker
patience=240
is_up_or_gone() { is_gone "$dockerd" || docker version; }
wait_for 'dockerd' is_up_or_gone
if is_gone "$dockerd"; then
	skip "dockerd does not run here: $(grep -oE 'failed to start daemon.*|msg=.*' "$work/dockerd" | tail -1)"
fi

cp "$(command -v busybox)" "$state/image/bin/busybox"
tar -C "$state/image" -c . | docker import - box >/dev/null
# Not in the background: the client waits until the container runs.
docker run -d --name web --hostname www box /bin/busybox sleep 3600 >/dev/null || {
	show "$work/dockerd"
	give_up 'docker run failed'
}
at_exit 'docker rm -f web'
target=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' web)
pid=$(docker inspect -f '{{.State.Pid}}' web)
inode=$(stat -L -c %i "/proc/$pid/ns/net")
veth=$(ip -o link show master docker0 | sed -n 's/^[0-9]*: \([^@:]*\).*/\1/p')

tp ping -c1 --format json "$target"
expect_status 0
expect_json 'the way of the request' \
	"outer docker0 tx, outer $veth tx, web eth0 rx, web eth0 in, web eth0 deliver" 'requests[0] | way'
expect_json 'the way of the reply' \
	"web eth0 tx, outer $veth rx, outer docker0 rx, outer docker0 in, outer docker0 deliver" 'replies[0] | way'
expect_json "the container's namespace" "$inode web" 'requests[0].outcome.netns | "\(.inode) \(.name)"'

# From inside of it, by its name and by its id.
for name in web "$(docker inspect -f '{{.Id}}' web | cut -c1-12)"; do
	tp ping -c1 --netns "$name" --format json "$net4.1"
	expect_status 0
	expect_json "from --netns $name" "web eth0 tx, outer $veth rx, outer docker0 rx" 'requests[0] | crossings'
done

tp ping -c1 "$target"
expect_line 'the table has its name' '^  web +eth0 +rx ' "$out"

docker rm -f web >/dev/null

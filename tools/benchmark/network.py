"""Where the bench sends: two network namespaces of its own, and how it runs what it runs."""

import atexit
import contextlib
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys

SENDER, RECEIVER, PORT = "10.99.0.1", "10.99.0.2", 6001


def fail(words):
    sys.exit(f"bench: {words}")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, **options).stdout


def die_with_parent():
    """For a child, before its exec: nothing that the bench started outlives it, however it ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Network:
    """Namespace A: br0 with the veth's one end as its port. Namespace B: the other end."""

    def __init__(self):
        self.remove_leftovers()
        self.a, self.b = f"tpbench-{os.getpid()}-a", f"tpbench-{os.getpid()}-b"
        atexit.register(self.remove)
        for name in (self.a, self.b):
            run("ip", "netns", "add", name)
            for scope in ("all", "default"):
                run("ip", "netns", "exec", name, "sysctl", "-qw", f"net.ipv6.conf.{scope}.disable_ipv6=1")
        in_a, in_b = ("ip", "-n", self.a), ("ip", "-n", self.b)
        run(*in_a, "link", "add", "br0", "type", "bridge")
        run(*in_a, "link", "add", "veth0", "type", "veth", "peer", "name", "eth0", "netns", self.b)
        run(*in_a, "link", "set", "veth0", "master", "br0")
        for ip, names in ((in_a, ("lo", "veth0", "br0")), (in_b, ("lo", "eth0"))):
            for name in names:
                run(*ip, "link", "set", name, "up")
        run(*in_a, "addr", "add", f"{SENDER}/24", "dev", "br0")
        run(*in_b, "addr", "add", f"{RECEIVER}/24", "dev", "eth0")
        # No address resolution in the middle of a measurement.
        for ip, dev, peer, peer_ip, peer_dev in ((in_a, "br0", RECEIVER, in_b, "eth0"), (in_b, "eth0", SENDER, in_a, "br0")):
            mac = json.loads(run(*peer_ip, "-j", "link", "show", "dev", peer_dev))[0]["address"]
            run(*ip, "neigh", "replace", peer, "lladdr", mac, "dev", dev, "nud", "permanent")

    @staticmethod
    def remove_leftovers():
        """What a bench left that was killed hard."""
        for path in pathlib.Path("/run/netns").glob("tpbench-*-?"):
            pid = path.name.split("-")[1]
            if not pathlib.Path(f"/proc/{pid}").exists():
                subprocess.run(["ip", "netns", "del", path.name], check=False)

    def remove(self):
        for name in (self.a, self.b):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@contextlib.contextmanager
def first_in_line():
    """While it lasts, this session comes before the machine's other work; flood and tracer stay equals."""
    group = pathlib.Path("/proc/self/autogroup")
    before = None
    with contextlib.suppress(OSError, ValueError, IndexError):
        before = int(group.read_text().split()[-1])
        group.write_text("-20")
    try:
        yield before is not None
    finally:
        if before is not None:
            with contextlib.suppress(OSError):
                group.write_text(str(before))

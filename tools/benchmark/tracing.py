"""The flood with and without tracers, by turns; what the programs cost in the kernel; the start."""

import contextlib
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from benchmark.kernel_times import BpfStats, bpf_runs
from benchmark.network import PORT, RECEIVER, Network, die_with_parent, run
from benchmark.tracer import Tracer, summary_of


class Bench:
    def __init__(self, options):
        self.options = options
        self.tracepkt, self.flood, self.floor = options.tracepkt, options.flood, options.floor
        self.network = Network()
        self.folder = tempfile.TemporaryDirectory(prefix="tracepkt-bench-")

    def flood_once(self, seconds=None, count=None):
        command = [self.flood, "--from", self.network.a, "--to", self.network.b, "--seconds", str(seconds or self.options.seconds),
                   *(["--count", str(count)] if count else []), RECEIVER, str(PORT)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=die_with_parent,
                              timeout=60 + (seconds or self.options.seconds))
        return json.loads(done.stdout)

    def tracers(self):
        """(key, label, command, the word on stderr that says it is ready, seconds to settle, has a summary)"""
        trace = [self.tracepkt, "trace"]
        net, skb = "tracepoint:net:", "tracepoint:skb:"
        script = (f'{net}net_dev_queue, {net}netif_rx, {net}netif_receive_skb '
                  f'{{ printf("%s %p\\n", str(args->name), args->skbaddr); }} '
                  f'{skb}consume_skb {{ printf("- %p\\n", args->skbaddr); }}')
        # perf and bpftrace want tracefs, mounted where nobody else sees it.
        tracefs = ["unshare", "-m", "sh", "-c",
                   'mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing; exec "$@"', "-"]
        events = ["net:net_dev_queue", "net:netif_rx", "net:netif_receive_skb", "skb:consume_skb"]
        perf = [word for event in events for word in ("-e", event)]
        yield "none", "no tracer", None, None, 0, False
        yield "floor", "programs that do nothing, at the same hooks", [self.floor], "attached", 0, False
        yield "miss_tcp", "trace tcp port 9: nothing matches", trace + ["tcp", "port", "9"], "tracing", 0, True
        yield "miss_icmp", "trace icmp or icmp6: nothing matches", trace + ["icmp", "or", "icmp6"], "tracing", 0, True
        yield "ping", "ping beside the flood, 5 a second", [self.tracepkt, "ping", "-i", "0.2", "--netns", self.network.a, RECEIVER], None, 1, True
        yield "hit_table", f"trace udp port {PORT}: everything matches, table", trace + ["udp", "port", str(PORT)], "tracing", 0, True
        yield "hit_json", "the same, JSON", trace + ["--format", "json", "udp", "port", str(PORT)], "tracing", 0, True
        file = str(pathlib.Path(self.folder.name) / "flood.pcapng")
        yield "hit_write", "the same, table and -w FILE", trace + ["-w", file, "udp", "port", str(PORT)], "tracing", 0, True
        yield "bpftrace", "bpftrace, 4 tracepoints, printf", tracefs + ["bpftrace", "-e", script], None, 3, False
        yield "perf_record", "perf record, 4 tracepoints", tracefs + ["perf", "record", "-q", "-a", "-o", "/dev/null", *perf], None, 1.5, False
        yield "perf_trace", "perf trace, 4 tracepoints", tracefs + ["perf", "trace", "-a", *perf], None, 1.5, False
        yield "pwru_miss", "pwru, tcp and port 9: nothing matches", ["pwru", "tcp and port 9"], "Listening", 0, False
        yield "pwru", f"pwru, udp and port {PORT}", ["pwru", f"udp and port {PORT}"], "Listening", 0, False

    def is_there(self, key):
        tool = {"perf_record": "perf", "perf_trace": "perf", "pwru_miss": "pwru"}.get(key, key)
        return tool not in ("bpftrace", "perf", "pwru") or shutil.which(tool) is not None

    def one(self, key, command, ready, settle_s, has_summary):
        if command is None:
            return {"flood": self.flood_once()}
        tracer = Tracer(command, ready, settle_s)
        cpu_s = 0.0
        try:
            before_s = tracer.cpu_s()
            flood = self.flood_once()
            if tracer.process.poll() is not None:
                raise RuntimeError(f"{key}: the tracer ended early: {tracer.error_text().strip()[-400:]}")
            cpu_s, peak_kb = tracer.cpu_s() - before_s, tracer.peak_kb()
        finally:
            text = tracer.stop()
            for file in pathlib.Path(self.folder.name).iterdir():
                file.unlink()
        result = {"flood": flood, "ready_ms": round(tracer.ready_ms, 1) if ready else None, "cpu_s": round(cpu_s, 2),
                  "peak_kb": peak_kb, "output_bytes": tracer.output_bytes}
        if has_summary:
            result["summary"] = summary_of(text, "json" in command)
        return result

    def rounds(self):
        results = {}
        for number in range(self.options.rounds):
            for key, label, command, ready, settle_s, has_summary in self.tracers():
                if self.options.only and key not in self.options.only and key != "none":
                    continue
                entry = results.setdefault(key, {"label": label, "runs": []})
                if not self.is_there(key):
                    entry["absent"] = "not installed"
                    continue
                if "absent" in entry:
                    continue
                try:
                    entry["runs"].append(self.one(key, command, ready, settle_s, has_summary))
                except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                    if key == "none":
                        raise
                    entry["absent"] = "failed: " + " ".join(str(error).split())[:300]
                    entry["runs"].clear()
                    continue
                rate = entry["runs"][-1]["flood"]["sent_per_s"]
                print(f"round {number + 1}: {label}: {rate:,.0f}/s", file=sys.stderr)
        return results

    def programs(self):
        """In-kernel nanoseconds per program, in a run of its own: counting them costs something, too."""
        found = {}
        with BpfStats() as stats:
            if stats.fd < 0:
                return None
            for key, _, command, ready, settle_s, _ in self.tracers():
                if not ready or "tracepkt" not in command[0] or self.options.only and key not in self.options.only:
                    continue
                tracer = Tracer(command, ready, settle_s)
                try:
                    self.flood_once()
                    runs = bpf_runs(tracer.process.pid)
                finally:
                    tracer.stop()
                found[key] = {name: {"runs": runs, "ns": round(ns / runs, 1), "missed": missed}
                              for name, (runs, ns, missed) in sorted(runs.items()) if runs}
        return found

    # What packets meet beside a flood of UDP: resolution of an address, echoes, a connection, one that is refused, a port where
    # nobody listens.
    LISTENER = """
import socket
listener = socket.create_server(("{receiver}", 7001))
print("ready", flush=True)
peer, _ = listener.accept()
while peer.recv(65536):
    pass
"""
    SENDER_OF_ALL = """
import socket
with socket.create_connection(("{receiver}", 7001), 5) as peer:
    for _ in range(200):
        peer.sendall(b"x" * 4000)
nobody = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
nobody.connect(("{receiver}", 7003))
for _ in range(200):
    refused = socket.socket()
    refused.connect_ex(("{receiver}", 7002))
    refused.close()
    try:
        nobody.send(b"x")
    except OSError:
        pass
"""

    def exercise(self):
        """One of everything that the programs beside those of the flood wait for."""
        inside = ("ip", "netns", "exec")
        for command in (("ip", "-n", self.network.a, "neigh", "flush", "dev", "br0", "nud", "permanent"),
                        (*inside, self.network.a, "ping", "-q", "-c", "200", "-i", "0.002", RECEIVER)):
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                run(*command, timeout=30)
        server = subprocess.Popen([*inside, self.network.b, sys.executable, "-c", self.LISTENER.format(receiver=RECEIVER)],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        try:
            server.stdout.readline()
            run(*inside, self.network.a, sys.executable, "-c", self.SENDER_OF_ALL.format(receiver=RECEIVER), timeout=30)
        finally:
            server.kill()
            server.wait()

    def probes(self):
        """Nanoseconds of each program that `trace` attaches by default: with a filter that matches nothing, and with none."""
        if self.options.only and "probes" not in self.options.only:
            return {}
        found = {}
        chain = "table inet bench { chain out { type filter hook output priority 0; } }"
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            run("ip", "netns", "exec", self.network.a, "nft", chain)  # goes with the namespace
        with BpfStats() as stats:
            if stats.fd < 0:
                return None
            for column, words in (("nothing", ["tcp", "port", "9"]), ("everything", [])):
                tracer = Tracer([self.tracepkt, "trace", *words], "tracing")
                try:
                    self.flood_once(min(self.options.seconds, 1))
                    self.exercise()
                    runs = bpf_runs(tracer.process.pid)
                finally:
                    tracer.stop()
                for name, (count, ns, missed) in runs.items():
                    found.setdefault(name, {})[column] = {"runs": count, "ns": round(ns / count, 1) if count else None, "missed": missed}
        return dict(sorted(found.items()))

    def start_up(self):
        """Milliseconds from exec to ready, on an otherwise idle network."""
        times = {"trace": [], "ping": []}
        for _ in range(3 if self.options.quick else 10):
            tracer = Tracer([self.tracepkt, "trace", "icmp", "or", "icmp6"], "tracing")
            tracer.stop()
            times["trace"].append(round(tracer.ready_ms, 1))
            begin = time.monotonic()
            subprocess.run([self.tracepkt, "ping", "-c1", "--netns", self.network.a, RECEIVER], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=60, check=False, preexec_fn=die_with_parent)
            times["ping"].append(round((time.monotonic() - begin) * 1000, 1))
        return times


def median_ratio(entry, base, value):
    """The median over the rounds of what this tracer leaves of its round's untraced value."""
    pairs = [(value(run["flood"]), value(untraced["flood"])) for run, untraced in zip(entry["runs"], base["runs"])]
    ratios = [traced / untraced for traced, untraced in pairs if untraced]
    return statistics.median(ratios) if ratios else None


def evaluate(results):
    base = results["none"]
    for entry in results.values():
        if not entry["runs"]:
            continue
        floods = [run["flood"] for run in entry["runs"]]
        entry["sent_per_s"] = statistics.median(flood["sent_per_s"] for flood in floods)
        entry["received_per_s"] = statistics.median(flood["received_per_s"] for flood in floods)
        entry["sender_cpu_ns"] = statistics.median(flood["sender_cpu_ns"] for flood in floods)
        entry["throughput_ratio"] = median_ratio(entry, base, lambda flood: flood["sent_per_s"])
        entry["cpu_ratio"] = median_ratio(entry, base, lambda flood: flood["sender_cpu_ns"])
        summaries = [run["summary"] for run in entry["runs"] if run.get("summary")]
        if summaries:
            entry["summary"] = {key: sum(summary.get(key, 0) for summary in summaries)
                                for key in ("packets", "events", "lost", "not_shown", "lost_sight")}
        if "cpu_s" in entry["runs"][0]:
            entry["peak_kb"] = max(run["peak_kb"] for run in entry["runs"])
            entry["cpu_s"] = statistics.median(run["cpu_s"] for run in entry["runs"])

"""The user side alone: events a second on one core, and what memory a large capture takes to read."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

from benchmark.network import die_with_parent, fail, run
from benchmark.tracer import summary_of

# Packets in the file and in the one ten times as large: some 50 and 500 MB.
PACKETS, TIMES = 40_000, 10


def benchmarks(program, quick):
    """{what: so many a second of CPU}, the best of some; empty where Google Benchmark was not there when it was built."""
    if not os.access(program, os.X_OK):
        return {}
    command = [program, "--benchmark_format=json", f"--benchmark_min_time={0.1 if quick else 0.5}", "--benchmark_repetitions=3"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600, preexec_fn=die_with_parent)
    best = {}
    for one in json.loads(done.stdout)["benchmarks"]:
        if one.get("run_type", "iteration") == "iteration":
            name = one["run_name"].replace("_", " ").replace("/", " ")
            best[name] = max(best.get(name, 0), round(one["items_per_second"]))
    return best


def peak_kb_of(process):
    """What memory it has had at most, until it ends. Not what wait4() says, where what Python has counts too."""
    peak_kb = 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        with contextlib.suppress(OSError, AttributeError):
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            peak_kb = int(re.search(r"VmHWM:\s+(\d+)", status).group(1))
        time.sleep(0.005)
    return peak_kb


def read(label, command, path):
    """Its output goes nowhere; how many events there were is among its errors."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, preexec_fn=die_with_parent)
        peak_kb = peak_kb_of(process)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    if process.returncode != 0:
        fail(f"{' '.join(command)}: {text.strip()[-400:]}")
    events, cpu_s = summary_of(text, False)["events"], usage.ru_utime + usage.ru_stime
    return {"what": label, "file_mb": round(path.stat().st_size / 1e6), "events": events, "events_per_s": round(events / cpu_s), "peak_kb": peak_kb}


def reading(tracepkt, maker, quick):
    """What a file takes to read, and one ten times as large."""
    found = []
    with tempfile.TemporaryDirectory(prefix="tracepkt-bench-") as folder:
        for packets in (PACKETS, PACKETS * TIMES):
            path = pathlib.Path(folder) / "it.pcapng"
            run(maker, path, packets // (2 if quick else 1))
            classic = ["trace", "-r", str(path), "--format", "classic"]
            for label, command in (("trace -r, none of them chosen", [*classic, "tcp", "port", "9"]), ("trace -r, classic", classic),
                                   ("report -r", ["report", "-r", str(path), "-o", "-"])):
                found.append(read(label, [tracepkt, *command], path))
            path.unlink()
    return found


def memory_ratio(found):
    """By how much the large file takes more memory than the small one, at worst."""
    half = len(found) // 2
    return max(large["peak_kb"] / small["peak_kb"] for small, large in zip(found[:half], found[half:]))

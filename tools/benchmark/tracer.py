"""A tracer under way, and what it says of itself in the end."""

import contextlib
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import tempfile
import threading
import time

from benchmark.network import die_with_parent


class Tracer:
    """A tracer under way. Its output goes into a pipe whose end is thrown away without being copied."""

    KEEP = 1 << 16

    def __init__(self, command, ready=None, settle_s=0.0):
        self.stderr = tempfile.TemporaryFile()
        read_end, write_end = os.pipe()
        with contextlib.suppress(OSError):
            import fcntl
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 1 << 20)
        self.begin = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=write_end, stderr=self.stderr, preexec_fn=die_with_parent)
        os.close(write_end)
        self.output_bytes, self.tail = 0, b""
        self.dying, self.keeping = threading.Event(), threading.Event()
        self.drain = threading.Thread(target=self._drain, args=(read_end,), daemon=True)
        self.drain.start()
        try:
            self._wait_ready(ready)
            time.sleep(settle_s)
        except BaseException:
            self.process.kill()
            raise

    def _drain(self, fd):
        null = os.open("/dev/null", os.O_WRONLY)
        try:
            count = 1
            while count and not self.dying.is_set():
                if select.select([fd], [], [], 0.02)[0]:
                    # The pipe's pages move to /dev/null as they are.
                    count = os.splice(fd, null, 1 << 20)
                    self.output_bytes += count
            self.keeping.set()
            while data := os.read(fd, 1 << 20):
                self.output_bytes += len(data)
                self.tail = (self.tail + data)[-self.KEEP:]
        finally:
            os.close(fd)
            os.close(null)

    def error_text(self):
        # Its position is shared with the tracer: read without moving it.
        return os.pread(self.stderr.fileno(), 1 << 20, 0).decode(errors="replace")

    def _wait_ready(self, ready):
        while ready and ready not in self.error_text():
            if self.process.poll() is not None or time.monotonic() > self.begin + 60:
                raise RuntimeError(f"{' '.join(self.process.args)}: not ready: {self.error_text().strip()[-400:]}")
            time.sleep(0.0005)
        self.ready_ms = (time.monotonic() - self.begin) * 1000

    def peak_kb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+)", status)
        return int(found.group(1)) if found else 0

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.dying.set()
        self.keeping.wait(10)  # from here on, what it says in the end is not thrown away
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.drain.join(60)
        return self.tail.decode(errors="replace")


def summary_of(text, json_output):
    """Events, losses and packets not shown, as the tracer itself tells them in the end."""
    if json_output:
        for line in reversed(text.splitlines()):
            with contextlib.suppress(ValueError):
                summary = json.loads(line)
                if summary.get("type") == "summary":
                    return {"packets": summary["journeys"], "events": summary["events"], "lost": sum(summary["lost"].values()),
                            "lost_by_cause": {cause: n for cause, n in summary["lost"].items() if n},
                            "not_shown": summary.get("not_shown", 0), "lost_sight": summary.get("lost_sight", 0)}
        return {}
    found = re.search(r"traced (\d+) packets?.*?; (\d+) events, (none|\d+)", text)
    if not found:
        return {}
    shown = re.search(r"(\d+) packets were traced but not shown", text)
    sight = re.search(r"(\d+) lost sight of", text)
    return {"packets": int(found.group(1)), "events": int(found.group(2)),
            "lost": 0 if found.group(3) == "none" else int(found.group(3)),
            "not_shown": int(shown.group(1)) if shown else 0, "lost_sight": int(sight.group(1)) if sight else 0}

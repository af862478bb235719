"""The numbers as tables, and which targets they meet."""

import statistics

from benchmark.captures import memory_ratio
from benchmark.network import fail

MARKS = ("<!-- bench: begin (written by tools/bench --markdown) -->", "<!-- bench: end -->")
TARGETS = {"nothing_matches_percent": 5, "everything_matches_percent": 25, "ready_ms": 150, "memory_mb": 50,
           "joined_per_s": 1_000_000, "memory_ratio": 1.5}


def verdicts(data):
    """(what, target, measured, met)"""
    results, start = data["tracers"], data["start_up_ms"]

    def lost_percent(key):
        entry = results.get(key, {})
        return None if not entry.get("runs") else (1 - entry["throughput_ratio"]) * 100

    for key in ("miss_tcp", "miss_icmp"):
        percent = lost_percent(key)
        if percent is not None:
            limit = TARGETS["nothing_matches_percent"]
            yield f"{results[key]['label']}: throughput lost", f"{limit} % at most", f"{percent:.1f} %", percent <= limit
    for key in ("hit_table", "hit_json"):
        percent = lost_percent(key)
        if percent is not None:
            limit = TARGETS["everything_matches_percent"]
            lost = results[key].get("summary", {}).get("lost")
            yield (f"{results[key]['label']}: throughput lost, events lost", f"{limit} % at most, none",
                   f"{percent:.1f} %, {'unknown' if lost is None else f'{lost:,}'}", percent <= limit and lost == 0)
    written = results.get("hit_write", {}).get("summary")
    if written:
        yield "trace -w: events lost", "none", f"{written['lost']:,}", written["lost"] == 0
    if data["captures"].get("events"):
        limit, joined = TARGETS["joined_per_s"], data["captures"]["events"]["read and join"]
        yield "a capture read and joined, events a second on one core", f"{limit:,} at least", f"{joined:,}", joined >= limit
    if data["captures"].get("reading"):
        limit, ratio = TARGETS["memory_ratio"], memory_ratio(data["captures"]["reading"])
        yield "memory to read a capture ten times as large", f"{limit} times at most", f"{ratio:.2f} times", ratio <= limit
    if start:
        limit, ready = TARGETS["ready_ms"], statistics.median(start["trace"])
        yield "trace: exec to ready", f"{limit} ms at most", f"{ready:.0f} ms (best {min(start['trace']):.0f})", ready <= limit
    peaks = [results[key]["peak_kb"] for key in ("hit_table", "hit_json", "miss_tcp") if "peak_kb" in results.get(key, {})]
    if peaks:
        limit, peak = TARGETS["memory_mb"], max(peaks) / 1024
        yield "peak resident memory", f"{limit} MB at most", f"{peak:.0f} MB", peak <= limit


def table(header, rows, markdown):
    if markdown:
        lines = ["| " + " | ".join(header) + " |", "|" + "|".join(["---"] + ["---:"] * (len(header) - 1)) + "|"]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in [header, *rows]) + "\n"


def captures_report(captures, markdown):
    for unit, what in (("events", "the user side alone, on one core"), ("journeys", "a sink alone, on one core")):
        if captures.get(unit):
            yield table([what, f"{unit}/s"], [[name, f"{per_s:,}"] for name, per_s in captures[unit].items()], markdown)
    if captures.get("reading"):
        rows = [[one["what"], f"{one['file_mb']:,} MB", f"{one['events']:,}", f"{one['events_per_s']:,}", f"{one['peak_kb'] / 1024:.0f} MB"]
                for one in captures["reading"]]
        yield table(["reading a capture", "file", "events", "events/s of CPU", "memory"], rows, markdown)


def report(data, markdown):
    results, out = data["tracers"], []
    machine = data["machine"]
    out.append(f"{data['date']}: {machine['cpus']} CPUs ({machine['cpu']}), {machine['memory_gb']} GB, kernel {machine['kernel']}; load "
               f"{machine['load_before']:.1f} before, {machine['load_after']:.1f} after. {data['rounds']} rounds of {data['seconds']:g} s. "
               f"Medians; ratios are to \"no tracer\" of the same round.\n")
    rows = []
    for entry in results.values():
        if "absent" in entry:
            rows.append([entry["label"], entry["absent"], "", "", "", "", "", ""])
            continue
        summary = entry.get("summary")
        rows.append([entry["label"], f"{entry['sent_per_s']:,.0f}", f"{entry['throughput_ratio']:.3f}",
                     f"{entry['sender_cpu_ns']:,.0f}", f"{entry['cpu_ratio']:.3f}",
                     f"{summary['events']:,}" if summary else "-", f"{summary['lost']:,}" if summary else "-",
                     f"{summary['not_shown']:,}" if summary else "-"])
    out.append(table(["tracer", "packets/s", "ratio", "ns of CPU a packet", "ratio", "events", "lost", "not shown"], rows, markdown))
    if data["programs"]:
        for key, programs in data["programs"].items():
            rows = [[name, f"{one['runs']:,}", f"{one['ns']:.0f}", f"{one['missed']:,}"] for name, one in programs.items()]
            total = sum(one["runs"] * one["ns"] for one in programs.values())
            count = sum(one["runs"] for one in programs.values())
            rows.append(["all", f"{count:,}", f"{total / max(count, 1):.0f}", ""])
            out.append(table([f"in the kernel: {results[key]['label']}", "runs", "ns each", "missed"], rows, markdown))
    elif data["programs"] is None:
        out.append("In-kernel times: this kernel does not count them (BPF_ENABLE_STATS, 5.8).\n")
    if data["probes"]:
        def cells(one):
            return [f"{one['runs']:,}", f"{one['ns']:.0f}" if one["ns"] is not None else "-"] if one else ["", ""]
        rows = [[name, *cells(columns.get("nothing")), *cells(columns.get("everything"))] for name, columns in data["probes"].items()]
        out.append(table(["every program of trace", "runs, nothing matches", "ns each", "runs, everything matches", "ns each"], rows, markdown))
    if data["start_up_ms"]:
        rows = [[name, f"{statistics.median(times):.0f} ms", f"{min(times):.0f} ms", f"{max(times):.0f} ms"] for name, times in data["start_up_ms"].items()]
        out.append(table(["exec to ready (trace), to the end (ping -c1)", "median", "best", "worst"], rows, markdown))
    out.extend(captures_report(data["captures"], markdown))
    rows = [[what, target, measured, "met" if met else "MISSED"] for what, target, measured, met in verdicts(data)]
    out.append(table(["target", "to reach", "measured", ""], rows, markdown))
    return "\n".join(out)


def into_document(path, text, command):
    document = path.read_text()
    if MARKS[0] not in document or MARKS[1] not in document:
        fail(f"{path} lacks the lines '{MARKS[0]}' and '{MARKS[1]}'")
    before, rest = document.split(MARKS[0], 1)
    after = rest.split(MARKS[1], 1)[1]
    path.write_text(f"{before}{MARKS[0]}\n`{command}`, {text}{MARKS[1]}{after}")

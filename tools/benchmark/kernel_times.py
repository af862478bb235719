"""What the kernel counts of BPF programs: runs, and nanoseconds of each."""

import contextlib
import ctypes
import os
import pathlib
import platform
import struct


class BpfStats:
    """Lets the kernel count the programs' run time, until this process ends or closes the descriptor."""

    SYS_BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
    BPF_ENABLE_STATS = 32

    def __enter__(self):
        attr = ctypes.create_string_buffer(128)  # type 0: BPF_STATS_RUN_TIME
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.syscall(self.SYS_BPF, self.BPF_ENABLE_STATS, attr, len(attr)) if self.SYS_BPF else -1
        return self

    def __exit__(self, *_):
        if self.fd >= 0:
            os.close(self.fd)


def program_name(number):
    """What a program is called in its object, cut at 15 characters; its number where the kernel does not say."""
    get_fd_by_id, get_info, name_at = 13, 15, 64  # BPF_PROG_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD, bpf_prog_info.name
    bpf = ctypes.CDLL(None, use_errno=True).syscall
    fd = bpf(BpfStats.SYS_BPF, get_fd_by_id, struct.pack("=I124x", int(number)), 128)
    if fd < 0:
        return f"program {number}"
    info = ctypes.create_string_buffer(256)
    try:
        attr = struct.pack("=IIQ112x", fd, len(info), ctypes.addressof(info))
        failed = bpf(BpfStats.SYS_BPF, get_info, attr, 128)
    finally:
        os.close(fd)
    name = info.raw[name_at:name_at + 16].split(b"\0")[0].decode(errors="replace")
    return name if name and not failed else f"program {number}"


def bpf_runs(pid):
    """{hook: (runs, ns, missed)} of a process's programs, from its descriptors; a hook without a tracepoint's name, or with a
    second program, goes by the program's."""
    programs, names = {}, {}
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            info = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
            if "run_time_ns" in info:
                programs[info["prog_id"]] = tuple(int(info.get(key, 0)) for key in ("run_cnt", "run_time_ns", "recursion_misses"))
            elif "tp_name" in info:
                names[info["prog_id"]] = info["tp_name"]
    hooks = list(names.values())
    return {names[number] if hooks.count(names.get(number)) == 1 else program_name(number): values
            for number, values in programs.items()}

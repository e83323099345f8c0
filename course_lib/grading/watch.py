"""Counting what a child's processes use together, from the server in the box.

The kernel's limits on memory count each process alone, and its limit on processes does not bind what
root started. A control group would do both, where one may make any; reading /proc works everywhere.
"""

import os

from course_lib.grading.isolate import PROCESSES

SECONDS = 0.1  # between two looks: time for a fork bomb on two cores to make about a hundred processes
_THREADS = 4 * PROCESSES


def excesses(limits: dict[int, int]) -> dict[int, str]:
    """Return those of the given children (process: bytes of memory) that are beyond a limit, and which limit.

    Empty where there is no /proc.
    """
    if not limits:
        return {}
    families = _families(set(limits))
    own = _own_bytes(os.getpid())  # children share it until they write to it
    found = {}
    for pid, members in families.items():
        threads = sum(_threads(member) for member in members)
        if len(members) > PROCESSES or threads > _THREADS:
            found[pid] = f"it started {max(len(members), threads)} processes or threads"
            continue
        # First what costs little to read, and is too high: pages shared by two are counted twice.
        if sum(_own_bytes(member) for member in members) - own > limits[pid] and len(members) > 1:
            if sum(_proportional_bytes(member) for member in members) > limits[pid]:
                found[pid] = f"its processes used more than {limits[pid] / 2**20:,.0f} MiB together"
    return found


def _families(roots: set[int]) -> dict[int, list[int]]:
    """Each root with all its descendants. Orphans of a child are adopted within its process namespace."""
    parents = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if name.isdigit() and (fields := _fields(name)):
            parents[int(name)] = int(fields[1])
    families: dict[int, list[int]] = {root: [] for root in roots}
    for pid in parents:
        ancestor, steps = pid, 0
        while ancestor not in roots and ancestor in parents and steps < len(parents):
            ancestor, steps = parents[ancestor], steps + 1
        if ancestor in roots:
            families[ancestor].append(pid)
    return families


def _fields(pid: int | str) -> list[str]:
    """/proc/PID/stat after the name, which may hold spaces and brackets: state, parent, …; [] if it is gone."""
    return _read(pid, "stat").rpartition(")")[2].split()


def _threads(pid: int) -> int:
    fields = _fields(pid)
    return int(fields[17]) if len(fields) > 17 else 0


def _own_bytes(pid: int) -> int:
    """Memory that lies in no file: what it has written to, and what it shares with its own processes."""
    return _kibibytes(_read(pid, "status"), "RssAnon:", "RssShmem:")


def _proportional_bytes(pid: int) -> int:
    """A process's share of that; all of it, if it has made itself unreadable."""
    return _kibibytes(_read(pid, "smaps_rollup"), "Pss_Anon:", "Pss_Shmem:") or _own_bytes(pid)


def _kibibytes(text: str, *names: str) -> int:
    lines = (line.split() for line in text.splitlines())
    return sum(int(line[1]) * 1024 for line in lines if len(line) == 3 and line[0] in names)


def _read(pid: int | str, name: str) -> str:
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:  # its name may be any bytes
            return file.read()
    except OSError:
        return ""

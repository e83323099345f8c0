"""The walls around one child, built from inside the box before a line of the student's code runs. Linux only.

The box (see `box`) is a user, a network and a file system of its own for the whole run. Each child puts
another set around itself, so that it reaches neither the parent that forked it nor its siblings: new user,
process, mount, network, IPC, host-name and cgroup namespaces, a fresh file system to write in, no /proc,
limits, and a filter that refuses the system calls by which walls are moved or memory is hidden.
"""

import ctypes
import os
import resource
import struct
from collections.abc import Sequence

from course_lib.grading.syscalls import (
    ALLOWED_FAMILY, ARCHITECTURES, CLONE_NAMESPACES, CLONE_THREAD, LARGER_BUFFERS, REFUSED,
)  # fmt: skip

SCRATCH_BYTES = 64 * 2**20
SCRATCH_FILES = 4096
# What a socket's buffer holds counts for no process: 32 times 128 sockets can hold 0.9 GB at most.
OPEN_FILES = 128
PROCESSES = 32
_NEW_NAMESPACES = 0x10000000 | 0x20000000 | 0x40000000 | 0x00020000 | 0x08000000 | 0x04000000 | 0x02000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 2, 4, 4096, 16384, 1 << 18
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 4, 22, 38, 36
_CAPABILITY_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


class IsolationError(Exception):
    """A wall could not be built; the message names the system call and its error."""


def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans, so that it learns of their end."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def enter_namespaces() -> None:
    """Leave the box's namespaces for new ones. The next fork gives process 1 of the new process namespace.

    Raises:
        IsolationError: the kernel refuses it, as it may inside another container.
    """
    user, group = os.getuid(), os.getgid()
    _call("unshare", _libc.unshare(_NEW_NAMESPACES))
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    except OSError as error:
        raise IsolationError(f"writing {error.filename}: {error.strerror}") from error


def enter_fresh_files(kept: Sequence[str]) -> None:
    """Put new, small file systems over every place that can be written, and nothing over /proc.

    Args:
        kept: folders below /tmp that stay visible, read-only: a Python environment may lie there.
    """
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE, None)
    sources = [(os.open(path, os.O_PATH | os.O_DIRECTORY), path) for path in kept]
    limits = f"size={SCRATCH_BYTES},nr_inodes={SCRATCH_FILES},mode=1777"
    _mount("tmpfs", "/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, limits)
    for descriptor, path in sources:
        os.makedirs(path)
        _mount(f"/proc/self/fd/{descriptor}", path, None, _MS_BIND | _MS_REC, None)
    _mount("tmpfs", "/dev/shm", "tmpfs", _MS_NOSUID | _MS_NODEV, limits)
    for path in ("/dev/pts", "/proc"):  # terminals are shared with the siblings and few on the whole machine
        _mount("tmpfs", path, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_RDONLY, "size=4096")
    os.chdir("/tmp")


def give_up_capabilities() -> None:
    """Drop the capabilities that a new user namespace gives, and the way to any other."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(64):
        if _libc.prctl(24, capability, 0, 0, 0) != 0:  # PR_CAPBSET_DROP; fails beyond the last that exists
            break
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _call("capset", _libc.capset(header, bytes(24)))
    _prctl(47, 4)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL
    # So that the parent in the box can read how much memory this process has; nobody else sees it.
    _prctl(_PR_SET_DUMPABLE, 1)


def mapped_bytes() -> int | None:
    """Return the size of this process's address space; None outside Linux, where only one's own code is run."""
    if os.uname().sysname != "Linux":
        return None
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def limit_resources(address_space: int | None, cpu_seconds: int) -> None:
    """Limit this process and its children; their address space in bytes, unless it is None.

    RLIMIT_NPROC binds no process that root started, so the parent in the box counts them too.
    """
    limits = {
        "AS": address_space, "CPU": cpu_seconds, "FSIZE": SCRATCH_BYTES, "NOFILE": OPEN_FILES, "CORE": 0,
        "MEMLOCK": 0, "MSGQUEUE": 0, "SIGPENDING": 256, "RTPRIO": 0,
    }  # fmt: skip
    if _counts_processes_a_namespace():
        limits["NPROC"] = PROCESSES
    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is None or value is None:
            continue
        most = resource.getrlimit(number)[1]
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(number, (value, value))


def _counts_processes_a_namespace() -> bool:
    """Whether the limit on processes counts those of a user namespace (Linux 5.14), not all of the host's user."""
    major, minor, *_ = (int("".join(filter(str.isdigit, part)) or 0) for part in os.uname().release.split(".")[:2])
    return os.uname().sysname == "Linux" and (major, minor) >= (5, 14)


def refuse_system_calls() -> None:
    """Install the filter on this process and all that it starts. Unknown processors go without.

    Raises:
        IsolationError: the kernel has no such filters.
    """
    architecture = ARCHITECTURES.get(os.uname().machine)
    if architecture is None:
        return
    program = _filter_program(*architecture)
    lines = ctypes.create_string_buffer(b"".join(program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(lines))
    _call("seccomp", _libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0))


def _filter_program(audit_arch: int, numbers: dict[str, int]) -> list[bytes]:
    """Berkeley packet filter over (number, architecture, …, arguments); see seccomp(2)."""
    load, equal, above, any_bit, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    kill, allow, refuse = 0x80000000, 0x7FFF0000, 0x00050000

    def line(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
        return struct.pack("HBBI", code, then, otherwise, value)

    program = [
        line(load, 4), line(equal, audit_arch, 1, 0), line(answer, kill),
        line(load, 0), line(above, 0x40000000, 0, 1), line(answer, refuse | 38),  # the x32 numbers: ENOSYS
        # glibc falls back from clone3, whose flags a filter cannot see, to clone.
        line(equal, numbers["clone3"], 0, 1), line(answer, refuse | 38),
        line(equal, numbers["clone"], 0, 5), line(load, 16), line(any_bit, CLONE_NAMESPACES, 1, 0),
        line(any_bit, CLONE_THREAD, 1, 0), line(answer, refuse | 1), line(answer, allow),
        line(equal, numbers["socket"], 0, 4), line(load, 16), line(equal, ALLOWED_FAMILY, 1, 0),
        line(answer, refuse | 97), line(answer, allow),  # EAFNOSUPPORT
        line(equal, numbers["setsockopt"], 0, 5), line(load, 32), line(equal, LARGER_BUFFERS[0], 1, 0),
        line(equal, LARGER_BUFFERS[1], 0, 1), line(answer, refuse | 1), line(answer, allow),
    ]  # fmt: skip
    for name in REFUSED:
        if name in numbers:
            program += [line(equal, numbers[name], 0, 1), line(answer, refuse | 1)]
    return [*program, line(answer, allow)]


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind)]
    result = _libc.mount(*texts, ctypes.c_ulong(flags), None if options is None else options.encode())
    _call(f"mount {target}", result)


def _prctl(option: int, value: int) -> None:
    _call(f"prctl {option}", _libc.prctl(option, value, 0, 0, 0))


def _call(name: str, result: int) -> None:
    if result != 0:
        raise IsolationError(f"{name}: {os.strerror(ctypes.get_errno())}")

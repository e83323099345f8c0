"""Inside the box: import PyTorch once, fork a walled child for each submission, end it when told to.

`main` gets CONTROL, ISOLATION, WARM and KEPT…: CONTROL is the number of an inherited stream socket,
ISOLATION is `namespaces`, `box` (the box itself is the only wall: one box a submission) or `none` (one's
own code), WARM is `optimizers` or `torch`, KEPT are the folders below /tmp that a child must still see.

Over CONTROL the server first sends {"ready": …}. Then each request is one `REQUEST` with three descriptors:
the child's connection, its standard output, and a socket on which the server tells how the child ended.
The host ends a child by closing its end of that one. No student's data passes through this process.
"""

import gc
import importlib
import os
import resource
import select
import signal
import socket
import struct
from typing import Any

from course_lib.grading import child, isolate, watch
from course_lib.grading.frames import Channel, Closed

REQUEST = struct.Struct(">QQ")  # bytes of memory, seconds of processor time
NAMESPACES, BOX, NONE = "namespaces", "box", "none"
TORCH, OPTIMIZERS = "torch", "optimizers"
_NICE = 5  # the server must be heard beside many busy children


def main(arguments: list[str]) -> None:
    """Serve until the host closes the control socket, then die with every child."""
    control, isolation, warm, kept = socket.socket(fileno=int(arguments[0])), *arguments[1:3], arguments[3:]
    control.set_inheritable(False)
    warm_up(warm == OPTIMIZERS)
    server = Server(control, isolation, kept)
    Channel(control).send({"ready": True, "refused": server.refused_namespaces()})
    server.serve()


def warm_up(optimizers: bool) -> None:
    """Import what submissions import, before any fork.

    Args:
        optimizers: whether to make one too: the first imports 70 MB more, in twice the time of PyTorch itself.
    """
    import torch

    importlib.import_module("course_lib")  # as notebooks do; nothing here needs it
    torch.set_num_threads(1)
    # PyTorch chooses its kernels when it first computes, by /proc/cpuinfo, which no child sees.
    model = torch.nn.Linear(8, 8)
    model(torch.ones(8, 8)).softmax(-1).sum().backward()
    if optimizers:
        torch.optim.AdamW(model.parameters())
    gc.collect()
    gc.freeze()  # a collection in a child then leaves the pages that it shares alone


class Server:
    """The children of one box: `_endings` maps each one's process to the socket that tells of its end."""

    def __init__(self, control: socket.socket, isolation: str, kept: list[str]) -> None:
        self._control, self._isolation, self._kept = control, isolation, kept
        self._endings: dict[int, socket.socket] = {}
        self._limits: dict[int, int] = {}
        self._reasons: dict[int, str] = {}
        self._woken, waker = socket.socketpair()
        self._woken.setblocking(False)
        waker.setblocking(False)
        self._waker = waker
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        if isolation == NAMESPACES:
            isolate.adopt_orphans()

    def refused_namespaces(self) -> str | None:
        """Try one child and return why the kernel refuses its walls; None where it grants them."""
        if self._isolation != NAMESPACES:
            return None
        ours, theirs = socket.socketpair()
        with ours, theirs, open(os.devnull, "r+b") as null:
            pid = self._fork([theirs.fileno(), null.fileno(), theirs.fileno()], 2**30, 60, only_try=True)
            theirs.close()
            try:
                answer = Channel(ours).receive()
            except Closed:
                answer = {"failed": "the first child died"}
            if pid:
                os.waitpid(pid, 0)
        return answer.get("failed")

    def serve(self) -> None:
        """Fork on request and end what is to end, until the control socket is closed."""
        while True:
            poller = select.poll()
            for connection in (self._control, self._woken, *self._endings.values()):
                poller.register(connection, select.POLLIN)
            ready = {number for number, _ in poller.poll(watch.SECONDS * 1000 if self._endings else None)}
            if self._woken.fileno() in ready:
                self._woken.recv(4096)
            if self._control.fileno() in ready and not self._accept():
                return
            for pid, ending in self._endings.items():
                if ending.fileno() in ready:  # the host has closed it: time is up, or all is done
                    self._kill(pid)
            for pid, reason in watch.excesses(self._limits).items():
                self._reasons[pid] = reason
                self._kill(pid)
            self._collect()

    def _accept(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._control, REQUEST.size, 3)
        if len(data) < REQUEST.size:
            return False
        memory, seconds = REQUEST.unpack(data)
        ending = socket.socket(fileno=descriptors[2])
        pid = self._fork(descriptors, memory, seconds)
        os.close(descriptors[0])
        os.close(descriptors[1])
        if pid:
            self._endings[pid], self._limits[pid] = ending, memory
        else:
            ending.close()
        return True

    def _fork(self, descriptors: list[int], memory: int, seconds: int, only_try: bool = False) -> int | None:
        """Start a child and return its process id; None where its walls failed, which it has told the host."""
        reader, writer = os.pipe()
        first = os.fork()
        if first:
            os.close(writer)
            with open(reader, "rb") as pipe:
                number = pipe.read()
            if self._isolation != NAMESPACES:
                return first
            os.waitpid(first, 0)
            return int(number) if number else None
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if self._isolation == NAMESPACES:
                isolate.enter_namespaces()
                second = os.fork()  # process 1 of the new process namespace
                if second:
                    os.write(writer, str(second).encode())
                    os._exit(0)
            os.close(writer)
            self._become_child(descriptors, memory, seconds, only_try)
        except BaseException as error:
            _tell(descriptors[2], {"failed": f"{type(error).__name__}: {error}"})
        finally:
            os._exit(0)

    def _become_child(self, descriptors: list[int], memory: int, seconds: int, only_try: bool) -> None:
        os.nice(_NICE)
        mapped = isolate.mapped_bytes()  # now, because the walls hide /proc
        os.setsid()  # a group of its own: a signal to it reaches what it has started, and neither server nor siblings
        if self._isolation == NAMESPACES:
            isolate.enter_fresh_files(self._kept)
            isolate.give_up_capabilities()
        # Before the limit on open files: descriptors above it would stay open.
        connection, descriptors[2] = _move_descriptors(descriptors)
        isolate.limit_resources(None if mapped is None else mapped + memory, seconds)
        if self._isolation != NONE:
            isolate.refuse_system_calls()
        _tell(descriptors[2], {"started": True})
        os.close(descriptors[2])
        if not only_try:
            child.serve(Channel(socket.socket(fileno=connection)))

    def _kill(self, pid: int) -> None:
        """End a child; with process 1 of its namespace, the kernel ends everything in it."""
        try:
            if self._isolation == NAMESPACES:
                os.kill(pid, signal.SIGKILL)
            else:
                os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _collect(self) -> None:
        """Tell the host of children that have ended."""
        while self._endings:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            ending = self._endings.pop(pid, None)
            if ending is None:
                continue
            self._kill(pid)
            self._limits.pop(pid)
            _tell(ending.fileno(), {"code": os.waitstatus_to_exitcode(status), "reason": self._reasons.pop(pid, None)})
            ending.close()


def _move_descriptors(descriptors: list[int]) -> tuple[int, int]:
    """Make the given ones 0 to 2 (input empty), 3 (connection), 4 (ending), and close all others."""
    connection, output, ending = (os.dup(number) for number in descriptors)
    high = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    null = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(number, target)
    # Far above the targets, so that none of them is overwritten before it has moved.
    moved = [_duplicate_above(number, 64) for number in (connection, ending)]
    for number, target in zip(moved, (3, 4)):
        os.dup2(number, target, inheritable=False)
    os.closerange(5, high)
    return 3, 4


def _duplicate_above(number: int, least: int) -> int:
    import fcntl

    return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, least)


def _tell(descriptor: int, message: dict[str, Any]) -> None:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            Channel(connection).send(message)
    except (OSError, Closed):
        pass  # the host no longer listens


"""The grader's side of the box: start it, have it fork children, talk to them, end them."""

import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from course_lib.grading import box
from course_lib.grading.checks import GraderError, StudentError, TimeOut, Value
from course_lib.grading.frames import MAX_LOG, Channel, Closed, Late
from course_lib.grading.protocol import ProtocolError
from course_lib.grading.server import BOX, NAMESPACES, NONE, OPTIMIZERS, REQUEST, TORCH

_START_SECONDS = 180  # importing PyTorch from a cold network disk takes that long
_FORK_SECONDS = 60
_END_SECONDS = 30
_HANG_UP_SECONDS = 5  # from a child's closed connection to the news of its end
# bwrap dies with the thread that started it (--die-with-parent), so one that lives to the end starts them all.
_starter = ThreadPoolExecutor(1, thread_name_prefix="box")


class Box:
    """A running box, and the children that it has forked. Threads may share it.

    Args:
        unsafe: whether to run the same server with no box around it, for one's own code.
        optimizers: whether to import what PyTorch's optimizers need once, rather than in each child.

    Attributes:
        refused: why the kernel refuses children namespaces of their own within a box; then each child has
            a box to itself. None where it grants them.

    Raises:
        box.BoxUnavailable: the box cannot be started on this machine.
    """

    def __init__(self, *, unsafe: bool = False, optimizers: bool = True) -> None:
        self._warm = OPTIMIZERS if optimizers else TORCH
        self._server = _Server(NONE if unsafe else NAMESPACES, self._warm)
        self.refused = self._server.refused
        if self.refused:
            self._server.close()

    def fork(self, memory_bytes: int, cpu_seconds: int) -> "Child":
        """Start a child.

        Raises:
            GraderError: the box is gone, or cannot make another child.
        """
        if not self.refused:
            return self._server.fork(memory_bytes, cpu_seconds, own_box=False)
        server = _Server(BOX, self._warm)
        try:
            return server.fork(memory_bytes, cpu_seconds, own_box=True)
        except GraderError:
            server.close()
            raise

    @property
    def is_alive(self) -> bool:
        """Whether another child can be had."""
        return bool(self.refused) or self._server.process.poll() is None

    def close(self) -> None:
        """End the box with everything in it."""
        self._server.close()


class _Server:
    def __init__(self, isolation: str, warm: str) -> None:
        unsafe = isolation == NONE
        if not unsafe:
            box.find_bubblewrap()
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()
        with theirs:
            number = theirs.fileno()
            line = box.unsafe_command(number, warm) if unsafe else box.command(number, isolation, warm)
            self.process = _starter.submit(
                subprocess.Popen, line, pass_fds=[number], stdin=subprocess.DEVNULL, stdout=self._errors,
                stderr=self._errors, env=box.unsafe_environment() if unsafe else {},
            ).result()  # fmt: skip
        try:
            greeting = Channel(self._control).receive(time.monotonic() + _START_SECONDS)
        except (Closed, Late, ProtocolError) as error:
            said = self._said()
            self.close()
            raise box.BoxUnavailable(box.explain_refusal(said)) from error
        self.refused: str | None = greeting["refused"]

    def fork(self, memory_bytes: int, cpu_seconds: int, own_box: bool) -> "Child":
        connection, theirs = socket.socketpair()
        ending, their_ending = socket.socketpair()
        output, their_output = os.pipe()
        numbers = [theirs.fileno(), their_output, their_ending.fileno()]
        child = Child(Channel(connection, output), ending, self if own_box else None)
        failure: OSError | None = None
        try:
            with self._lock:
                socket.send_fds(self._control, [REQUEST.pack(memory_bytes, cpu_seconds)], numbers)
        except OSError as error:
            failure = error
        finally:  # before anything waits: the box's sides must not stay open here
            theirs.close()
            their_ending.close()
            os.close(their_output)
        if failure:
            child.close()
            raise GraderError(f"The box has ended. It said: {self._said()[-500:]}") from failure
        child.wait_for_start()
        return child

    def close(self) -> None:
        self._control.close()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._errors.close()

    def _said(self) -> str:
        """What the server and bwrap have written, which nobody reads unless they fail."""
        if self._errors.closed:
            return "(nothing)"
        self._errors.seek(0)
        return self._errors.read(100_000).decode("utf-8", "replace")


class Child:
    """One forked process of the box, which runs one notebook.

    Args:
        server: a server that it has to itself, and that ends with it.
    """

    def __init__(self, channel: Channel, ending: socket.socket, server: _Server | None) -> None:
        self._channel, self._ending, self._server = channel, ending, server
        self._has_ended = False

    def wait_for_start(self) -> None:
        """Wait until the walls stand.

        Raises:
            GraderError: they do not.
        """
        try:
            answer = Channel(self._ending).receive(time.monotonic() + _FORK_SECONDS)
        except (Closed, Late, ProtocolError) as error:
            answer = {"failed": f"no answer ({type(error).__name__})"}
        if not isinstance(answer, dict) or "started" not in answer:
            self.close()
            raise GraderError(f"The box could not make a child: {answer}")

    def ask(self, message: dict[str, Value], deadline: float) -> dict[str, Any]:
        """Send a message and return the reply. After any error the child is of no more use.

        Raises:
            StudentError: the child has ended, or what it sent is no reply.
            TimeOut: there was no reply before the deadline (a time of time.monotonic()).
            GraderError: the box has ended.
        """
        try:
            self._channel.send(message, deadline)
            reply = self._channel.receive(deadline)
        except Late as error:
            raise TimeOut from error
        except ProtocolError as error:
            raise StudentError("answer", f"its answer {error}") from error
        except Closed as error:
            raise self._why() from error
        if type(reply) is not dict or not ("answer" in reply or _is_error(reply.get("error"))):
            raise StudentError("answer", "its answer is not in the grader's format")
        return reply

    def close(self) -> str:
        """End the child with all it has started, wait until they are gone, and return what it printed."""
        if not self._has_ended:
            self._has_ended = True
            try:
                self._ending.shutdown(socket.SHUT_WR)  # by this the server knows
                Channel(self._ending).receive(time.monotonic() + _END_SECONDS)
            except (OSError, Closed, Late, ProtocolError):
                pass
            self._ending.close()
            self._channel.empty_output()
            self._channel.close()
            if self._server:
                self._server.close()
        log, rest = bytes(self._channel.log).decode("utf-8", "replace"), self._channel.log_bytes - MAX_LOG
        text = "".join(c for c in log if c.isprintable() or c in "\n\t")
        return text + (f"\n… and {rest:,} bytes more" if rest > 0 else "")

    def _why(self) -> StudentError | GraderError:
        """Find out why the child has hung up."""
        try:
            end = Channel(self._ending).receive(time.monotonic() + _HANG_UP_SECONDS)
            if type(end) is not dict or type(end.get("code")) is not int:
                raise ProtocolError
        except Late:
            return StudentError("hung up", "the student's code closed the connection to the grader")
        except (Closed, ProtocolError):
            if self._server:  # it shared its box with nobody, so it is the student's code that ended it
                return StudentError("ended", "the process was ended by the student's code")
            return GraderError("The box ended while a submission ran in it.")
        code, reason = end["code"], end.get("reason")
        if reason:
            return StudentError("killed", f"the process was stopped: {reason}")
        if code == -signal.SIGKILL:
            return StudentError("killed", "the process was killed, most likely for its use of memory")
        if code < 0:
            return StudentError("crashed", f"the process crashed: {signal.strsignal(-code) or -code}")
        return StudentError("exit", f"the process ended itself with exit code {code}")


def _is_error(error: Any) -> bool:
    return (type(error) is list and len(error) == 4 and all(type(text) is str for text in error[:2])
            and all(number is None or type(number) is int for number in error[2:]))  # fmt: skip

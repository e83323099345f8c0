"""Messages on a stream socket: the lengths of a message's two parts (4 bytes each), then the parts."""

import os
import select
import socket
import struct
import time

from course_lib.grading.answers import Value
from course_lib.grading.protocol import MAX_JSON_BYTES, MAX_TENSOR_BYTES, ProtocolError, decode, encode

MAX_LOG = 32 * 1024
_LENGTHS = struct.Struct(">II")
# Taken before any student's code runs: in the box, that code may replace them in their modules.
_pack, _unpack, _monotonic, _poll, _read = _LENGTHS.pack, _LENGTHS.unpack, time.monotonic, select.poll, os.read
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)  # where it is missing, Python ignores SIGPIPE anyway


class Closed(Exception):
    """The other side is gone."""


class Late(Exception):
    """The deadline has passed."""


class Channel:
    """One side of a connection that carries messages.

    Args:
        connection: a stream socket; closed with the channel.
        output: descriptor of a pipe to empty whenever the channel waits, so that whoever writes to it
            never has to. What comes is kept in `log`, up to 32 KiB, and counted in `log_bytes`.

    Deadlines are times of `time.monotonic()`; None waits for ever.
    """

    def __init__(self, connection: socket.socket, output: int | None = None) -> None:
        self._connection, self._output = connection, output
        self.log = bytearray()
        self.log_bytes = 0

    def send(self, value: Value, deadline: float | None = None) -> None:
        """Send one message.

        Raises:
            ProtocolError: the value does not cross; nothing was sent.
            Closed, Late: as their names say.
        """
        text, raw = encode(value)
        data = memoryview(_pack(len(text), len(raw)) + text + raw)
        while data:
            self._wait(select.POLLOUT, deadline)
            try:
                data = data[self._connection.send(data, socket.MSG_DONTWAIT | _NO_SIGNAL) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Closed from error

    def receive(self, deadline: float | None = None) -> Value:
        """Return the next message.

        Raises:
            ProtocolError: what came is no message or beyond a limit; the channel cannot be used any more.
            Closed, Late: as their names say.
        """
        lengths = _unpack(self._read(_LENGTHS.size, deadline))
        if lengths[0] > MAX_JSON_BYTES or lengths[1] > MAX_TENSOR_BYTES:
            raise ProtocolError("is larger than an answer may be")
        text = self._read(lengths[0], deadline)
        return decode(bytes(text), self._read(lengths[1], deadline))

    def empty_output(self) -> None:
        """Take what lies in the output pipe, without waiting."""
        while self._output is not None and _ready(self._output):
            self._take_output()

    def close(self) -> None:
        """Close both ends of this side; once or more often."""
        self._connection.close()
        if self._output is not None:
            os.close(self._output)
            self._output = None

    def _read(self, size: int, deadline: float | None) -> bytearray:
        # Into one buffer: joining what has come so far, for each of many small pieces, takes quadratic time.
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            self._wait(select.POLLIN, deadline)
            try:
                count = self._connection.recv_into(rest, 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError as error:
                raise Closed from error
            if count == 0:
                raise Closed
            rest = rest[count:]
        return data

    def _wait(self, event: int, deadline: float | None) -> None:
        """Wait until the connection can be used; a poll, because select fails beyond 1,024 open files."""
        while True:
            left = None if deadline is None else deadline - _monotonic()
            if left is not None and left <= 0:
                raise Late
            poller = _poll()
            poller.register(self._connection, event)
            if self._output is not None:
                poller.register(self._output, select.POLLIN)
            ready = [number for number, _ in poller.poll(None if left is None else left * 1000 + 1)]
            if self._output in ready:
                self._take_output()
            if self._connection.fileno() in ready:
                return

    def _take_output(self) -> None:
        data = _read(self._output, 65536)
        self.log += data[: MAX_LOG - len(self.log)]
        self.log_bytes += len(data)
        if not data:  # its writers are gone
            os.close(self._output)
            self._output = None


def _ready(descriptor: int) -> bool:
    poller = _poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))

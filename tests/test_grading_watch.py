"""What the server in the box sees of its children, and what they cannot do to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from boxed import answer, call, student

from course_lib.grading import watch
from course_lib.grading.host import Box

pytestmark = pytest.mark.box
MIB = 2**20
SHARED = "import mmap; m = mmap.mmap(-1, 48 * 2**20); m.write(bytes(48 * 2**20))"
OWN = "m = bytearray(b'x' * (48 * 2**20))"


@contextmanager
def family(line: str) -> Iterator[int]:
    """A process that has run a line and two that it has forked; no filter stops this one."""
    program = f"import os, time; {line}; os.fork() and os.fork(); os.write(1, b'.'); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert b"".join(process.stdout.read(1) for _ in range(3)) == b"..."
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("line", [OWN, SHARED])
def test_memory_of_several_processes_is_counted_once(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = watch._own_bytes
    monkeypatch.setattr(watch, "_own_bytes", lambda pid: 0 if pid == os.getpid() else real(pid))
    with family(line) as pid:
        assert watch.excesses({pid: 150 * MIB}) == {}
        assert watch.excesses({pid: 40 * MIB}) == {pid: "its processes used more than 40 MiB together"}


def test_a_name_of_any_bytes_is_read() -> None:
    with family(r"import ctypes; ctypes.CDLL(None).prctl(15, b'\xff) R 1 (\n', 0, 0, 0)") as pid:
        assert watch.excesses({pid: 2**40}) == {}


def test_a_signal_to_its_group_reaches_no_other(box: Box) -> None:
    with student(box, "def f(): return 'alive'") as sibling:
        assert answer(box, "import os\ndef f(): os.kill(0, 9)") is None
        assert call(sibling) == "alive"
    assert box.is_alive

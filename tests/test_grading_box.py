"""The box holds: what code of a student's can see, reach and use up, and what is left of it."""

import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
import torch
from boxed import RIGHT, answer, call, code_notebook, eventually, load, make_exercise, processes_named, student, submit

import course_lib
from course_lib.grading import box as box_module
from course_lib.grading.box import BoxUnavailable
from course_lib.grading.checks import GraderError, StudentError, TimeOut
from course_lib.grading.exercise import load_exercises
from course_lib.grading.grade import grade_file
from course_lib.grading.host import Box
from course_lib.grading.isolate import OPEN_FILES, SCRATCH_BYTES
from course_lib.grading.task import make_task
from tools import project

ERRNO = """
def errno_of(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"
"""


def test_a_function_is_called_by_name_and_answers_with_plain_values(box: Box) -> None:
    source = "import torch\ndef f(x, n):\n    print('said')\n    return {'double': 2 * x, 'n': (n, None)}"
    with student(box, source) as child:
        found = call(child, torch.ones(2, 3), 7)
        assert torch.equal(found["double"], torch.full((2, 3), 2.0)) and found["n"] == (7, None)
        assert child.close() == "said\n"


def test_the_order_of_a_set_is_the_same_in_every_box(box: Box) -> None:
    words = [f"word-{number}" for number in range(50)]
    source = "def f(words): return list(set(words))"
    fixed = os.environ | {"PYTHONHASHSEED": "0"}
    line = [sys.executable, "-c", f"print({source.partition('return ')[2].replace('words', repr(words))})"]
    elsewhere = subprocess.run(line, env=fixed, capture_output=True, text=True, check=True).stdout
    assert str(answer(box, source, words)) == elsewhere.strip()


def test_no_network_is_reached(box: Box, tmp_path: Path) -> None:
    listeners = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
    name = f"\0{uuid.uuid4().hex}"
    listeners[1].bind(name)
    listeners[2].bind(str(tmp_path / "socket"))
    for listener in listeners:
        listener.listen()
    source = ERRNO + """
import socket, urllib.request
def f(port, name, path):
    return [
        errno_of(lambda: socket.create_connection(("127.0.0.1", port), timeout=5)),
        errno_of(lambda: socket.create_connection(("1.1.1.1", 53), timeout=5)),
        errno_of(lambda: socket.socket(socket.AF_INET6)),
        errno_of(lambda: socket.socket(socket.AF_NETLINK)),
        errno_of(lambda: socket.getaddrinfo("example.org", 80)),
        errno_of(lambda: socket.socket(socket.AF_UNIX).connect(name)),
        errno_of(lambda: socket.socket(socket.AF_UNIX).connect(path)),
    ]"""
    found = answer(box, source, listeners[0].getsockname()[1], name, str(tmp_path / "socket"))
    for listener in listeners:
        listener.close()
    assert found == ["OSError"] * 4 + ["gaierror", "ConnectionRefusedError", "FileNotFoundError"]


def test_no_file_of_the_host_is_seen(box: Box, tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("grades")
    hidden = [
        tmp_path / "results.csv", project.ROOT / "exercises", project.ROOT / "tests", project.ROOT / ".git",
        Path.home() / ".ssh", Path("/etc/passwd"), Path("/etc/shadow"), Path("/sys/kernel"), Path("/proc/1"),
        Path("/proc/self"), Path("/proc/meminfo"), Path("/var"), Path("/home"), Path("/run"), Path("/boot"),
    ]  # fmt: skip
    assert any(path.exists() for path in hidden)
    source = "import os\ndef f(*paths): return [p for p in paths if os.path.exists(p)]"
    assert answer(box, source, *map(str, hidden)) == []
    top = answer(box, "import os\ndef f(): return sorted(os.listdir('/'))")
    allowed = {"bin", "sbin", "lib", "lib32", "lib64", "nix", "usr", "etc", "dev", "proc", "tmp", "course"}
    assert set(top) - allowed <= {Path(path).parts[1] for path in box_module.environment_folders()}


def test_the_library_is_there_and_the_environment_is_not_the_graders(box: Box) -> None:
    source = "import os, course_lib\ndef f(): return [course_lib.__file__, dict(os.environ), os.getcwd(), os.getuid()]"
    file, variables, folder, user = answer(box, source)
    assert file == "/course/course_lib/__init__.py" and folder == "/tmp" and str(user) == box_module.USER
    known = set(box_module._environment("/course/corpus.txt")) | {"PWD", "LC_CTYPE"}
    assert set(variables) - known <= {"TORCHINDUCTOR_CACHE_DIR"}  # which torch sets itself


def test_no_other_process_is_seen_or_signalled(box: Box) -> None:
    source = ERRNO + """
import os, signal
def f(pid):
    return [os.listdir("/proc"), os.getpid(), os.getppid(), errno_of(lambda: os.kill(pid, 0)),
            errno_of(lambda: os.kill(-1, signal.SIGKILL)), errno_of(lambda: os.kill(2, 0))]"""
    with student(box, "def f(): return 'alive'") as sibling:
        assert answer(box, source, os.getpid()) == [[], 1, 0] + ["ProcessLookupError"] * 3
        assert call(sibling) == "alive"


def test_nothing_outside_the_scratch_folder_is_written(box: Box) -> None:
    source = ERRNO + """
import os, sys, torch, course_lib
def f():
    places = ["/", "/usr", "/dev", "/proc", "/course", "/course/course_lib", sys.prefix,
              os.path.dirname(torch.__file__), os.path.dirname(os.path.realpath(sys.executable))]
    return [errno_of(lambda: open(os.path.join(place, "left"), "w")) for place in places]"""
    assert set(answer(box, source)) <= {"OSError", "PermissionError", "FileNotFoundError"}
    package = Path(course_lib.__file__).parent
    assert not any((folder / "left").exists() for folder in (package, Path(sys.prefix), Path("/"), Path("/usr")))


def test_the_scratch_folder_is_small_and_new_for_every_child(box: Box) -> None:
    source = """
import os
def f(count):
    before, written = os.listdir("/dev/shm") + [n for n in os.listdir("/tmp") if n.startswith("part")], 0
    for folder in ("/tmp", "/dev/shm"):
        try:
            for i in range(count):
                with open(f"{folder}/part{i}", "wb", buffering=0) as file:
                    while part := file.write(bytes(2**20)):
                        written += part
        except OSError:
            continue
    return [before, written]"""
    for _ in range(2):
        before, written = answer(box, source, 5)
        assert before == [] and SCRATCH_BYTES // 2 < written <= 2 * SCRATCH_BYTES


def test_no_capability_and_no_way_to_one(box: Box) -> None:
    source = """
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
def refused(name, *args):
    return getattr(libc, name)(*args) == -1 and ctypes.get_errno() in (1, 38)
def f():
    data = ctypes.create_string_buffer(24)
    libc.capget(struct.pack("Ii", 0x20080522, 0), data)
    return {
        "capabilities": data.raw == bytes(24),
        "unshare": refused("unshare", 0x10000000), "unshare network": refused("unshare", 0x40000000),
        "mount": refused("mount", b"none", b"/tmp", b"tmpfs", 0, None), "umount": refused("umount2", b"/proc", 2),
        "chroot": refused("chroot", b"/tmp"), "setuid": refused("setuid", 0) or ctypes.get_errno() == 22,
        "ptrace": refused("ptrace", 0, 0, 0, 0), "memfd": refused("memfd_create", b"x", 0),
        "shared memory": refused("shmget", 0, 2**30, 0o1600), "namespace": refused("setns", 3, 0),
        "clone3": refused("syscall", 435, 0, 0), "no new privileges": libc.prctl(39, 0, 0, 0, 0) == 1,
        "filter": libc.prctl(21, 0, 0, 0, 0) == 2,
    }"""
    found = answer(box, source)
    assert all(found.values()), found


def test_a_child_has_no_descriptor_but_its_own(box: Box) -> None:
    source = """
import os
def f():
    found = []
    for number in range(4096):
        try:
            os.fstat(number)
            found.append(number)
        except OSError:
            pass
    return found"""
    assert answer(box, source) == [0, 1, 2, 3]


def test_children_at_the_same_time_do_not_reach_each_other(box: Box) -> None:
    listening = """
import os, socket
server = socket.socket(socket.AF_UNIX)
server.bind("\\0meeting")
server.listen()
with open("/tmp/note", "w") as file:
    file.write("the answer")
with open("/dev/shm/note", "w") as file:
    file.write("the answer")
def f(): return os.listdir("/dev/shm")"""
    looking = ERRNO + """
import os, socket
def f():
    return [errno_of(lambda: socket.socket(socket.AF_UNIX).connect("\\0meeting")), os.path.exists("/tmp/note"),
            os.path.exists("/dev/shm/note")]"""
    with student(box, listening) as first, student(box, looking) as second:
        assert call(first) == ["note"]
        assert call(second) == ["ConnectionRefusedError", False, False]


def test_memory_beyond_the_limit_is_refused_to_one_process(box: Box) -> None:
    source = "import torch\ndef f(n):\n    return len(torch.zeros(n * 2**20, dtype=torch.uint8))"
    with student(box, source, memory=300 * 2**20) as child:
        assert call(child, 100) == 100 * 2**20
        assert call(child, 400)[0] in ("RuntimeError", "MemoryError")
        assert call(child, 100) == 100 * 2**20


def test_threads_can_be_started_and_processes_cannot(box: Box) -> None:
    source = """
import ctypes, os, subprocess, threading
def f(way):
    ways = {
        "thread": lambda: threading.Thread(target=print).start() or "started",
        "fork": os.fork, "run": lambda: subprocess.run(["/bin/true"]),
        "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        "system": lambda: os.system("true") and "refused",
        "clone3": lambda: ctypes.CDLL(None).syscall(435, 0, 0) == -1 and "refused",
    }
    return ways[way]()"""
    with student(box, source) as child:
        assert call(child, "thread") == "started"
        for way in ("fork", "run", "spawn"):
            assert call(child, way)[0] == "PermissionError"
        assert call(child, "system") == call(child, "clone3") == "refused"



def test_open_files_are_limited(box: Box) -> None:
    source = """
import os
def f():
    held = []
    try:
        while len(held) < 5000:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for number in held:
        os.close(number)
    return len(held)"""
    assert answer(box, source) <= OPEN_FILES


@pytest.mark.parametrize(
    ("line", "kind", "says"),
    [
        ("os._exit(3)", "exit", "exit code 3"), ("os._exit(0)", "exit", "exit code 0"),
        ("ctypes.string_at(0)", "crashed", "egmentation"), ("os.abort()", "crashed", "."),
        ("os.close(3); time.sleep(600)", "", "."), ("os.dup2(0, 3)", "", "."),
    ],
)  # fmt: skip
def test_how_a_child_ended_is_said(box: Box, line: str, kind: str, says: str) -> None:
    with student(box, f"import ctypes, os, time\ndef f():\n    {line}") as child:
        if not kind:
            with pytest.raises((StudentError, TimeOut)):
                call(child, seconds=3)
            return
        with pytest.raises(StudentError, match=says) as error:
            call(child)
        assert error.value.kind == kind
    assert answer(box, "def f(): return 1") == 1


def test_an_endless_loop_that_ignores_signals_is_stopped_from_outside(box: Box) -> None:
    name = f"orphan{uuid.uuid4().hex[:8]}"
    source = f"""
import ctypes, os, signal, time
def f():
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    ctypes.CDLL(None).prctl(15, b"{name}", 0, 0, 0)
    while True:
        pass"""
    with student(box, source) as child:
        caller = threading.Thread(target=lambda: pytest.raises(TimeOut, call, child, seconds=20), daemon=True)
        caller.start()
        assert eventually(lambda: len(processes_named(name)) == 1)
        caller.join()
        child.close()
        assert processes_named(name) == []


def test_output_is_bounded_and_never_blocks(box: Box) -> None:
    source = "import os\ndef f():\n    for _ in range(400): os.write(1, b'x' * 10_000)\n    return 'done'"
    with student(box, source) as child:
        assert call(child) == "done"
        assert len(child.close()) < 40_000


@pytest.mark.parametrize(
    "forged",
    [
        b"\xff" * 64, b"\x00\x00\x00\x04\x00\x00\x00\x00null", b"\x00\x00\x00\x06\x00\x00\x00\x00[1, 2]",
        b'\x00\x00\x00\x1b\x00\x00\x00\x00["dict",["error",["list"]]]', b"GET / HTTP/1.1\r\n\r\n",
    ],
)  # fmt: skip
def test_a_forged_message_is_the_students_error(box: Box, forged: bytes) -> None:
    with student(box, f"import os, time\ndef f():\n    os.write(3, {forged!r})\n    time.sleep(600)") as child:
        with pytest.raises(StudentError, match="answer"):
            call(child, seconds=20)


def test_a_deadline_holds_while_half_a_message_trickles(box: Box) -> None:
    source = "import os, time\ndef f():\n    while True:\n        os.write(3, b'\\0'); time.sleep(0.2)"
    with student(box, source) as child:
        with pytest.raises((TimeOut, StudentError)):
            call(child, seconds=2)


def test_one_box_a_child_where_nested_namespaces_are_refused(box: Box, tmp_path: Path) -> None:
    name = f"lone{uuid.uuid4().hex[:8]}"
    lone = Box(optimizers=False)
    lone.close()
    lone.refused = "as a kernel may"
    source = f"""
import ctypes, os, time
def f(hidden):
    ctypes.CDLL(None).prctl(15, b"{name}", 0, 0, 0)
    return [os.path.exists(hidden), sorted(os.listdir("/dev/shm")), ctypes.CDLL(None).unshare(0x10000000)]"""
    with student(lone, source) as child:
        assert call(child, str(project.ROOT / "exercises")) == [False, [], -1]
        assert eventually(lambda: processes_named(name))
    assert eventually(lambda: not processes_named(name))
    task = make_task(load_exercises(make_exercise(tmp_path))["doubling"])
    ended_by_itself = RIGHT + "\nimport os\ndef half(x): os._exit(3)"
    for notebook, points in ((RIGHT, 4), (ended_by_itself, 3)):
        result = grade_file(submit(tmp_path, "ada", code_notebook(notebook)), "ada", task, lone, b"secret")
        assert (result["status"], result["points"]) == ("graded", points), result


def test_without_a_box_ones_own_code_runs_the_same() -> None:
    own = Box(unsafe=True, optimizers=False)
    source = "import os\ndef f(path): return os.path.exists(path)"
    assert answer(own, source, str(project.ROOT)) is True
    own.close()


def test_a_box_that_has_ended_is_the_graders_error() -> None:
    own = Box(unsafe=True, optimizers=False)
    child = own.fork(2**30, 60)
    load(child, "def f(): return 1")
    own._server.process.kill()
    own._server.process.wait()
    with pytest.raises(GraderError):
        own.fork(2**30, 60)
    assert not own.is_alive
    child.close()
    own.close()


def test_without_bubblewrap_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, box: Box) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BoxUnavailable, match="apt-get install bubblewrap"):
        Box()


def test_a_bubblewrap_that_may_not_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, box: Box) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(box_module, "_setting", lambda name: "1" if "apparmor" in name else "0")
    with pytest.raises(BoxUnavailable) as error:
        Box()
    for part in ("No permissions to create", "unprivileged_userns_clone=1", "max_user_namespaces", "apparmor.d/bwrap"):
        assert part in str(error.value)


def test_folders_that_the_box_shows_are_refused_for_what_it_must_not_see(box: Box) -> None:
    with pytest.raises(BoxUnavailable, match="Move it"):
        box_module.refuse_exposed([Path(sys.prefix) / "exercises"])
    box_module.refuse_exposed([project.ROOT / "exercises"])

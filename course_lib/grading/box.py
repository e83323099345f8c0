"""The box: a bubblewrap container that shows a Python environment read-only and nothing else of the host."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from course_lib.corpus import PATH_VARIABLE
from course_lib.grading.isolate import SCRATCH_BYTES

USER = "65534"
_LIBRARY = "/course"  # where course_lib's folder appears
_CORPUS = "/course/corpus.txt"
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.path += filter(None, sys.argv.pop(1).split(':')); "
    "from course_lib.grading.server import main; main(sys.argv[1:])"
)
_APPARMOR = r"""Ubuntu 23.10 and later let no unconfined program make user namespaces. Allow bwrap, as root:
  printf 'abi <abi/4.0>,\ninclude <tunables/global>\nprofile bwrap %s flags=(unconfined) {\n  userns,\n}\n' \
    "$(command -v bwrap)" > /etc/apparmor.d/bwrap && systemctl reload apparmor"""


class BoxUnavailable(Exception):
    """There can be no box on this machine; the message says what to install or allow."""


def find_bubblewrap() -> str:
    """Return the path of bwrap.

    Raises:
        BoxUnavailable: there is none.
    """
    if sys.platform != "linux":
        raise BoxUnavailable(f"Students' code is run in a box that only Linux has; this is {platform.system()}. "
                             "Grade on a Linux machine, or your own notebook with --unsafe.")  # fmt: skip
    if path := shutil.which("bwrap"):
        return path
    raise BoxUnavailable("bubblewrap is not installed, and students' code is run in nothing less. Install it: "
                         "apt-get install bubblewrap (Debian, Ubuntu) or dnf install bubblewrap (Fedora).")  # fmt: skip


def explain_refusal(output: str) -> str:
    """Say what to allow where bwrap could not start, from what it wrote and the kernel's settings."""
    lines = [f"The box could not be started. It said: {output.strip()[-1500:] or '(nothing)'}"]
    if _setting("kernel/unprivileged_userns_clone") == "0":
        lines.append("Allow user namespaces, as root: sysctl -w kernel.unprivileged_userns_clone=1")
    if _setting("user/max_user_namespaces") == "0":
        lines.append("Allow user namespaces, as root: sysctl -w user.max_user_namespaces=10000")
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        lines.append(_APPARMOR)
    if Path("/.dockerenv").exists() or os.environ.get("KUBERNETES_SERVICE_HOST"):
        lines.append("Inside a container, allow it namespaces: --security-opt seccomp=unconfined --security-opt "
                     "apparmor=unconfined --security-opt systempaths=unconfined for Docker.")  # fmt: skip
    return "\n".join(lines)


def command(control: int, isolation: str, warm: str) -> list[str]:
    """Return the command that starts the server in a box, with the control socket's number; see `server`.

    Raises:
        BoxUnavailable: there is no bwrap.
    """
    line = [
        find_bubblewrap(), "--unshare-all", "--unshare-user", "--uid", USER, "--gid", USER, "--die-with-parent",
        "--new-session", "--cap-drop", "ALL", "--hostname", "box", "--clearenv",
    ]  # fmt: skip
    for name, value in _environment(_CORPUS if corpus_file() else None).items():
        line += ["--setenv", name, value]
    line += _system_files()
    line += ["--proc", "/proc", "--dev", "/dev"]
    size = ["--size", str(SCRATCH_BYTES)] if _knows_size(line[0]) else []
    line += [*size, "--tmpfs", "/dev/shm", *size, "--tmpfs", "/tmp"]
    # After /tmp, where an environment may lie.
    for path in environment_folders():
        line += ["--ro-bind", path, path]
    for path in _links_of_interpreter():
        line += ["--ro-bind", path, path]
    line += ["--ro-bind", str(_package()), f"{_LIBRARY}/course_lib"]
    if corpus_file():
        line += ["--ro-bind", corpus_file(), _CORPUS]
    line += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--"]
    return [*line, *_server(control, isolation, warm, _LIBRARY)]


def unsafe_command(control: int, warm: str) -> list[str]:
    """Return the command that starts the same server with no box around it: for one's own code only."""
    return _server(control, "none", warm, str(_package().parent))


def unsafe_environment() -> dict[str, str]:
    """The environment variables of the server without a box."""
    return _environment(corpus_file()) | {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}


def environment_folders() -> list[str]:
    """Folders that hold this Python and its packages, outside /usr; each as written and as it really lies."""
    wanted = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *_site_folders(), *_library_folders()}
    wanted |= {os.path.realpath(path) for path in wanted}
    if "/" in wanted or str(Path.home()) in wanted:
        raise BoxUnavailable(f"This Python's prefix is {sys.prefix}, which would show the box everything there. "
                             "Make a virtual environment and run the course command from it.")  # fmt: skip
    shown = {path for path in wanted if os.path.isdir(path) and not _lies_in(path, "/usr")}
    return sorted(path for path in shown if not any(_lies_in(path, other) for other in shown - {path}))


def refuse_exposed(paths: Iterable[Path]) -> None:
    """Make sure that exercises, submissions and results lie outside what the box shows.

    Raises:
        BoxUnavailable: one of them does not.
    """
    shown = ["/usr", *environment_folders(), str(_package())]
    for path in paths:
        if within := next((folder for folder in shown if _lies_in(os.path.realpath(path), folder)), None):
            raise BoxUnavailable(f"{path} lies in {within}, which students' code can read. Move it elsewhere.")


def corpus_file() -> str | None:
    """The corpus on this machine, if it is there without a download: notebooks may load it."""
    named = os.environ.get(PATH_VARIABLE)
    if named:
        return os.path.abspath(named) if os.path.isfile(named) else None
    import pooch

    cached = Path(pooch.os_cache("course_lib")) / "tiny-shakespeare.txt"
    return str(cached) if cached.is_file() else None


def _server(control: int, isolation: str, warm: str, library: str) -> list[str]:
    kept = [path for path in environment_folders() if _lies_in(path, "/tmp")] if isolation != "none" else []
    # Not -I, under which Python ignores PYTHONHASHSEED, and the order of a set would differ from box to box.
    python = [sys.executable, "-s", "-P", "-B", "-c", _START, library, ":".join(_site_folders())]
    return [*python, str(control), isolation, warm, *kept]


def _environment(corpus: str | None) -> dict[str, str]:
    variables = {
        "HOME": "/tmp", "TMPDIR": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "USER": "student",
        "LOGNAME": "student", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg", "COURSE_DEVICE": "cpu",
    }  # fmt: skip
    if _library_folders():
        variables["LD_LIBRARY_PATH"] = ":".join(_library_folders())
    return variables | ({PATH_VARIABLE: corpus} if corpus else {})


def _system_files() -> list[str]:
    """Options that show /usr, the links into it, and the few files of /etc that the loader reads."""
    line = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "nix"):
        path = f"/{name}"
        if os.path.islink(path):
            line += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            line += ["--ro-bind", path, path]
    for path in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"):
        line += ["--ro-bind-try", path, path]
    return line


def _site_folders() -> list[str]:
    """Folders of installed packages, and no other of sys.path: the current folder may hold the solutions."""
    names = ("site-packages", "dist-packages")
    return [path for path in dict.fromkeys(sys.path) if os.path.basename(path) in names and os.path.isdir(path)]


def _library_folders() -> list[str]:
    """Folders that a cluster's module system has told the loader of."""
    named = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    return [path for path in named if path.startswith("/") and os.path.isdir(path)]


def _links_of_interpreter() -> list[str]:
    """Symbolic links between sys.executable and the program itself that lie in no folder shown."""
    shown, links, path = ["/usr", *environment_folders()], [], sys.executable
    while os.path.islink(path):
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
        if not any(_lies_in(path, folder) for folder in shown):
            links.append(path)
    return links


def _package() -> Path:
    return Path(__file__).resolve().parents[1]


def _lies_in(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder.rstrip("/")


def _knows_size(bubblewrap: str) -> bool:
    return "--size" in subprocess.run([bubblewrap, "--help"], capture_output=True, text=True).stdout


def _setting(name: str) -> str | None:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None

"""The files of an archive or a folder that students filled, read without trusting a name or a size in it.

Nothing is unpacked to where an archive says: the caller names the place. Links, devices, paths that
lead out and encrypted files are refused, one by one; a bomb ends the reading of its own file only, and
the sum of all of them is limited.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from course_lib.grading.text import one_line

FILE_BYTES = 64 * 2**20  # a notebook full of pictures has some 10 MB
TOTAL_BYTES = 8 * 2**30
FILES = 50_000
RATIO = 250  # times that a file may grow; JSON rarely reaches 50
RATIO_FROM = 2**20  # below this many bytes no ratio is a bomb
DEPTH = 12  # folders within folders
CHUNK = 2**16
MADE_BY_SYSTEMS = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints"}
# What zipfile raises for damaged, encrypted and unknown contents.
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


class RefusedError(Exception):
    """One file is not taken; the message says why, in a few words."""


@dataclass(frozen=True)
class Entry:
    """One file.

    Args:
        source: name of the archive or folder.
        parts: the path in it, as it was written there.
        modified: when it was last changed, ISO 8601 without a zone; "" where unknown.
        refusal: why it is not taken; "" where it is.
        open: opens it for reading bytes.
    """

    source: str
    parts: tuple[str, ...]
    modified: str
    refusal: str
    open: Callable[[], BinaryIO]

    @property
    def original(self) -> str:
        """Archive and path together, for people."""
        return f"{self.source}: {'/'.join(self.parts)}"


class Budget:
    """The bytes and files that one collection may still take."""

    def __init__(self) -> None:
        self.bytes, self.files = TOTAL_BYTES, FILES

    def copy(self, entry: Entry, target: BinaryIO) -> None:
        """Copy one file's content, never past a limit.

        Raises:
            RefusedError: it is not taken, cannot be read, or grows past a limit.
        """
        if entry.refusal:
            raise RefusedError(entry.refusal)
        self.files -= 1
        if self.files < 0:
            raise RefusedError(f"after {FILES:,} other files; collect in smaller parts")
        try:
            with entry.open() as file:
                self._copy(file, target, getattr(file, "packed", None))
        except _ZIP_ERRORS as error:
            raise RefusedError(f"cannot be read: {one_line(str(error))}") from None

    def _copy(self, file: BinaryIO, target: BinaryIO, packed: int | None) -> None:
        size = 0
        while chunk := file.read(CHUNK):
            size += len(chunk)
            self.bytes -= len(chunk)
            if size > FILE_BYTES:
                raise RefusedError(f"more than {FILE_BYTES // 2**20} MiB")
            if self.bytes < 0:
                raise RefusedError(f"after {TOTAL_BYTES // 2**30} GiB of others; collect in smaller parts")
            if packed is not None and size > max(RATIO_FROM, RATIO * packed):
                raise RefusedError(f"grows to more than {RATIO} times its packed size, as a zip bomb does")
            target.write(chunk)


@contextmanager
def opened(path: Path) -> Iterator[list[Entry]]:
    """Yield the files of a zip archive or a folder, in the order of their paths; they open within the block.

    Raises:
        ValueError: it is neither, or a damaged archive; the message names it and what to do.
    """
    if path.is_dir():
        yield _in_order(_walk(path, path.resolve().name))
        return
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise ValueError(f"There is no {path}; name an archive or a folder of submissions.") from None
    except _ZIP_ERRORS as error:
        raise ValueError(
            f"{path} is neither a folder nor a zip archive that can be read ({one_line(str(error))}). "
            "Download it again, or unpack it yourself and name the folder."
        ) from None
    with archive:
        yield _in_order(_zip_entries(archive, path.name))


def _in_order(found: Iterator[Entry]) -> list[Entry]:
    kept = [entry for entry in found if not MADE_BY_SYSTEMS & set(entry.parts) and not entry.parts[-1].startswith("._")]
    return sorted(kept, key=lambda entry: (entry.parts, entry.modified))


def _zip_entries(archive: zipfile.ZipFile, name: str) -> Iterator[Entry]:
    for info in archive.infolist():
        if not info.is_dir():
            modified = "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*info.date_time)
            parts = tuple(part for part in info.filename.replace("\\", "/").split("/") if part) or ("",)
            yield Entry(name, parts, modified, _zip_refusal(info), _zip_opener(archive, info))


def _zip_refusal(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "a link" if kind == stat.S_IFLNK else "a device"
    if info.flag_bits & 1:
        return "encrypted"
    if info.file_size > FILE_BYTES:
        return f"more than {FILE_BYTES // 2**20} MiB"
    return _path_refusal(info.orig_filename)


def _path_refusal(path: str) -> str:
    parts = path.replace("\\", "/").split("/")
    if path.startswith(("/", "\\")) or (len(path) > 1 and path[1] == ":") or ".." in parts or "\0" in path:
        return "a path that leads out of the archive"
    return f"more than {DEPTH} folders deep" if len(parts) > DEPTH else ""


def _zip_opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    def open_file() -> BinaryIO:
        file = archive.open(info)
        file.packed = info.compress_size
        return file

    return open_file


def _walk(folder: Path, name: str) -> Iterator[Entry]:
    waiting: list[tuple[Path, tuple[str, ...]]] = [(folder, ())]
    while waiting:
        place, parts = waiting.pop()
        with os.scandir(place) as found:
            for item in found:
                inner = (*parts, item.name)
                if item.is_dir(follow_symlinks=False) and len(inner) < DEPTH:
                    waiting.append((Path(item.path), inner))
                    continue
                status = item.stat(follow_symlinks=False)
                modified = datetime.fromtimestamp(int(status.st_mtime)).isoformat()
                yield Entry(name, inner, modified, _folder_refusal(status), _folder_opener(item.path))


def _folder_refusal(status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "a link"
    if stat.S_ISDIR(status.st_mode):
        return f"more than {DEPTH} folders deep"
    if not stat.S_ISREG(status.st_mode):
        return "a device"
    return f"more than {FILE_BYTES // 2**20} MiB" if status.st_size > FILE_BYTES else ""


def _folder_opener(path: str) -> Callable[[], BinaryIO]:
    def open_file() -> BinaryIO:
        # The file may have become a link or a pipe since it was looked at.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError("it is no regular file any more")
        return os.fdopen(descriptor, "rb")

    return open_file

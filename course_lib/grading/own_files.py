"""A folder that holds what one run of a command wrote, and nothing of an earlier run."""

import json
from collections.abc import Collection
from pathlib import Path

from course_lib.files import atomic_path


def replace_files(folder: Path, files: dict[str, str], record: str, kept_clean: Collection[str]) -> None:
    """Write `files` into `folder`, and remove what an earlier run wrote there and this one does not.

    `record`, a file in the folder, lists what was written. Nothing that it does not list is ever removed.
    A kill at any moment leaves a folder that the next run completes.

    Args:
        files: text of each file, by its path below the folder.
        kept_clean: folders, below this one, in which nothing else may lie.

    Raises:
        ValueError: the folder holds something, but no record; the record is damaged; or something else lies
            in a folder that is to be kept clean. Then nothing is changed.
    """
    before = _recorded(folder, record)
    _refuse_foreign(folder, before | set(files), kept_clean)
    folder.mkdir(parents=True, exist_ok=True)
    _write_record(folder / record, before | set(files))
    for path in sorted(before - set(files)):
        _remove(folder, path)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(folder / path) as temporary:
            temporary.write_bytes(text.encode("utf-8", "backslashreplace"))
    _write_record(folder / record, set(files))


def _recorded(folder: Path, record: str) -> set[str]:
    path = folder / record
    if not path.is_file():
        if folder.exists() and (not folder.is_dir() or any(not _is_hidden(there) for there in folder.iterdir())):
            raise ValueError(f"{folder} holds something, but no {record}; give a new or an empty folder with -o.")
        return set()
    try:
        found = set(json.loads(path.read_text(encoding="utf-8"))["files"])
        if not all((folder / name).parent.resolve().is_relative_to(folder.resolve()) for name in found):
            raise ValueError("it leads out of the folder")
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is not what course wrote ({error}); give a new folder with -o.") from None
    return found


def _refuse_foreign(folder: Path, ours: set[str], kept_clean: Collection[str]) -> None:
    there = [path for clean in kept_clean for path in sorted((folder / clean).rglob("*")) if not _is_hidden(path)]
    foreign = [path for path in there if not path.is_dir() and path.relative_to(folder).as_posix() not in ours]
    links = [path for path in (*there, *(folder / name for name in sorted(ours))) if path.is_symlink()]
    for path in (*foreign, *links):
        raise ValueError(f"{path} is not of this command; move it away, or give a new folder with -o.")


def _is_hidden(path: Path) -> bool:
    """What a kill leaves, and what systems put into folders: nobody compares it."""
    return path.name.startswith(".")


def _remove(folder: Path, path: str) -> None:
    """Remove a file, and the folders that are empty without it."""
    target = folder / path
    for left in (target, *target.parent.glob(f".{target.name}.*.part")):  # a kill leaves the second
        left.unlink(missing_ok=True)
    for parent in (folder / path).parents:
        if parent == folder or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()


def _write_record(path: Path, files: set[str]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps({"files": sorted(files)}, indent=1) + "\n", encoding="utf-8")

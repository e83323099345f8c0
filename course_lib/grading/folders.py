"""The folders of a grading run: which submissions there are, which are done, and the run's secret."""

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_lib.files import atomic_path
from course_lib.grading.collection import read_late
from course_lib.grading.grade import secret_id
from course_lib.grading.results import result_paths
from course_lib.grading.run import Job, write_result
from course_lib.grading.student_code import UnreadableNotebook, read_file
from course_lib.grading.task import SCHEMA, Task

RUN_NAME = "run.json"
_LEAST_SECRET = 16


@dataclass(frozen=True)
class RunRecord:
    """What `run.json` holds: the secret of the random inputs, and what else grades depend on.

    Args:
        secret: of this run.
        release_seed: what the exercises were released with; None for the public version.
        shards: parts of the whole that this folder holds, as [i, n]; empty for all of it.
        secrets: all secrets that results of this folder were made with, by their id.
    """

    secret: bytes
    release_seed: str | None
    shards: tuple[tuple[int, int], ...] = ()
    secrets: dict[str, str] = field(default_factory=dict)


def open_run(
    folder: Path, secret_file: Path | None, release_seed: str | None, shard: tuple[int, int] | None
) -> RunRecord:
    """Return the record of a folder of results, or a new one, which `write_run` keeps.

    Where the secret comes from another run's record, the seed of the release does, too.

    Raises:
        ValueError: what is given is not what the folder's earlier results were made with, or not what the
            run was made with whose secret is given.
    """
    given = None
    if secret_file is not None:
        given, earlier = read_secret(secret_file)
        release_seed = _seed_of(secret_file, earlier, release_seed) if earlier else release_seed
    shards = (shard,) if shard else ()
    if (folder / RUN_NAME).exists():
        record = read_run(folder / RUN_NAME)
        for name, new, old in (
            ("--secret", given, record.secret), ("--seed", release_seed, record.release_seed),
            ("--shard", shards or None, record.shards),
        ):  # fmt: skip
            if new is not None and new != old:
                raise ValueError(f"{folder} holds results of another {name}; give another folder with -o.")
        return record
    if folder.is_dir() and any(not name.startswith(".") for name in os.listdir(folder)):
        raise ValueError(f"{folder} holds something, but not from course grade; give a new or an empty folder with -o.")
    secret = given or secrets.token_bytes(32)
    return RunRecord(secret, release_seed, shards, {secret_id(secret): secret.hex()})


def read_run(path: Path) -> RunRecord:
    """Return the record in a `run.json`.

    Raises:
        ValueError: it is damaged.
        FileNotFoundError: there is none.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["schema"] != SCHEMA:
            raise ValueError(f"schema is {values['schema']!r}, this version reads {SCHEMA}")
        shards = tuple((int(i), int(n)) for i, n in values["shards"])
        return RunRecord(bytes.fromhex(values["secret"]), values["release_seed"], shards, dict(values["secrets"]))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is not what course grade wrote ({error}).") from None


def write_run(folder: Path, record: RunRecord) -> None:
    """Write the record, readable by its owner alone."""
    folder.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {
        "schema": SCHEMA, "secret": record.secret.hex(), "release_seed": record.release_seed,
        "shards": sorted(record.shards), "secrets": dict(sorted(record.secrets.items())),
    }  # fmt: skip
    with atomic_path(folder / RUN_NAME) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def read_secret(path: Path) -> tuple[bytes, RunRecord | None]:
    """Return the secret in a file: that of a run.json, and its record, or the hash of any other text.

    Raises:
        ValueError: the text is too short to be one.
    """
    data = path.read_bytes().strip()
    if data.startswith(b"{"):
        record = read_run(path)
        return record.secret, record
    if len(data) < _LEAST_SECRET:
        raise ValueError(f"{path} holds {len(data)} characters; a secret needs {_LEAST_SECRET} or more.")
    return hashlib.sha256(data).digest(), None


def _seed_of(path: Path, record: RunRecord, given: str | None) -> str | None:
    """The seed of a run that is to be reproduced: on another one its grades would be those of other tasks."""
    if given is not None and given != record.release_seed:
        was = "without --seed" if record.release_seed is None else f"with --seed {record.release_seed!r}"
        raise ValueError(
            f"{path} is of a run {was}, and you give --seed {given!r}. To reproduce its grades leave --seed out: "
            "it is taken from there. To grade with another seed give another --secret, or none."
        )
    return record.release_seed


def student_folders(submitted: Path, only: Sequence[str] | None, shard: tuple[int, int] | None) -> list[str]:
    """Return the students' ids: the names of the folders, in order, of a shard if one is given.

    Raises:
        ValueError: there is no student of that id.
    """
    names = sorted(
        entry.name for entry in os.scandir(submitted)
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith((".", "_"))
    )  # fmt: skip
    if unknown := sorted(set(only or []) - set(names)):
        raise ValueError(f"{submitted} has no folder of a student {unknown[0]!r}.")
    return [name for name in names if (not only or name in only) and (not shard or in_shard(name, *shard))]


def in_shard(student: str, index: int, count: int) -> bool:
    """Whether a student is in part `index`, 1 to `count`; the same on every machine."""
    digest = hashlib.sha256(student.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % count == index - 1


def find_jobs(
    submitted: Path, results: Path, tasks: dict[str, Task], students: Sequence[str]
) -> tuple[list[Job], list[str]]:
    """Return what there is to grade, and what was not handed in of exercises that others handed in."""
    late = read_late(submitted)
    jobs, absent = [], []
    for student in students:
        for piece, task in tasks.items():
            path = submitted / student / piece / f"{piece}.ipynb"
            job = Job(student, task, path, results / student / f"{piece}.json", late.get((student, piece)))
            # A link in the place of the folder or the file is there, and is refused when it is read.
            (jobs if os.path.lexists(path) else absent).append(job)
    given_out = {job.task.exercise.piece for job in jobs}
    return jobs, [job.name for job in absent if job.task.exercise.piece in given_out]


def refuse_other_class(submitted: Path, results: Path) -> None:
    """Make sure that a folder of results is that of these submissions: feedback must not show one student another's.

    Raises:
        ValueError: it holds the result of a submission that `submitted` does not have.
    """
    others = [
        f"{path.parent.name}/{path.stem}" for path in result_paths(results)
        if not os.path.lexists(submitted / path.parent.name / path.stem / f"{path.stem}.ipynb")
    ]  # fmt: skip
    if others:
        named = ", ".join(others[:3] + ["…"] * bool(others[3:]))
        raise ValueError(f"{results} holds results of submissions that {submitted} does not have ({named}). "
                         "Each class, and each Moodle assignment, needs a folder of results of its own: give "
                         "another one with -o. If a submission was withdrawn, remove its result.")  # fmt: skip


def keep_finished(jobs: Sequence[Job], secret: bytes, *, unsafe: bool) -> list[Job]:
    """Return the jobs that have no grade yet, or whose file, checks or exercise have changed since.

    A grade that stands gets what has become known of its lateness.
    """
    left = []
    for job in jobs:
        result = _read_json(job.result)
        if result is None or result.get("status") == "grader_error" or (
            result.get("basis"), result.get("seed"), result.get("submission_sha256"), result.get("unsafe", False)
        ) != (job.task.basis, secret_id(secret), _sha256(job.path), unsafe):  # fmt: skip
            left.append(job)
        elif result.get("late") != job.late:
            write_result(job, result | {"late": job.late})
    return left


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(read_file(path)).hexdigest()
    except UnreadableNotebook:
        return ""


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None

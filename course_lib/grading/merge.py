"""Joining the results of shards."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from course_lib.files import atomic_path
from course_lib.grading.folders import RUN_NAME, RunRecord, read_run, write_run
from course_lib.grading.results import read_result, result_paths


@dataclass(frozen=True)
class Merged:
    """What a merge made: how many results, how many of them without a grade, and what is odd."""

    results: int
    without_grade: int
    warnings: list[str]


def merge(parts: Sequence[Path], folder: Path) -> Merged:
    """Copy the results of all parts into `folder`. Merging the same again, or more, is allowed.

    Of one submission, a grade replaces a grader's error, and two grades must agree.

    Raises:
        ValueError: a part is no folder of results or is `folder` itself, parts were released with different
            seeds, or two grades of one submission differ.
    """
    for part in parts:
        if not (part / RUN_NAME).is_file():
            raise ValueError(f"{part} has no {RUN_NAME}; give folders that course grade wrote.")
        if folder.resolve() == part.resolve():
            raise ValueError(f"{folder} is one of the parts; give another folder with -o, so that the part stays.")
    records = [read_run(part / RUN_NAME) for part in parts]
    if (folder / RUN_NAME).is_file():
        records.insert(0, read_run(folder / RUN_NAME))
    record = _joined(records)
    write_run(folder, record)
    for part in parts:
        for path in result_paths(part):
            _copy(path, folder / path.parent.name / path.name)
    results = [read_result(path) for path in result_paths(folder)]
    without = [result for result in results if not result.is_graded]
    warnings = [f"Without a grade: {result.student}/{result.exercise}" for result in without]
    if len(record.secrets) > 1:
        warnings.append("The parts were graded with different secrets: give all shards the same --secret, for the "
                        "same random inputs as one run would have.")  # fmt: skip
    return Merged(len(results), len(without), warnings + _missing_shards(record))


def _joined(records: Sequence[RunRecord]) -> RunRecord:
    if len({record.release_seed for record in records}) > 1:
        raise ValueError("The parts were graded with different --seed values, so their exercises differ.")
    shards = tuple(sorted({shard for record in records for shard in record.shards}))
    known = {name: secret for record in records for name, secret in record.secrets.items()}
    return replace(records[0], shards=shards, secrets=known)


def _missing_shards(record: RunRecord) -> list[str]:
    counts = {count for _, count in record.shards}
    missing = [f"{i}/{n}" for n in sorted(counts) for i in range(1, n + 1) if (i, n) not in record.shards]
    return [f"Parts that are still to come: {', '.join(missing)}"] if missing else []


def _copy(source: Path, target: Path) -> None:
    new = read_result(source)
    data = source.read_bytes()
    if target.exists():
        if target.read_bytes() == data or not new.is_graded:
            return
        old = read_result(target)
        if old.is_graded and _judgement(source) != _judgement(target):
            raise ValueError(f"{source} and {target} are different grades of one submission; merge into a new folder, "
                             "and give only the parts that count.")  # fmt: skip
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        temporary.write_bytes(data)


def _judgement(path: Path) -> dict:
    """A result without what may differ between two runs on the same secret: what was printed, how often it was tried."""
    values = json.loads(path.read_text(encoding="utf-8"))
    return {key: value for key, value in values.items() if key not in ("log", "attempts")}

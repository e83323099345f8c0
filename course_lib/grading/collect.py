"""`course collect`: from what Canvas, Moodle or a folder holds to `SUBMITTED/STUDENT/PIECE/PIECE.ipynb`."""

import argparse
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from course_lib.grading.archives import Budget, Entry, RefusedError, opened
from course_lib.grading.collection import (
    NAME, File, placed, read_collection, sha256_of, write_collection,
)  # fmt: skip
from course_lib.grading.exercise import DEFAULT_FOLDER, add_exercises_option, load_exercises
from course_lib.grading.origins import Origin, origins_of, own_stem, without_common_folder
from course_lib.grading.recognise import Recognised, Recogniser
from course_lib.grading.text import one_line, safe_name

INCOMING = ".incoming"


def add_collect_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources", nargs="+", type=Path, metavar="ARCHIVE_OR_FOLDER",
        help="what Canvas' or Moodle's “download all submissions” gave, as zip or unpacked, or a folder "
        "with one folder a student",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="SUBMITTED",
        help="where the notebooks go; what an earlier collection put there stays, and counts",
    )  # fmt: skip
    add_exercises_option(parser)


def run_collect(args: argparse.Namespace) -> None:
    """Collect, and say what was found and what is odd."""
    files = collect(args.sources, args.output, args.exercises)
    for line in report(files):
        print(line)
    if not any(file.state == "submitted" for file in files):
        raise SystemExit("No submission was recognised: see the list above and the help of course collect.")
    print(f"All of this stands in {args.output / NAME}.")


def collect(sources: Sequence[Path], output: Path, exercises: Path = DEFAULT_FOLDER) -> list[File]:
    """Put each student's newest notebook into `output` and keep every other file beside; return them all.

    Collecting the same again changes nothing; collecting more adds to it. A kill at any moment loses
    nothing: every file is moved into its place whole, the older ones before the newer.

    Raises:
        ValueError: a source cannot be read, or `output` is not a folder for collections or was edited.
        ExerciseError: `exercises` is not a folder of exercises.
    """
    _check_places(sources, output)
    recogniser = Recogniser(load_exercises(exercises))
    output.mkdir(parents=True, exist_ok=True)
    before = read_collection(output)
    with _incoming(output) as incoming:
        found: list[File] = []
        budget = Budget()
        for source in sources:
            with opened(source) as entries:
                found += _take(entries, recogniser, incoming, budget)
        files = placed([*before, *found])
        _stage_again(files, before, output, incoming)
        _move(files, output, incoming)
    write_collection(output, files)
    _remove_leftovers(before, files, output)
    return files


def _check_places(sources: Sequence[Path], output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file; give a folder with -o.")
    if output.is_dir() and not (output / NAME).is_file() and set(os.listdir(output)) - {INCOMING}:
        raise ValueError(
            f"{output} holds something, but not from course collect; give a new or an empty folder with -o."
        )
    target = output.resolve()
    for source in sources:
        place = source.resolve()
        if place.is_dir() and (target == place or target in place.parents or place in target.parents):
            raise ValueError(f"{source} and {output} lie one in the other; give another folder with -o.")
        if (source / NAME).is_file():
            raise ValueError(f"{source} is a collection already; grade it, or name what it was made from.")


@contextmanager
def _incoming(output: Path) -> Iterator[Path]:
    """Yield an empty folder on the file system of `output`, and remove it afterwards."""
    folder = output / INCOMING
    shutil.rmtree(folder, ignore_errors=True)  # what a kill left
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _take(entries: list[Entry], recogniser: Recogniser, incoming: Path, budget: Budget) -> Iterator[File]:
    from tqdm import tqdm

    skip = without_common_folder([entry.parts for entry in entries], recogniser.exercises)
    origins = origins_of(entry.parts[skip:] for entry in entries)
    for entry, origin in zip(tqdm(entries, unit="file", leave=False, disable=None), origins, strict=True):
        partial = incoming / "partial"
        try:
            with open(partial, "wb") as target:
                budget.copy(entry, target)
        except RefusedError as refusal:
            yield _file(entry, origin, Recognised(None, "", str(refusal)), "")
            continue
        digest = sha256_of(partial)
        recognised = recogniser(partial.read_bytes(), origin.file)
        os.replace(partial, incoming / digest)
        yield _file(entry, origin, recognised, digest)


def _file(entry: Entry, origin: Origin, recognised: Recognised, digest: str) -> File:
    problem = recognised.problem
    if not problem and origin.numbers:
        students = " or ".join(map(str, origin.numbers[:-1]))
        problem = f"It may be of student {students}; put it into a folder named after the right one."
    elif not problem and origin.student is None:
        problem = "Nothing tells whose it is; put it into a folder named after the student."
    elif not problem and recognised.piece is None:
        problem = "Neither its content nor its name is that of an exercise."
    return File(
        original=entry.original,
        student=None if origin.student is None else safe_name(origin.student),
        student_id=origin.student,
        student_name=origin.name,
        exercise=recognised.piece,
        recognised_by=recognised.by if recognised.piece else "",
        renamed=recognised.piece is not None and own_stem(origin.file) != recognised.piece,
        late=origin.late,
        attempt=origin.attempt,
        modified=entry.modified,
        sha256=digest,
        problem=problem,
    )


def _stage_again(files: list[File], before: list[File], output: Path, incoming: Path) -> None:
    """Copy to `incoming` what an earlier collection put elsewhere than it now belongs."""
    places = {(file.original, file.sha256): file.path for file in before}
    for file in files:
        old = places.get((file.original, file.sha256))
        if not old or (incoming / file.sha256).exists():
            continue
        for place in (old, file.kept_at()):  # the second, where a collection was killed half way
            if (output / place).is_file() and sha256_of(output / place) == file.sha256:
                shutil.copyfile(output / place, incoming / file.sha256)
                break
        else:
            raise ValueError(
                f"{output / old} was changed or removed since it was collected from {one_line(file.original)}. "
                "Collect everything into a new folder, so that no change is lost."
            )


def _move(files: list[File], output: Path, incoming: Path) -> None:
    """Put every file in its place; those that are graded come last, as they overwrite older ones."""
    for file in sorted(files, key=lambda file: file.state == "submitted"):
        if file.path:
            target = output / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(incoming / file.sha256, incoming / "moving")
            os.replace(incoming / "moving", target)


def _remove_leftovers(before: list[File], files: list[File], output: Path) -> None:
    """Remove the copy of a superseded file that has become the newest again, and the like."""
    for path in {file.path for file in before} - {file.path for file in files} - {""}:
        (output / path).unlink(missing_ok=True)


def report(files: list[File]) -> list[str]:
    """Return what a person has to know about a collection, a line a file, under headings."""
    graded = [file for file in files if file.state == "submitted"]
    students = len({file.student for file in graded})
    lines = [f"{len(graded)} notebooks of {students} students."]
    for heading, chosen in {
        "Late": [file for file in graded if file.late],
        "Renamed, and recognised all the same": [file for file in graded if file.renamed],
        "Superseded by a newer or a readable one": [file for file in files if file.state == "superseded"],
        "Unreadable; the student will be told": [file for file in graded if file.problem],
        "Not recognised; kept in _unrecognised": [file for file in files if file.state == "unrecognised"],
        "Refused; not kept": [file for file in files if file.state == "refused"],
    }.items():
        if chosen:
            lines.append(f"{heading} ({len(chosen)}):")
            lines += [f"  {_line(file)}" for file in chosen]
    return lines


def _line(file: File) -> str:
    who = f"{file.student or '?'}/{file.exercise or '?'}"
    by = f"; by its {file.recognised_by}" if file.renamed else ""
    problem = f" ({file.problem})" if file.problem else ""
    return f"{who}: {one_line(file.original)}{by}{problem}"

"""`course grade` and `course merge`."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from course_lib.grading import box
from course_lib.grading.exercise import add_exercises_option, load_exercises, seed_text
from course_lib.grading.feedback import write_feedback
from course_lib.grading.folders import (
    RunRecord, find_jobs, keep_finished, open_run, refuse_other_class, student_folders, write_run,
)  # fmt: skip
from course_lib.grading.merge import merge
from course_lib.grading.results import write_csv
from course_lib.grading.run import Job, grade_all
from course_lib.grading.task import Task, make_task

GRADER_FAILED = 3  # exit status: some or all have no grade, and it is the grader's fault
_SHARD = re.compile(r"([1-9]\d{0,5})/([1-9]\d{0,5})")


def add_grade_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `course grade` takes."""
    parser.add_argument("submitted", type=Path, metavar="SUBMITTED",
                        help="the folder that course collect made: SUBMITTED/STUDENT/PIECE/PIECE.ipynb")  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="RESULTS",
                        help="where results, results.csv and feedback go; the same folder again goes on where a "
                        "killed run stopped, and grades anew only what has changed")  # fmt: skip
    add_exercises_option(parser)
    parser.add_argument("--only", action="append", metavar="PIECE", help="grade this exercise alone; may be repeated")
    parser.add_argument("--student", action="append", metavar="ID", help="grade this student alone; may be repeated")
    parser.add_argument("-j", "--jobs", type=_positive, default=_processors(), metavar="N",
                        help="submissions at a time (default: one a processor, here %(default)s)")  # fmt: skip
    parser.add_argument("--shard", type=_shard, metavar="I/N",
                        help="grade part I of N, 1 to N, into a folder of its own; course merge joins them. A "
                        "student's part depends on the student's id alone. Give all the same --secret")  # fmt: skip
    parser.add_argument("--secret", type=Path, metavar="FILE",
                        help="what the random inputs are derived from: a text of 16 characters or more, or the "
                        "run.json of a run whose grades are to be reproduced, which has its --seed, too (default: "
                        "a new one, kept in RESULTS/run.json)")  # fmt: skip
    parser.add_argument("--seed", metavar="TEXT", type=seed_text,
                        help="the seed that the exercises were released with, if any; RESULTS/run.json keeps it, so "
                        "that going on needs no --seed")  # fmt: skip
    parser.add_argument("--unsafe", action="store_true",
                        help="run the notebooks with no box around them, as you: for your own code only")  # fmt: skip


def run_grade(args: argparse.Namespace) -> None:
    """Grade, write `results.csv` and feedback, and say what has no grade. Exit status 3 if the grader failed."""
    if not args.submitted.is_dir():
        raise SystemExit(f"{args.submitted} is no folder; give the one that course collect made.")
    record = open_run(args.output, args.secret, args.seed, args.shard)
    tasks = _tasks(args, record)
    students = student_folders(args.submitted, args.student, args.shard)
    refuse_other_class(args.submitted, args.output)
    jobs, missing = find_jobs(args.submitted, args.output, tasks, students)
    if not jobs:
        _explain_nothing(args, tasks)
    write_run(args.output, record)
    if not jobs:
        return
    open_jobs = keep_finished(jobs, record.secret, unsafe=args.unsafe)
    if len(open_jobs) < len(jobs):
        print(f"{len(jobs) - len(open_jobs)} of {len(jobs)} were graded before and have not changed.")
    failed = _grade(args, open_jobs, record)
    table = write_csv(args.output)
    write_feedback(args.output)
    _report(jobs, missing, failed)
    print(f"Results: {table}. Feedback: {args.output}/STUDENT/feedback.html and .md.")
    if failed:
        sys.exit(GRADER_FAILED)


def _explain_nothing(args: argparse.Namespace, tasks: dict[str, Task]) -> None:
    """A shard may get no student. That is no error, or a cluster would start its task again and again.

    Raises:
        SystemExit: no shard has a submission.
    """
    everybody = student_folders(args.submitted, args.student, None)
    if not args.shard or not find_jobs(args.submitted, args.output, tasks, everybody)[0]:
        raise SystemExit(f"{args.submitted} holds no STUDENT/PIECE/PIECE.ipynb of {', '.join(tasks)}.")
    print(f"No submission is in shard {args.shard[0]}/{args.shard[1]}; there is nothing to grade. "
          f"Give {args.output} to course merge with the other parts.")  # fmt: skip


def _tasks(args: argparse.Namespace, record: RunRecord) -> dict[str, Task]:
    exercises = load_exercises(args.exercises)
    if unknown := sorted(set(args.only or []) - set(exercises)):
        raise SystemExit(f"There is no exercise {unknown[0]!r}. There are: {', '.join(exercises)}.")
    return {
        piece: make_task(exercise, record.release_seed)
        for piece, exercise in exercises.items() if not args.only or piece in args.only
    }  # fmt: skip


def _grade(args: argparse.Namespace, jobs: Sequence[Job], record: RunRecord) -> list[tuple[Job, str]]:
    """Grade and return the jobs on which the grader failed, with the reason of each."""
    failed = []
    if args.unsafe:
        print("--unsafe: there is no box; the notebooks can read and change all that you can.", file=sys.stderr)
    try:
        if jobs and not args.unsafe:
            box.refuse_exposed([args.submitted, args.exercises, args.output])
        with tqdm(total=len(jobs), unit="submission", disable=None) as bar:
            for job, result in grade_all(jobs, record.secret, workers=args.jobs, unsafe=args.unsafe):
                bar.update()
                if result["status"] == "grader_error":
                    failed.append((job, result["notes"][-1]))
    except box.BoxUnavailable as error:
        print(f"{error}\nNothing more was graded, and nobody was given a zero for it.", file=sys.stderr)
        sys.exit(GRADER_FAILED)
    return failed


def _report(jobs: Sequence[Job], missing: Sequence[str], failed: Sequence[tuple[Job, str]]) -> None:
    print(f"{len(jobs) - len(failed)} of {len(jobs)} submissions have a grade.")
    for heading, lines in (
        ("Not handed in:", missing),
        ("Without a grade; run the same command again:", [f"{job.name}: {reason}" for job, reason in failed]),
    ):
        if lines:
            print("\n  ".join([heading, *lines]))


def add_merge_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `course merge` takes."""
    parser.add_argument("parts", nargs="+", type=Path, metavar="PART", help="a RESULTS folder of course grade --shard")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="RESULTS",
                        help="where the whole goes; merging the same again changes nothing")  # fmt: skip


def run_merge(args: argparse.Namespace) -> None:
    """Join parts into one folder of results, with its `results.csv` and feedback."""
    merged = merge(args.parts, args.output)
    table = write_csv(args.output)
    write_feedback(args.output)
    print(f"{merged.results} results of {len(args.parts)} parts: {table}")
    for line in merged.warnings:
        print(line)
    if merged.without_grade:
        sys.exit(GRADER_FAILED)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _shard(text: str) -> tuple[int, int]:
    match = _SHARD.fullmatch(text)
    if not match or int(match[1]) > int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not I/N with 1 <= I <= N, such as 2/4")
    return int(match[1]), int(match[2])


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

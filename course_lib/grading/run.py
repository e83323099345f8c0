"""Grading many submissions: several at a time, resumable, and never a zero for the grader's own failure."""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.files import atomic_path
from course_lib.grading.box import BoxUnavailable
from course_lib.grading.checks import GraderError
from course_lib.grading.grade import blank_result, grade_file
from course_lib.grading.host import Box
from course_lib.grading.session import OVERALL_LIMITS
from course_lib.grading.task import Task

ATTEMPTS = 3
# Beyond a submission's own limit: what the checks may compute outside the box before they count as hanging.
_CHECKS_SECONDS = 300
_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Job:
    """One submission to grade, and where its result goes."""

    student: str
    task: Task
    path: Path
    result: Path
    late: bool | None

    @property
    def name(self) -> str:
        """The submission as messages name it."""
        return f"{self.student}/{self.task.exercise.piece}"


def write_result(job: Job, result: dict[str, Any]) -> None:
    """Write a result so that a kill at any moment leaves none or all of it."""
    job.result.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_path(job.result) as temporary:
        # A folder's name that is not UTF-8 holds half characters; \udc80 is how JSON writes one.
        temporary.write_bytes(text.encode("utf-8", "backslashreplace") + b"\n")


def grade_all(
    jobs: Sequence[Job], secret: bytes, *, workers: int, unsafe: bool = False, hang_seconds: float = _CHECKS_SECONDS
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Grade the jobs, `workers` at a time; write and yield each result as it is there.

    A submission on which the grader fails is tried `ATTEMPTS` times; then its result says so.

    Raises:
        BoxUnavailable: no box could be started; what was graded before stays written.
    """
    if not jobs:
        return
    boxes = _Boxes(unsafe, any(job.task.uses_optimizers for job in jobs))
    crew = _Crew(jobs, lambda job: _attempt(job, boxes, secret), hang_seconds)
    try:
        boxes.get()  # now: if there can be none, it is said once
        for job, outcome in crew.work(min(workers, len(jobs))):
            if isinstance(outcome, BoxUnavailable):
                raise outcome
            if isinstance(outcome, Exception):
                outcome = _failed(job, secret, outcome)
            outcome["unsafe"] = unsafe
            write_result(job, outcome)
            yield job, outcome
    finally:
        crew.stop()
        boxes.close()


def _attempt(job: Job, boxes: "_Boxes", secret: bytes) -> dict[str, Any]:
    for attempt in range(1, ATTEMPTS + 1):
        box = boxes.get()
        try:
            return grade_file(job.path, job.student, job.task, box, secret, job.late) | {"attempts": attempt}
        except GraderError as error:
            boxes.give_up(box)
            if attempt == ATTEMPTS:
                raise GraderError(f"{error} (tried {ATTEMPTS} times)") from error
    raise AssertionError("unreachable")


def _failed(job: Job, secret: bytes, error: Exception) -> dict[str, Any]:
    text = str(error) if isinstance(error, GraderError) else f"{type(error).__name__}: {error}"
    return blank_result(job.student, job.task, secret, job.late) | {
        "status": "grader_error", "points": None, "attempts": ATTEMPTS,
        "notes": [f"The grader failed, not the student: {text}"],
    }  # fmt: skip


class _Boxes:
    """The one box that all workers share, and its successor when it has ended."""

    def __init__(self, unsafe: bool, optimizers: bool) -> None:
        self._unsafe, self._optimizers = unsafe, optimizers
        self._lock = threading.Lock()
        self._box: Box | None = None

    def get(self) -> Box:
        with self._lock:
            if self._box is None:
                self._box = Box(unsafe=self._unsafe, optimizers=self._optimizers)
            return self._box

    def give_up(self, box: Box) -> None:
        """Forget a box that has ended; one that still serves others stays."""
        with self._lock:
            if self._box is box and not box.is_alive:
                box.close()
                self._box = None

    def close(self) -> None:
        with self._lock:
            if self._box is not None:
                self._box.close()
                self._box = None


class _Crew:
    """Threads that work on jobs. One that a check's endless loop has caught is given up, and replaced.

    Threads, because their work is to wait for children in the box, and because processes would each
    hold PyTorch in memory.
    """

    def __init__(self, jobs: Sequence[Job], work: Callable[[Job], dict[str, Any]], hang_seconds: float) -> None:
        self._waiting = list(reversed(jobs))
        self._work = work
        self._hang_seconds = hang_seconds
        self._busy: dict[threading.Thread, tuple[Job, float]] = {}
        self._lock = threading.Lock()
        self._done: queue.SimpleQueue[tuple[Job, Any]] = queue.SimpleQueue()

    def work(self, workers: int) -> Iterator[tuple[Job, Any]]:
        """Yield each job with its result, or with the exception that ended it."""
        left = len(self._waiting)
        for _ in range(workers):
            self._start_thread()
        while left:
            try:
                yield self._done.get(timeout=_LOOK_SECONDS)
                left -= 1
            except queue.Empty:
                self._give_up_hanging()

    def stop(self) -> None:
        """Let no thread begin another job."""
        with self._lock:
            self._waiting.clear()

    def _start_thread(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        thread = threading.current_thread()
        while True:
            with self._lock:
                if not self._waiting:
                    return
                job = self._waiting.pop()
                limit = OVERALL_LIMITS * job.task.exercise.limits.seconds + self._hang_seconds
                self._busy[thread] = (job, time.monotonic() + ATTEMPTS * limit)
            try:
                outcome: Any = self._work(job)
            except Exception as error:
                outcome = error
            with self._lock:
                if self._busy.pop(thread, None) is None:  # given up, and reported as such
                    return
            self._done.put((job, outcome))

    def _give_up_hanging(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [thread for thread, (_, deadline) in self._busy.items() if now > deadline]
            jobs = [self._busy.pop(thread)[0] for thread in late]
        for job in jobs:
            self._done.put((job, GraderError("A check did not come to an end.")))
            self._start_thread()

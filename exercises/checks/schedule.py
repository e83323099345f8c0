"""Hidden checks of `schedule`: lr_at(step, *, peak, floor, warmup, stable, decay, restarts).

Inputs are random and answers are not: a right solution passes with certainty (tolerance 1e-6).
"""

import math
from collections.abc import Sequence

from course_lib.grading.checks import StudentError, Submission, check, expect, expect_close, expect_number

SHAPES = {
    "linear": lambda u: 1 - u,
    "square root": lambda u: 1 - math.sqrt(u),
    "cosine": lambda u: (1 + math.cos(math.pi * u)) / 2,
    "square": lambda u: (1 - u) ** 2,
    "quarter circle": lambda u: math.sqrt(1 - u * u),
}
Cycle = dict[str, float | int]


def draw(student: Submission) -> Cycle:
    peak = student.random.choice([1e-3, 3e-4, 0.02, 1.0])
    warmup, stable, decay = student.random.integers(10, 60, (3,)).tolist()
    share = student.random.choice([0.05, 0.1, 0.25])
    return {"peak": peak, "floor": share * peak, "warmup": warmup, "stable": stable, "decay": decay}


def total(cycle: Cycle) -> int:
    return cycle["warmup"] + cycle["stable"] + cycle["decay"]


def reference(student: Submission, step: int, cycle: Cycle, restarts: Sequence[int]) -> float:
    """Go through the cycles from the first to the one that holds `step`."""
    shape = SHAPES[student.parameters["shape"]]
    start = 0.0
    begins = [0, *(restart for restart in restarts if restart <= step)]
    for begin, end in zip(begins, [*begins[1:], step]):
        start = one_cycle(end - begin, start, shape, **cycle)
    return start


def one_cycle(k: int, start: float, shape, peak: float, floor: float, warmup: int, stable: int, decay: int) -> float:
    if k < warmup:
        return start + (peak - start) * k / warmup
    if k < warmup + stable:
        return peak
    u = (k - warmup - stable) / decay if decay else 1.0
    return floor + shape(u) * (peak - floor) if u < 1 else floor


def compare(
    student: Submission, cycle: Cycle, restarts: Sequence[int], steps: Sequence[int], message: str
) -> None:
    """Ask for the rate of each step; the message is completed with the first that is wrong."""
    for step in steps:
        answer = student.call("lr_at", step, **cycle, restarts=list(restarts))
        rate = expect_number(answer, f"lr_at({step}, ...)")
        right = reference(student, step, cycle, restarts)
        expect_close(rate, right, rtol=1e-6, atol=1e-12, message=(
            f"{message} At step {step} your rate is {rate:.6g}, with {describe(cycle)}, "
            f"restarts {list(restarts)}."))  # fmt: skip


def describe(cycle: Cycle) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in cycle.items())


@check("warms up, holds, and ends at the floor", points=2)
def branches(student: Submission) -> None:
    for _ in range(2):
        cycle = draw(student)
        W, S, end = cycle["warmup"], cycle["stable"], total(cycle)
        steps = [0, 1, W // 2, W - 1, W, W + 1, W + S - 1, W + S, end, end + 1, 50 * end]
        compare(student, cycle, [], steps, "Warmup is a line from 0 to peak, then the plateau, at last the floor.")


@check("decays in the shape that the task gives", points=2)
def shape(student: Submission) -> None:
    for _ in range(2):
        cycle = draw(student)
        first = cycle["warmup"] + cycle["stable"]
        steps = [first + k for k in range(1, cycle["decay"])]
        compare(student, cycle, [], steps, "The decay has another shape, or does not go from peak to floor.")


@check("a restart at the floor warms up from the floor", points=2)
def restart_at_floor(student: Submission) -> None:
    cycle = draw(student)
    begin = total(cycle) + student.random.integer(5, 100)
    steps = [begin + k for k in (0, 1, cycle["warmup"] // 2, cycle["warmup"], total(cycle) - 1, total(cycle))]
    compare(student, cycle, [begin], steps, "A new cycle begins, from the rate that the old one had there.")


@check("a restart falls anywhere, and the rate does not jump", points=1)
def restart_anywhere(student: Submission) -> None:
    cycle = draw(student)
    W, S, D = cycle["warmup"], cycle["stable"], cycle["decay"]
    for begin in (W // 3, W + S // 2, W + S + D // 3):
        steps = [begin, begin + 1, begin + W // 2, begin + W, begin + W + S + D // 2]
        compare(student, cycle, [begin], steps, "A restart in the middle of a cycle starts from that cycle's rate.")


@check("every restart starts from the one before it", points=1)
def several(student: Submission) -> None:
    cycle = draw(student)
    first = student.random.integer(4, cycle["warmup"])  # in the first warmup, so each start rate matters
    gaps = [first, *student.random.integers(3, cycle["warmup"], (3,)).tolist()]
    restarts = [sum(gaps[: n + 1]) for n in range(4)]
    steps = [first - 1, *restarts, *(r + 2 for r in restarts), restarts[-1] + total(cycle) - cycle["decay"] // 4]
    compare(student, cycle, restarts, steps, "With several restarts, each start rate depends on all cycles before.")


@check("a restart changes nothing before its step", points=1)
def no_look_ahead(student: Submission) -> None:
    cycle = draw(student)
    W, S, end = cycle["warmup"], cycle["stable"], total(cycle)
    later, steps = [3 * end, 4 * end], [0, W, W + S // 2, W + S, end, 2 * end, 3 * end - 1]
    compare(student, cycle, later, steps, "A restart that lies ahead already changes the rate.")


@check("branches of length 0 are left out, a step below 0 is refused", points=1)
def edges(student: Submission) -> None:
    for name in ("warmup", "stable", "decay"):
        cycle = draw(student) | {name: 0}
        end = total(cycle)
        steps = [0, cycle["warmup"], cycle["warmup"] + cycle["stable"], end, end + 1]
        compare(student, cycle, [], steps, f"{name} is 0: this branch is left out.")
    cycle = draw(student) | {"warmup": 0}
    begin = 2 * total(cycle)
    compare(student, cycle, [begin], [begin, begin + 1], "warmup is 0: a restart goes to the peak at once.")
    try:
        student.call("lr_at", -1, **draw(student), restarts=[])
    except StudentError as error:
        expect(error.kind == "ValueError", f"Step -1 raised {error.kind}; the task asks for a ValueError.")
    else:
        expect(False, "Step -1 was accepted; the task asks for a ValueError.")

"""Hidden checks of `clipping`: clip_or_skip(parameters, optimizer, max_norm).

Inputs are random and answers are not, so a right solution passes with certainty: rounding in float32
is about 1e-7, and the tolerance is 1e-4.
"""

import math

import torch
from torch import Tensor

from course_lib.grading.checks import (
    StudentError, Submission, check, expect, expect_close, expect_dict, expect_items, expect_number, expect_tensor,
)  # fmt: skip

LENGTHS = {
    "the square root of the sum of the squares": lambda g: g.square().sum().sqrt(),
    "the square root of the mean of the squares": lambda g: g.square().mean().sqrt(),
    "the largest absolute value": lambda g: g.abs().max(),
    "the sum of the absolute values": lambda g: g.abs().sum(),
}
SHAPES = [(3, 4), (5,), (2, 2, 2), (1,)]
LR = 0.5
DRIVER = """
import torch

def drive(student, weights, steps, max_norm, name, lr):
    parameters = [torch.nn.Parameter(weight.clone()) for weight in weights]
    kinds = {"SGD": torch.optim.SGD, "AdamW": torch.optim.AdamW}
    optimizer = kinds[name](parameters, lr=lr)
    rounds = []
    for gradients in steps:
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = None if gradient is None else gradient.clone()
        report = student.clip_or_skip(iter(parameters), optimizer, max_norm)
        after = [parameter.detach().clone() for parameter in parameters]
        rounds.append([report, after, [parameter.grad is None for parameter in parameters]])
    return rounds
"""


def length_of(student: Submission, gradients: list[Tensor | None]) -> float:
    flat = torch.cat([g.double().flatten() for g in gradients if g is not None])
    return LENGTHS[student.parameters["length"]](flat).item()


def draw(student: Submission, scale: float = 1.0) -> list[Tensor]:
    return [scale * student.random.normal(shape) for shape in SHAPES]


def spoil(student: Submission, gradients: list[Tensor], bad: float) -> list[Tensor]:
    """Put one bad entry into one gradient."""
    spoiled = [g.clone() for g in gradients]
    flat = spoiled[student.random.integer(0, len(spoiled))].view(-1)
    flat[student.random.integer(0, len(flat))] = bad
    return spoiled


def run(
    student: Submission, weights: list[Tensor], steps: list[list[Tensor | None]], max_norm: float, name: str = "SGD"
) -> list[tuple[object, list[Tensor], list[object]]]:
    """Return, for each step: the report, the weights after it, whether each gradient is None."""
    answer = student.run(DRIVER, weights, steps, max_norm, name, LR)
    rounds = []
    for each in expect_items(answer, "The run", len(steps)):
        report, after, cleared = expect_items(each, "A step", 3)
        after = expect_items(after, "The weights", len(weights))
        after = [expect_tensor(a, "A weight", shape=w.shape, dtype=w.dtype) for a, w in zip(after, weights)]
        rounds.append((report, after, expect_items(cleared, "The gradients", len(weights))))
    return rounds


def action(report: object) -> object:
    return expect_dict(report, "The report of clip_or_skip", ["length", "action"])["action"]


@check("clips the whole gradient by one factor", points=2)
def whole_gradient(student: Submission) -> None:
    weights, gradients = draw(student), draw(student, scale=3.0)
    length = length_of(student, gradients)
    max_norm = length * student.random.choice([0.1, 0.3, 0.6])
    ((report, after, _),) = run(student, weights, [gradients], max_norm)
    right = [w - LR * g * (max_norm / length) for w, g in zip(weights, gradients)]
    expect_close(after, right, rtol=1e-4, atol=1e-5, message=(
        "A gradient longer than max_norm was not shortened to max_norm by one factor. Measure all gradients "
        "together, in the way that the task names, scale before the step, and scale every gradient."))  # fmt: skip
    expect(action(report) == "clipped", "A step with a shortened gradient was not reported as 'clipped'.")


@check("leaves a short gradient alone", points=1)
def short_gradient(student: Submission) -> None:
    for factor in (1.5, 4.0, 1000.0):  # all of them: which norm was measured shows at the small one
        weights, gradients = draw(student), draw(student)
        max_norm = length_of(student, gradients) * factor
        ((report, after, _),) = run(student, weights, [gradients], max_norm)
        right = [w - LR * g for w, g in zip(weights, gradients)]
        expect_close(after, right, rtol=1e-4, atol=1e-5, message=(
            "A gradient shorter than max_norm was changed, or no step was made. Clipping shortens; it never "
            "stretches."))  # fmt: skip
        expect(action(report) == "stepped", "A step with an unchanged gradient was not reported as 'stepped'.")


@check("skips a gradient that is not finite", points=2)
def not_finite(student: Submission) -> None:
    weights = draw(student)
    for bad in (math.nan, math.inf, -math.inf):
        steps = [spoil(student, draw(student), bad)]
        ((report, after, _),) = run(student, weights, steps, max_norm=1.0)
        expect_close(after, weights, rtol=0, atol=0, message=(
            f"One gradient entry was {bad}, and weights changed. Decide about the skip before you scale or step."))
        expect(action(report) == "skipped", f"One gradient entry was {bad}, and the report does not say 'skipped'.")


@check("a skipped step leaves the optimizer as it was", points=1)
def optimizer_state(student: Submission) -> None:
    weights, good = draw(student), [draw(student, scale=0.01) for _ in range(3)]
    bad = spoil(student, draw(student), math.nan)
    *_, (_, after, _) = run(student, weights, [good[0], good[1], bad, good[2]], 1e6, "AdamW")
    expect_close(after, after_adamw(weights, good), rtol=1e-4, atol=1e-5, message=(
        "Two good steps of AdamW, a skipped one and a good one must end where the three good ones alone end. "
        "A skip may not touch the optimizer's moments or its step count: do not call optimizer.step()."))  # fmt: skip


def after_adamw(weights: list[Tensor], steps: list[list[Tensor]]) -> list[Tensor]:
    parameters = [torch.nn.Parameter(w.clone()) for w in weights]
    optimizer = torch.optim.AdamW(parameters, lr=LR)
    for gradients in steps:
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient.clone()
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


@check("reports the length before clipping", points=1)
def reported_length(student: Submission) -> None:
    gradients = [draw(student, scale=0.01), draw(student, scale=50.0)]
    lengths = [length_of(student, each) for each in gradients]
    max_norm = math.sqrt(lengths[0] * lengths[1])
    for length, (report, _, _) in zip(lengths, run(student, draw(student), gradients, max_norm)):
        answer = expect_number(expect_dict(report, "The report", ["length"])["length"], "The reported length")
        expect_close(answer, length, rtol=1e-4, message=(
            f"The reported length is {answer:.4g}. Report what the task calls the length, over all entries of all "
            "gradients together, and as it was before you scaled them."))  # fmt: skip


@check("clears the gradients in every case", points=1)
def cleared_gradients(student: Submission) -> None:
    short, long = draw(student, scale=1e-4), draw(student, scale=1e4)
    rounds = run(student, draw(student), [short, long, spoil(student, short, math.nan)], 1.0)
    for case, (_, _, cleared) in zip(("usual", "clipped", "skipped"), rounds):
        expect(all(each is True for each in cleared), (
            f"After a {case} step a gradient is still there, or is zeros instead of None. "
            "Clear it in every case, or it is added to the next one."))  # fmt: skip


@check("a large finite gradient is clipped, not skipped", points=1)
def large_gradient(student: Submission) -> None:
    weights, gradients = draw(student), draw(student, scale=1e29)
    length, max_norm = length_of(student, gradients), student.random.choice([0.5, 1.0, 3.0])
    ((report, after, _),) = run(student, weights, [gradients], max_norm)
    expect(action(report) == "clipped", (
        "Entries near 1e29 are finite float32 numbers, and so is their length. What you compute on the way need not "
        "be: the square of such an entry is not finite in float32. Measure in float64."))  # fmt: skip
    right = [w - LR * g * (max_norm / length) for w, g in zip(weights, gradients)]
    expect_close(after, right, rtol=1e-4, atol=1e-5, message="A large finite gradient was not shortened to max_norm.")


@check("ignores parameters without a gradient, refuses a limit that makes no sense", points=1)
def edges(student: Submission) -> None:
    weights, gradients = draw(student), draw(student, scale=10.0)
    gradients[student.random.integer(0, len(gradients))] = None
    length = length_of(student, gradients)
    ((_, after, _),) = run(student, weights, [gradients], length / 2)
    right = [w if g is None else w - LR * g / 2 for w, g in zip(weights, gradients)]
    expect_close(after, right, rtol=1e-4, atol=1e-5, message=(
        "One parameter had no gradient: it stays as it is and does not count in the length."))  # fmt: skip
    for bad in (0.0, -1.0, math.nan):
        try:
            run(student, weights, [gradients], bad)
        except StudentError as error:
            expect(error.kind == "ValueError", f"max_norm = {bad} raised {error.kind}; the task asks for a ValueError.")
        else:
            expect(False, f"max_norm = {bad} was accepted. Note that nan <= 0 is False, and so is nan > 0.")

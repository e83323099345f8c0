"""Hidden checks of `loss`: masked_loss(logits, targets, keep).

Inputs are random and answers are not, so a right solution passes with certainty: references are
computed in float64, rounding in float32 is about 1e-6, and the tolerance is 1e-4.
"""

import math

import torch
from torch import Tensor

from course_lib.grading.checks import (
    StudentError, Submission, check, expect, expect_close, expect_items, expect_number, expect_tensor,
)  # fmt: skip

AVERAGES = {
    "over all kept predictions of the batch": "batch",
    "over the kept predictions of each row, and then over the rows that keep at least one": "rows",
    "over rows: in each row the sum over its kept predictions, then the sum of all rows divided by B": "sums",
}
DRIVER = """
import torch

def drive(student, logits, targets, keep):
    given = [logits.clone(), targets.clone(), keep.clone()]
    logits = logits.requires_grad_()
    loss = student.masked_loss(logits, targets, keep)
    loss.backward()
    unchanged = all(
        torch.equal(torch.nan_to_num(before), torch.nan_to_num(after.detach()))
        if before.is_floating_point() else torch.equal(before, after)
        for before, after in zip(given, (logits, targets, keep))
    )
    return [loss.detach(), logits.grad, unchanged]
"""


def reference(student: Submission, logits: Tensor, targets: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss and its gradient, in float64, from the kept positions alone."""
    logits = logits.double().requires_grad_()
    rows, positions = keep.nonzero(as_tuple=True)
    kept = logits[rows, positions]  # (K, V)
    losses = kept.logsumexp(-1) - kept.gather(-1, targets[rows, positions][:, None])[:, 0]
    average = AVERAGES[student.parameters["average"]]
    if average == "batch":
        weights = torch.full_like(losses, 1 / len(losses))
    elif average == "rows":
        weights = 1 / (keep.sum(1)[rows].double() * keep.any(1).sum())
    else:
        weights = torch.full_like(losses, 1 / len(keep))
    loss = (losses * weights).sum()
    (gradient,) = torch.autograd.grad(loss, logits)
    return loss.detach(), gradient


def draw(student: Submission, B: int = 4, T: int = 6, V: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    """Draw logits, targets and a mask that keeps different numbers of positions a row."""
    logits, targets = 2 * student.random.normal((B, T, V)), student.random.integers(0, V, (B, T))
    counts = [1, 2, 4, 6] if B == 4 else [1 + b % T for b in range(B)]
    keep = torch.zeros(B, T, dtype=torch.bool)
    for row, count in zip(keep, counts):
        row[student.random.uniform((T,)).argsort()[:count]] = True
    return logits, targets, keep[student.random.uniform((B,)).argsort()]


def run(student: Submission, logits: Tensor, targets: Tensor, keep: Tensor) -> tuple[float, Tensor, object]:
    """Return loss, gradient, and whether the arguments are as they were."""
    answer = student.run(DRIVER, logits, targets, keep)
    loss, gradient, unchanged = expect_items(answer, "The answer", 3)
    expect_tensor(loss, "masked_loss(...)", shape=())
    gradient = expect_tensor(gradient, "The gradient of the logits", shape=logits.shape)
    return expect_number(loss, "masked_loss(...)"), gradient, unchanged


@check("averages the kept predictions as the task says", points=3)
def average(student: Submission) -> None:
    logits, targets, keep = draw(student)
    loss = run(student, logits, targets, keep)[0]
    right = reference(student, logits, targets, keep)[0].item()
    expect_close(loss, right, rtol=1e-4, message=(
        f"The loss is {loss:.4f}, and that is not the average that the task asks for. Rows keep different numbers "
        "of positions here: look at what you divide by, and when."))  # fmt: skip


@check("gives each kept prediction its gradient", points=2)
def gradient(student: Submission) -> None:
    logits, targets, keep = draw(student)
    right = reference(student, logits, targets, keep)[1]
    expect_close(run(student, logits, targets, keep)[1], right, rtol=1e-3, atol=1e-5, message=(
        "The gradient of the logits is not that of the average over the kept predictions. The loss has to be "
        "computed from the logits, by operations that autograd can follow."))  # fmt: skip


def clean(student: Submission, logits: Tensor, targets: Tensor, keep: Tensor) -> tuple[float, Tensor]:
    """Return the student's own loss and gradient, whatever its average, without filler."""
    loss, grad, _ = run(student, logits, targets, keep)
    reacts = bool((grad[keep].abs().sum(-1) > 0).all()) and not bool(grad[~keep].any())
    expect(reacts, "Kept predictions need a gradient, and the others must have none.")
    return loss, grad


@check("filler targets are never looked at", points=1)
def filler_targets(student: Submission) -> None:
    logits, targets, keep = draw(student)
    right = clean(student, logits, targets, keep)[0]
    for filler in (-1, -100, 1_000_000):
        loss = run(student, logits, targets.masked_fill(~keep, filler), keep)[0]
        expect_close(loss, right, rtol=1e-4, message=f"The loss changes when targets that do not count are {filler}.")


@check("filler logits reach neither the loss nor the gradient", points=2)
def filler_logits(student: Submission) -> None:
    logits, targets, keep = draw(student)
    right, right_gradient = clean(student, logits, targets, keep)
    for filler in (math.nan, math.inf, -math.inf):
        spoiled = logits.masked_fill(~keep[:, :, None], filler)
        answer = student.run(DRIVER, spoiled, targets, keep)
        loss, grad, _ = expect_items(answer, "The answer", 3)
        expect_close(loss, right, rtol=1e-4, message=(
            f"Logits that do not count were {filler}, and the loss changed. 0 times {filler} is NaN: replace the "
            "logits before the loss, instead of multiplying the losses."))  # fmt: skip
        expect_close(grad, right_gradient, rtol=1e-3, atol=1e-5, message=(
            f"Logits that do not count were {filler}: the loss stayed as it was and the gradient did not. It must be "
            "exactly 0 at those positions; a NaN that is masked after the loss comes back in backward."))  # fmt: skip


@check("an empty mask gives a loss of 0 and a gradient of zeros", points=1)
def empty(student: Submission) -> None:
    logits, targets, keep = draw(student)
    loss, grad, _ = run(student, logits, targets, torch.zeros_like(keep))
    expect(loss == 0, f"Nothing is kept, and the loss is {loss}; it must be 0.")
    expect_close(grad, torch.zeros_like(logits), message="Nothing is kept, and the gradient is not all zeros.")


@check("large logits give a finite loss", points=0.5)
def large(student: Submission) -> None:
    logits = 1000 * student.random.normal((1, 1, 9))
    targets = logits.argmin(-1)  # certain and wrong
    keep = torch.ones(1, 1, dtype=torch.bool)  # a single prediction: every average is the same
    right = reference(student, logits, targets, keep)[0].item()
    expect_close(run(student, logits, targets, keep)[0], right, rtol=1e-4, message=(
        "Logits in the thousands give a wrong loss. Leave softmax and log to cross_entropy or log_softmax, "
        "which never form the probability."))  # fmt: skip


@check("keeps the type, leaves its arguments alone, refuses shapes that do not fit", points=0.5)
def manners(student: Submission) -> None:
    logits, targets, keep = draw(student, B=3, T=5)
    loss, _, unchanged = expect_items(student.run(DRIVER, logits.double(), targets, keep), "The answer", 3)
    expect_tensor(loss, "masked_loss of float64 logits", shape=(), dtype=torch.float64)
    expect(unchanged is True, "masked_loss changed one of its arguments.")
    for bad in ((logits[0], targets, keep), (logits, targets[:, :-1], keep), (logits, targets, keep[:-1])):
        try:
            student.call("masked_loss", *bad)
        except StudentError as error:
            expect(error.kind == "ValueError", f"Shapes that do not fit raised {error.kind}; it must be ValueError.")
        else:
            expect(False, "Shapes that do not belong together were accepted; raise a ValueError.")

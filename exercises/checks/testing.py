"""Hidden checks of `testing`: cases() and accepts(case, result), a test of a small training loop.

The loops run here, outside the box, on the student's cases: their source is never where the student's
code is. Each loop's results are shown without a label, in an unknown order, to a process that has seen no
other loop's: beside each other, the right ones would be those that agree. Every number shown is moved by
less than the task allows, so a fault that these cases do not show leaves nothing that tells its loop from a
right one, and a test that finds a fault by more than rounding finds it each time.

What is left is the clock. It can carry word from one process to the next: cases hold numbers of the
student's choice, such as the time, and each verdict may take its time. So a submission can know how many
loops came before, and what they returned. Without cases that show the fault this is worth one guess which
three of the loops shown are the right ones: 1 in 10 with one fault, 1 in 35 with two, and 0.6 of the ten
points on average. (Without the clock, coins pass one check in 29 at best.)
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.grading.checks import (
    Submission, check, close, expect, expect_dict, expect_items, expect_number, expect_tensor,
)  # fmt: skip

LARGEST = 1000.0
LIMITS = {"S": 8, "A": 8, "B": 16, "F": 8}
RIGHT_SHOWINGS, BROKEN_SHOWINGS = 3, 2
# How far shown numbers are moved: half of what the task lets rounding and PyTorch's 1e-6 do to a right loop's,
# and a zero, which no rounding leaves a zero, by much less than the 1e-6 that the task allows there.
RELATIVE, ABSOLUTE = 5e-6, 1e-9
DRIVER = """
def drive(student, cases, results):
    return [student.accepts(case, result) for case, result in zip(cases, results)]
"""
Case = dict[str, object]
Fault = str | None


def descend(case: Case, fault: Fault = None, *, reverse: bool = False, epsilon: float = 0.0) -> dict[str, object]:
    """Run the loop with one fault, or none; `reverse` and `epsilon` make loops that round otherwise."""
    w, lrs, max_norm = case["weight"].clone(), case["lrs"], case["max_norm"]
    losses, norms, left = [], [], torch.zeros_like(w)
    for step, lr in enumerate(lrs):
        parts = list(zip(case["x"][step], case["y"][step]))
        loss, g = mean_gradient(parts[::-1] if reverse else parts, w, fault, max_norm)
        g, left = (g + left, g + left) if fault == "not cleared" else (g, left)
        norm = g.norm().item()
        step_g = clip(g, norm, max_norm, fault, epsilon)
        lr = {"first rate": lrs[0], "next rate": lrs[min(step + 1, len(lrs) - 1)]}.get(fault, lr)
        if not (fault == "last update left out" and step == len(lrs) - 1):
            w = w - lr * step_g
        losses.append(mean_gradient(parts, w, None, max_norm)[0] if fault == "loss after" else loss)
        norms.append(step_g.norm().item() if fault == "norm after" else norm)
    return {"weight": w, "losses": losses, "norms": norms}


def mean_gradient(parts: list[tuple[Tensor, Tensor]], w: Tensor, fault: Fault, max_norm: float) -> tuple[float, Tensor]:
    """Return loss and gradient of one update from its micro-batches."""
    grads, losses = [], []
    for rows, targets in parts:
        if fault == "odd row dropped" and len(rows) > 1:
            rows, targets = rows[: len(rows) // 2 * 2], targets[: len(rows) // 2 * 2]
        errors = rows @ w - targets
        g = 2 * errors @ rows / (1 if fault == "sum over rows" else len(rows))
        grads.append(clip(g, g.norm().item(), max_norm) if fault == "clips each micro-batch" else g)
        losses.append(errors.square().mean().item())
    if fault == "last micro-batch only":
        return sum(losses) / len(losses), grads[-1]
    divisor = 1 if fault == "sum over micro-batches" else len(parts)
    loss = losses[-1] if fault == "last loss" else sum(losses) / len(losses)
    return loss, sum(grads) / divisor


def clip(g: Tensor, norm: float, max_norm: float, fault: Fault = None, epsilon: float = 0.0) -> Tensor:
    if fault == "never clips":
        return g
    if fault == "clips each entry":
        return g.clamp(-max_norm, max_norm)
    if fault == "always normalises":
        return g * (max_norm / max(norm, 1e-300))
    if fault == "zero divided by zero" and norm < 1e-9:
        return g * math.nan
    return g if norm + epsilon <= max_norm else g * (max_norm / (norm + epsilon))


def read_cases(student: Submission) -> list[Case]:
    """Return the student's cases, each within the limits."""
    given = expect_items(student.call("cases"), "cases()")
    expect(1 <= len(given) <= 10, f"cases() returns {len(given)} cases; it must return 1 to 10.")
    return [read_case(each, f"case {number}") for number, each in enumerate(given)]


def read_case(given: object, what: str) -> Case:
    given = expect_dict(given, what, ["x", "y", "weight", "lrs", "max_norm"])
    x = expect_tensor(given["x"], f'"x" of {what}', dtype=torch.float64, finite=True)
    expect(x.ndim == 4, f'"x" of {what} has shape {tuple(x.shape)}; it must be (S, A, B, F).')
    for size, (letter, most) in zip(x.shape, LIMITS.items()):
        expect(1 <= size <= most, f"{what} has {letter} = {size}; it must be from 1 to {most}.")
    y = expect_tensor(given["y"], f'"y" of {what}', shape=x.shape[:3], dtype=torch.float64, finite=True)
    weight = expect_tensor(given["weight"], f'"weight" of {what}', shape=x.shape[3:], dtype=torch.float64, finite=True)
    lrs = given["lrs"].tolist() if type(given["lrs"]) is Tensor else given["lrs"]
    lrs = [expect_number(lr, f"A learning rate of {what}") for lr in expect_items(lrs, f'"lrs" of {what}', len(x))]
    max_norm = expect_number(given["max_norm"], f'"max_norm" of {what}', finite=False)
    expect(max_norm > 0, f'"max_norm" of {what} is {max_norm}; it must be above 0.')
    largest = max(t.abs().max().item() for t in (x, y, weight, torch.tensor(lrs)))
    expect(largest <= LARGEST, f"{what} holds the number {largest:g}; the largest allowed is {LARGEST:g}.")
    return {"x": x, "y": y, "weight": weight, "lrs": lrs, "max_norm": max_norm}


def right_results(cases: list[Case]) -> list[dict[str, object]]:
    """Return the results of the right loop, after a look at whether others that are right agree on these cases."""
    exact = [descend(case) for case in cases]
    others = [[descend(case, reverse=True) for case in cases], [descend(case, epsilon=1e-6) for case in cases]]
    for number, result in enumerate(exact):
        agree = all(close(other[number], result, rtol=1e-5, atol=1e-6) for other in others)
        finite = bool(result["weight"].isfinite().all()) and all(map(math.isfinite, result["losses"]))
        expect(agree and finite, f"Case {number} blows up, and rounding with it: use smaller rates.")
    return exact


def find(student: Submission, faults: list[str], hint: str) -> None:
    """Pass if the test accepts every right loop and rejects each of these faults."""
    cases = read_cases(student)
    loops = [(right_results(cases), True)] * RIGHT_SHOWINGS
    loops += [([descend(case, fault) for case in cases], False) for fault in faults] * BROKEN_SHOWINGS
    for index in student.random.uniform((len(loops),)).argsort().tolist():
        results, is_right = loops[index]
        accepted = verdict(student, cases, [moved(student, result) for result in results])
        expect(accepted or not is_right, "Your test rejects a right loop. Leave room for rounding and for PyTorch's 1e-6.")
        expect(is_right or not accepted, f"A broken loop passes your test. {hint}")


def moved(student: Submission, result: dict[str, object]) -> dict[str, object]:
    """Return a result with every number moved a little, never below zero if it was not."""
    numbers = torch.cat([result["weight"], torch.tensor([*result["losses"], *result["norms"]], dtype=torch.float64)])
    factors, offsets = student.random.uniform((2, len(numbers)), dtype=torch.float64)
    numbers = numbers * (1 + RELATIVE * (2 * factors - 1)) + ABSOLUTE * offsets
    weight, losses, norms = numbers.split([len(result["weight"]), len(result["losses"]), len(result["norms"])])
    return {"weight": weight.clone(), "losses": losses.tolist(), "norms": norms.tolist()}


def verdict(student: Submission, cases: list[Case], results: list[dict[str, object]]) -> bool:
    """Return whether the test accepts all results of one loop, in a process that has seen no other."""
    student.restart()
    answers = expect_items(student.run(DRIVER, cases, results), "The verdicts on one loop", len(cases))
    expect(all(type(each) is bool for each in answers), "accepts(case, result) has to return True or False.")
    return all(answers)


def plant(name: str, faults: list[str], hint: str) -> None:
    """Register the check of one group of faults."""
    function: Callable[[Submission], None] = lambda student: find(student, faults, hint)  # noqa: E731
    check(name, points=1)(function)


plant("finds gradients that pile up", ["not cleared"],
      "Its gradient is not the one of the update alone. That shows from the second update on.")  # fmt: skip
plant("finds sums in the place of means", ["sum over rows", "sum over micro-batches"],
      "Its step is too long by a whole factor. B = 1, A = 1, or clipping at every step hides that.")  # fmt: skip
plant("finds data that is left out", ["last micro-batch only", "odd row dropped"],
      "It does not use all rows. Sizes that are even, or 1, hide that.")  # fmt: skip
plant("finds clipping of the wrong thing", ["clips each micro-batch", "clips each entry"],
      "It clips, and not the whole gradient by one factor. You need several micro-batches, several features "
      "and a limit that is exceeded.")  # fmt: skip
plant("finds clipping that is never or always on", ["never clips", "always normalises"],
      "You need a case whose norm is above max_norm and one whose norm stays below.")  # fmt: skip
plant("finds wrong learning rates", ["first rate", "next rate"],
      "It takes another update's rate. Rates that are all equal hide that.")  # fmt: skip
plant("finds an update that is left out", ["last update left out"], "Its weights are not those after the last update.")
plant("finds a wrong norm in the log", ["norm after"], "Its weights are right, and a norm in its log is not.")
plant("finds a wrong loss in the log", ["loss after", "last loss"],
      "Its weights are right, and a loss in its log is not. With A = 1 the last loss is the mean.")  # fmt: skip
plant("finds a NaN", ["zero divided by zero"],
      "It returns NaN where the gradient is zero: a start that fits the data exactly, or x of zeros. "
      "And NaN has to be rejected: no comparison with it is true.")  # fmt: skip

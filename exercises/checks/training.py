"""Hidden checks of `training`: train_accumulated(model, optimizer, updates, lrs, max_norm).

Inputs are random and answers are not: a right solution passes with certainty. Everything is float64;
sums in another order differ by less than 1e-12, and the tolerance is 1e-9. Where the gradient is
clipped it is 1e-4, because PyTorch divides by the norm plus 1e-6.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.grading.checks import (
    Submission, check, expect, expect_close, expect_dict, expect_integer, expect_items, expect_number, expect_tensor,
)  # fmt: skip

V, C, LONGEST, PADDING = 11, 6, 8, -100
DRIVER = """
import torch

class Model(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.embedding, self.position, self.head = (torch.nn.Parameter(w.clone()) for w in weights)
        self.rows = []

    def forward(self, x):
        self.rows.append(len(x))
        return torch.tanh(self.embedding[x] + self.position[: x.shape[1]]) @ self.head

def drive(student, weights, updates, lrs, max_norm, stale, grouped):
    model = Model(weights)
    parameters = list(model.parameters())
    optimizer = torch.optim.SGD([{"params": [p]} for p in parameters] if grouped else parameters, lr=123.0)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 3.0) if stale else None
    log = student.train_accumulated(model, optimizer, updates, lrs, max_norm)
    return [log, [p.detach() for p in model.parameters()], model.rows]
"""
MicroBatches = list[tuple[Tensor, Tensor]]


def draw_weights(student: Submission) -> list[Tensor]:
    """Draw embedding (V, C), position (T, C) and head (C, V)."""
    return [student.random.normal(shape, dtype=torch.float64) for shape in ((V, C), (LONGEST, C), (C, V))]


def draw_batch(student: Submission, b: int, t: int, padding: float = 0.0) -> tuple[Tensor, Tensor]:
    x, y = student.random.integers(0, V, (b, t)), student.random.integers(0, V, (b, t))
    padded = student.random.uniform((b, t)) < padding
    padded[0, 0] = False
    return x, y.masked_fill(padded, PADDING)


def equal_sizes(student: Submission, updates: int) -> list[MicroBatches]:
    return [[draw_batch(student, 3, 5) for _ in range(4)] for _ in range(updates)]


def unequal_sizes(student: Submission, updates: int) -> list[MicroBatches]:
    sizes = [(4, 6), (4, 6), (1, 3)]
    return [[draw_batch(student, b, t) for b, t in sizes] for _ in range(updates)]


def reference(
    weights: list[Tensor], updates: list[MicroBatches], lrs: list[float], max_norm: float
) -> tuple[list[float], list[float], list[Tensor]]:
    """Return losses, norms and final weights: one loss over all targets of an update, one backward."""
    weights = [w.clone().requires_grad_() for w in weights]
    losses, norms = [], []
    for micro_batches, lr in zip(updates, lrs):
        embedding, position, head = weights
        logits = [(torch.tanh(embedding[x] + position[: x.shape[1]]) @ head).flatten(0, 1) for x, _ in micro_batches]
        targets = torch.cat([y.flatten() for _, y in micro_batches])
        loss = F.cross_entropy(torch.cat(logits), targets, ignore_index=PADDING)
        grads = torch.autograd.grad(loss, weights)
        norm = torch.cat([g.flatten() for g in grads]).norm().item()
        factor = min(1.0, max_norm / norm)
        weights = [(w - lr * factor * g).detach().requires_grad_() for w, g in zip(weights, grads)]
        losses.append(loss.item())
        norms.append(norm)
    return losses, norms, [w.detach() for w in weights]


def run(
    student: Submission, weights: list[Tensor], updates: list[MicroBatches], lrs: list[float],
    max_norm: float = math.inf, stale: bool = False, grouped: bool = False,
) -> tuple[list[float], list[float], list[Tensor], list[int]]:  # fmt: skip
    """Return losses, norms, final weights, and how many rows each forward pass had."""
    answer = student.run(DRIVER, weights, updates, lrs, max_norm, stale, grouped)
    log, after, rows = expect_items(answer, "The run", 3)
    log = [expect_dict(each, "An entry of the list", ["loss", "norm"])
           for each in expect_items(log, "train_accumulated(...)", len(updates))]  # fmt: skip
    losses = [expect_number(each["loss"], "A loss") for each in log]
    norms = [expect_number(each["norm"], "A norm") for each in log]
    after = [expect_tensor(a, "A weight", shape=w.shape, dtype=w.dtype)
             for a, w in zip(expect_items(after, "The weights", len(weights)), weights)]  # fmt: skip
    return losses, norms, after, [expect_integer(row, "A count of rows") for row in expect_items(rows, "The rows")]


@check("micro-batches of unequal size give the update of the large batch", points=2)
def unequal(student: Submission) -> None:
    weights, updates, lrs = draw_weights(student), unequal_sizes(student, 3), [0.3, 0.1, 0.2]
    right = reference(weights, updates, lrs, math.inf)[2]
    expect_close(run(student, weights, updates, lrs)[2], right, rtol=1e-9, atol=1e-9, message=(
        "Micro-batches of 24, 24 and 3 targets do not end at the large batch's weights. The mean of three means "
        "gives the 3 targets a third of the weight; they are 3 of 51."))  # fmt: skip


@check("the loss is the mean over all targets that count", points=2)
def padded_loss(student: Submission) -> None:
    weights, lrs = draw_weights(student), [0.2, 0.2]
    updates = [[draw_batch(student, 4, 7, padding) for padding in (0.0, 0.4, 0.8)] for _ in lrs]
    losses, _, after, _ = run(student, weights, updates, lrs)
    right, _, right_after = reference(weights, updates, lrs, math.inf)
    expect_close(losses[0], right[0], rtol=1e-9, message=(
        f"The loss before the first update is {losses[0]:.6f}. Targets of -100 count neither in the sum nor in "
        "what it is divided by, and the micro-batches have different numbers of them."))  # fmt: skip
    expect_close(after, right_after, rtol=1e-9, atol=1e-9, message=(
        "The first loss is right, and the weights are not those of the large batch with its padding left out."))
    expect_close(losses, right, rtol=1e-9, message="The later losses differ: report each before its own update.")


@check("clips the complete gradient once, and reports the norm before", points=2)
def clipped(student: Submission) -> None:
    weights, updates, lrs = draw_weights(student), equal_sizes(student, 3), [0.5, 0.25, 0.5]
    _, norms, _ = reference(weights, updates, lrs, math.inf)
    max_norm = min(norms) * student.random.choice([0.1, 0.3])
    _, right_norms, right = reference(weights, updates, lrs, max_norm)
    _, norms, after, _ = run(student, weights, updates, lrs, max_norm)
    expect_close(after, right, rtol=1e-4, atol=1e-4 * max_norm, message=(
        "The weights are not those of the clipped large batch. Clip once an update, after the last backward "
        "and before the step, and all parameters together."))  # fmt: skip
    expect_close(norms, right_norms, rtol=1e-3, message="A norm is not the one before clipping.")


@check("no gradient is carried over", points=1)
def cleared(student: Submission) -> None:
    weights, updates, lrs = draw_weights(student), equal_sizes(student, 3), [0.1, 0.1, 0.1]
    right = reference(weights, updates, lrs, math.inf)[1]
    norms = run(student, weights, updates, lrs)[1]
    expect_close(norms, right, rtol=1e-9, message=(
        "A gradient of an earlier update is still there: the norms grow. Clear it once an update."))
    norms = run(student, weights, updates, lrs, stale=True)[1]
    expect_close(norms, right, rtol=1e-9, message=(
        "The parameters came with a gradient of an earlier call, and it is in the first update."))  # fmt: skip


@check("sets the learning rate of each update in every group", points=1)
def rates(student: Submission) -> None:
    weights, updates = draw_weights(student), equal_sizes(student, 3)
    lrs = [0.4, 0.0, 0.05 + 0.1 * student.random.uniform(()).item()]
    right = reference(weights, updates, lrs, math.inf)[2]
    expect_close(run(student, weights, updates, lrs, grouped=True)[2], right, rtol=1e-9, atol=1e-9, message=(
        "The updates were not made at the rates in lrs. The optimizer has a parameter group for each tensor, "
        "came with another rate, and each update has its own."))  # fmt: skip


@check("a micro-batch of padding alone changes nothing", points=1)
def only_padding(student: Submission) -> None:
    weights, (x, y) = draw_weights(student), draw_batch(student, 3, 5)
    update = [(x, torch.full_like(y, PADDING)), (x, y)]
    right = reference(weights, [update], [0.1], math.inf)
    losses, _, after, _ = run(student, weights, [update], [0.1])
    expect_close(after, right[2], rtol=1e-9, atol=1e-9, message=(
        "One micro-batch had no target that counts. It adds nothing to the sum, and nothing to the count."))
    expect_close(losses, right[0], rtol=1e-9, message="With a micro-batch of padding alone the loss is wrong.")


@check("runs the model once a micro-batch, and never on more", points=1)
def one_at_a_time(student: Submission) -> None:
    weights, updates = draw_weights(student), unequal_sizes(student, 2)
    rows = run(student, weights, updates, [0.1, 0.1])[3]
    most = max(rows, default=0)
    expect(most <= 4, f"The model saw {most} rows at once. Micro-batches have 4 at most.")
    expect(rows == [4, 4, 1] * 2, f"The model ran {len(rows)} times for 6 micro-batches; once each is enough.")

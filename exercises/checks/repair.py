"""Hidden checks of `repair`: repaired_1 to repaired_5, five training loops.

Inputs are random and answers are not: a right solution passes with certainty. Everything is float64;
the tolerance is 1e-7, and 1e-4 where PyTorch's clipping adds 1e-6 to the norm.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.grading.checks import (
    Submission, check, expect, expect_close, expect_dict, expect_items, expect_number, expect_tensor,
)  # fmt: skip

V, C = 7, 5
NAMES = ("embedding", "head")
DRIVER = """
import torch

class Model(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.embedding, self.head = (torch.nn.Parameter(weight.clone()) for weight in weights)

    def forward(self, x):
        return torch.tanh(self.embedding[x]) @ self.head

def drive(student, name, weights, optimizer, lr, *arguments):
    model = Model(weights)
    optimizer = getattr(torch.optim, optimizer)(model.parameters(), lr=lr)
    if name == "repaired_4":
        *arguments, base = arguments
        arguments = [*arguments, lambda update: base / (1 + update)]
    answer = getattr(student, name)(model, optimizer, *arguments)
    if isinstance(answer, dict):
        answer = {key: tensor.detach() for key, tensor in answer.items()}
    return [answer, [parameter.detach() for parameter in model.parameters()]]
"""
Batch = tuple[Tensor, Tensor]
Loop = Callable[[list[Tensor], torch.optim.Optimizer], object]


def draw_weights(student: Submission) -> list[Tensor]:
    return [student.random.normal(shape, dtype=torch.float64) for shape in ((V, C), (C, V))]


def draw_batches(student: Submission, count: int, b: int = 3, t: int = 4) -> list[Batch]:
    return [(student.random.integers(0, V, (b, t)), student.random.integers(0, V, (b, t))) for _ in range(count)]


def draw_optimizer(student: Submission) -> tuple[str, float]:
    return student.random.choice([("SGD", 0.3), ("AdamW", 0.01)])


def run(
    student: Submission, name: str, weights: list[Tensor], optimizer: tuple[str, float], *arguments: object
) -> tuple[object, list[Tensor]]:
    """Return what the loop returned and the weights after it."""
    answer, after = expect_items(student.run(DRIVER, name, weights, *optimizer, *arguments), "The run", 2)
    after = expect_items(after, "The weights", len(weights))
    return answer, [expect_tensor(a, "A weight", shape=w.shape, dtype=w.dtype) for a, w in zip(after, weights)]


def start(weights: list[Tensor], optimizer: tuple[str, float]) -> tuple[list[Tensor], torch.optim.Optimizer]:
    parameters = [torch.nn.Parameter(w.clone()) for w in weights]
    return parameters, getattr(torch.optim, optimizer[0])(parameters, lr=optimizer[1])


def loss_of(parameters: list[Tensor], x: Tensor, y: Tensor) -> Tensor:
    logits = torch.tanh(parameters[0][x]) @ parameters[1]
    return F.cross_entropy(logits.flatten(0, 1), y.flatten())


def update(
    parameters: list[Tensor], optimizer: torch.optim.Optimizer, loss: Tensor, max_norm: float = math.inf
) -> float:
    """Make one update, exactly; return the norm before clipping."""
    grads = torch.autograd.grad(loss, parameters)
    norm = torch.cat([g.flatten() for g in grads]).norm().item()
    for parameter, grad in zip(parameters, grads):
        parameter.grad = grad * min(1.0, max_norm / norm)
    optimizer.step()
    return norm


@check("loop 1: each update follows its own batch's gradient", points=2)
def loop_1(student: Submission) -> None:
    weights, batches, optimizer = draw_weights(student), draw_batches(student, 6), draw_optimizer(student)
    parameters, own = start(weights, optimizer)
    losses = []
    for x, y in batches:
        loss = loss_of(parameters, x, y)
        losses.append(loss.item())
        update(parameters, own, loss)
    answer, after = run(student, "repaired_1", weights, optimizer, batches)
    expect_close(after, [p.detach() for p in parameters], rtol=1e-7, atol=1e-7, message=(
        "From the second update on the weights differ. An update must see the gradient of its own batch alone, "
        "and the loop is otherwise as it was."))  # fmt: skip
    expect_close(answer, losses, rtol=1e-7, message="The losses are not those of each batch before its update.")


@check("loop 2: every id is predicted from the one before it", points=2)
def loop_2(student: Submission) -> None:
    for t in (2, 6):
        weights, optimizer = draw_weights(student), draw_optimizer(student)
        windows = [student.random.integers(0, V, (3, t)) for _ in range(4)]
        parameters, own = start(weights, optimizer)
        for each in windows:
            update(parameters, own, loss_of(parameters, each[:, :-1], each[:, 1:]))
        _, after = run(student, "repaired_2", weights, optimizer, windows)
        expect_close(after, [p.detach() for p in parameters], rtol=1e-7, atol=1e-7, message=(
            f"Windows of {t} ids ask {t - 1} questions: every id but the first, from the one before it. "
            "Shift once, and drop no position."))  # fmt: skip


@check("loop 3: clips before every step", points=2)
def loop_3(student: Submission) -> None:
    weights, batches, optimizer = draw_weights(student), draw_batches(student, 5), ("SGD", 0.5)
    max_norm = student.random.choice([0.02, 0.05])
    parameters, own = start(weights, optimizer)
    norms = [update(parameters, own, loss_of(parameters, x, y), max_norm) for x, y in batches]
    answer, after = run(student, "repaired_3", weights, optimizer, batches, max_norm)
    found = [expect_number(norm, "A norm") for norm in expect_items(answer, "repaired_3(...)", len(batches))]
    expect_close(after, [p.detach() for p in parameters], rtol=1e-4, atol=1e-5, message=(
        "The weights went further than the clipped steps lead, or elsewhere. Every step needs its gradient "
        "clipped, all parameters together."))  # fmt: skip
    expect_close(found, norms, rtol=1e-3, message="The norms are not those of each update before clipping.")


@check("loop 4: the schedule counts updates", points=2)
def loop_4(student: Submission) -> None:
    for k in (1, 3):
        weights, optimizer, base = draw_weights(student), draw_optimizer(student), 0.2
        micro_batches = draw_batches(student, 4 * k + k // 2)
        parameters, own = start(weights, optimizer)
        for number in range(4):
            own.param_groups[0]["lr"] = base / (1 + number)
            part = micro_batches[number * k : (number + 1) * k]
            update(parameters, own, sum(loss_of(parameters, x, y) for x, y in part) / k)
        _, after = run(student, "repaired_4", weights, optimizer, micro_batches, k, base)
        expect_close(after, [p.detach() for p in parameters], rtol=1e-7, atol=1e-7, message=(
            f"With k = {k} the updates were not made at the rates schedule(0), schedule(1), …, one an update. "
            "Leave the rest of the loop as it was: the division by k, and the micro-batches left over."))  # fmt: skip


@check("loop 5: returns the weights of the best update", points=2)
def loop_5(student: Submission) -> None:
    weights, optimizer = draw_weights(student), ("SGD", 1.0)
    x, y = student.random.uniform((1, V)).argsort(), student.random.uniform((1, V)).argsort()
    good = student.random.integer(20, 30)  # then the targets change, and the validation loss rises
    batches = [(x, y)] * good + [(x, (y + 1) % V)] * 6
    parameters, own = start(weights, optimizer)
    states, losses = [], []
    for batch in batches:
        update(parameters, own, loss_of(parameters, *batch))
        states.append([p.detach().clone() for p in parameters])
        losses.append(loss_of(parameters, x, y).item())
    best = states[losses.index(min(losses))]
    answer, _ = run(student, "repaired_5", weights, optimizer, batches, x, y)
    found = expect_dict(answer, "repaired_5(...)", NAMES)
    expect_close([found[name] for name in NAMES], best, rtol=1e-7, atol=1e-7, message=(
        "What came back are not the weights after the update with the lowest validation loss. The dictionary of "
        "state_dict() is new; the tensors in it are the model's own."))  # fmt: skip
    expect(len(found) == len(NAMES), "The dictionary holds more than the model's weights.")

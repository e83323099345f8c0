"""Hidden checks of `batches`: epoch(tokens, batch_size, context_length, generator).

One answer is random: the order. Bounds on false alarms, for a right solution and one submission:
an order of 4 windows that never comes up in 600 epochs, 24 (23/24)^600 < 3e-10; one that comes up more
than 65 times, by Chernoff's bound 24 exp(-600 KL(65/600 || 1/24)) < 2e-9; six epochs of 30 windows
in the same order, less than 1e-100. Together below 1e-8.
"""

from collections import Counter

import torch
from torch import Tensor

from course_lib.grading.checks import (
    StudentError, Submission, check, equal, expect, expect_items, expect_tensor,
)  # fmt: skip

DRIVER = """
import itertools
import torch

def drive(student, tokens, batch_size, context_length, seed, epochs, most):
    generator = torch.Generator().manual_seed(seed)
    before = torch.get_rng_state()
    every = []
    for _ in range(epochs):
        batches = student.epoch(tokens, batch_size, context_length, generator)
        every.append([list(batch) for batch in itertools.islice(batches, most)])
    return [every, torch.equal(before, torch.get_rng_state())]
"""
Batches = list[tuple[Tensor, Tensor]]


def stream(student: Submission, N: int) -> Tensor:
    """Draw N different ids in no order: an id says where it stood."""
    return student.random.uniform((N,)).argsort() + student.random.integer(0, 1000)


def run(
    student: Submission, tokens: Tensor, B: int, T: int, seed: int, epochs: int = 1
) -> tuple[list[Batches], object]:
    """Return the batches of each epoch, and whether the global generator is as before."""
    most = len(tokens) + 2  # batches: an endless generator is cut off
    answer = student.run(DRIVER, tokens, B, T, seed, epochs, most)
    every, untouched = expect_items(answer, "The run", 2)
    checked = []
    for batches in expect_items(every, "The epochs", epochs):
        batches = expect_items(batches, "The batches of an epoch")
        expect(len(batches) < most, "epoch yields more batches than there are ids. It must come to an end.")
        checked.append([pair(batch) for batch in batches])
    return checked, untouched


def pair(batch: object) -> tuple[Tensor, Tensor]:
    x, y = expect_items(batch, "What epoch yields", 2)
    x, y = expect_tensor(x, "x", dtype=torch.int64), expect_tensor(y, "y", dtype=torch.int64)
    expect(x.ndim == 2 and x.shape == y.shape, f"x has shape {tuple(x.shape)} and y {tuple(y.shape)}; both are (B, T).")
    return x, y


def starts(tokens: Tensor, batches: Batches, T: int) -> list[int]:
    """Return where each row begins in the stream; a row that is no window ends the check."""
    place = {value: index for index, value in enumerate(tokens.tolist())}
    found = []
    for x, _ in batches:
        for row in x:
            begin = place.get(int(row[0]), -1) if len(row) == T else -1
            whole = begin >= 0 and equal(row, tokens[begin : begin + T])
            expect(whole, "A row of x is not T neighbouring ids of the stream, in their order.")
            found.append(begin)
    return found


def draw(student: Submission) -> tuple[Tensor, int, int]:
    """Draw a stream, B and T: B times 4 to 8 windows, and a few ids more than they need."""
    T, B = student.random.integer(3, 9), student.random.integer(3, 7)
    windows = B * student.random.integer(4, 9)
    return stream(student, windows * T + 1 + student.random.integer(1, T)), B, T


@check("x and y are windows of the stream, and y is one id later", points=2)
def shifted(student: Submission) -> None:
    tokens, B, T = draw(student)
    ((batches,), _) = run(student, tokens, B, T, student.random.seed())
    expect(len(batches) > 0, "epoch yields no batch.")
    begins = iter(starts(tokens, batches, T))
    for x, y in batches:
        for row in y:
            begin = next(begins)
            expect(equal(row, tokens[begin + 1 : begin + 1 + T]), "A row of y is not its row of x, one id later.")


@check("every window comes up exactly once", points=2)
def once_each(student: Submission) -> None:
    tokens, B, T = draw(student)
    ((batches,), _) = run(student, tokens, B, T, student.random.seed())
    begins = starts(tokens, batches, T)
    expect(len(set(begins)) == len(begins), "A window came up twice. Draw an order, not one window after the other.")
    expect(all(begin % T == 0 for begin in begins), "A window does not begin at a multiple of T, so windows overlap.")
    expect(sorted(begins) == list(range(0, len(tokens) - T, T)), (
        f"{len(begins)} windows came up with N = {len(tokens)} and T = {T}. Every window that fits with its targets "
        "comes up, those of the last batch too."))  # fmt: skip


@check("a window counts if its last target still fits, and only then", points=1)
def last_window(student: Submission) -> None:
    T = student.random.integer(3, 9)
    for N in (5 * T, 5 * T + 1, 5 * T + 2):
        tokens = stream(student, N)
        ((batches,), _) = run(student, tokens, 1, T, student.random.seed())
        count = sum(len(x) for x, _ in batches)
        expect(count == (N - 1) // T, (
            f"N = {N}, T = {T}: your epoch has {count} windows. Each needs T ids and one more for its last target."))


@check("the last batch may be smaller, and is never empty", points=2)
def last_batch(student: Submission) -> None:
    T = student.random.integer(2, 6)
    for windows, B in ((12, 4), (14, 4), (3, 8)):
        ((batches,), _) = run(student, stream(student, windows * T + 2), B, T, student.random.seed())
        rows = [len(x) for x, _ in batches]
        right = [B] * (windows // B) + [windows % B] * (windows % B > 0)
        expect(rows == right, f"{windows} windows at B = {B} came in batches of {rows} rows.")


@check("the generator decides the order, anew in each epoch", points=1)
def reproducible(student: Submission) -> None:
    tokens, B, T = stream(student, 92), 5, 3
    seed = student.random.seed()

    def orders(seed: int) -> list[list[int]]:
        return [starts(tokens, batches, T) for batches in run(student, tokens, B, T, seed, epochs=6)[0]]

    first = orders(seed)
    expect(orders(seed) == first, "The same seed gave other orders. Draw from the generator that is given.")
    expect(any(order != first[0] for order in first), "Every epoch has the same order. Do not seed inside epoch.")
    expect(orders(seed + 1) != first, "Another seed gives the same orders.")


@check("all orders are equally likely", points=1)
def uniform(student: Submission) -> None:
    tokens = stream(student, 10)  # 4 windows of 2: 24 orders
    every, _ = run(student, tokens, 4, 2, student.random.seed(), epochs=600)
    counts = Counter(tuple(starts(tokens, batches, 2)) for batches in every)
    expect(len(counts) == 24 and max(counts.values()) <= 65, (
        f"Four windows can come in 24 orders. In 600 epochs {len(counts)} of them came up, the most frequent "
        f"{max(counts.values(), default=0)} times. Shuffle all windows, not only where to begin."))  # fmt: skip


@check("leaves the global generator alone, refuses a stream that is too short", points=1)
def manners(student: Submission) -> None:
    tokens, B, T = draw(student)
    _, untouched = run(student, tokens, B, T, student.random.seed())
    expect(untouched is True, "PyTorch's global generator was used or seeded.")
    try:
        run(student, tokens[:T], B, T, student.random.seed())
    except StudentError as error:
        expect(error.kind == "ValueError", f"A stream of T ids raised {error.kind}; the task asks for a ValueError.")
    else:
        expect(False, "A stream of T ids has no window with targets, and no ValueError came.")

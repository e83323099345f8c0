"""Hidden checks of `corpus`: split_three(tokens, weights, context_length).

Inputs are random and answers are integers: a right solution passes with certainty.
"""

import torch

from course_lib.grading.checks import (
    StudentError, Submission, check, equal, expect, expect_dict, expect_items, expect_tensor,
)  # fmt: skip

NAMES = ("train", "val", "test")
DRIVER = """
def drive(student, tokens, weights, context_length):
    parts = student.split_three(tokens, tuple(weights), context_length)
    begin, size = tokens.data_ptr(), tokens.element_size()
    return [(parts[name].data_ptr() - begin) // size for name in ("train", "val", "test")]
"""


def draw(student: Submission) -> tuple[torch.Tensor, tuple[int, int, int], int]:
    """Draw a stream that counts upwards from a random number, weights, and a context length."""
    T = student.random.integer(2, 40)
    weights = tuple(student.random.integers(1, 9, (3,)).tolist())
    N = student.random.integer(60 * T, 100 * T)
    return student.random.integer(0, 1000) + torch.arange(N), weights, T


def split(student: Submission, tokens: torch.Tensor, weights: tuple[int, ...], T: int) -> dict[str, list[int]]:
    """Return where each part begins and ends in the stream, after a look at its type and contents."""
    answer = student.call("split_three", tokens, weights, T)
    parts, places = expect_dict(answer, "split_three(...)", NAMES), {}
    for name in NAMES:
        part = expect_tensor(parts[name], f'split_three(...)["{name}"]', dtype=tokens.dtype)
        expect(part.ndim == 1 and len(part) > 0, f'The part "{name}" is not a 1-D tensor with ids in it.')
        begin = int(part[0]) - int(tokens[0])
        whole = 0 <= begin <= len(tokens) - len(part) and equal(part, tokens[begin : begin + len(part)])
        expect(whole, f'The part "{name}" is not one piece of the stream, its ids in their order.')
        places[name] = [begin, begin + len(part)]
    return places


@check("the parts have the lengths that the weights give", points=1)
def lengths(student: Submission) -> None:
    for _ in range(5):
        tokens, weights, T = draw(student)
        places = split(student, tokens, weights, T)
        ordered = sorted(places.values())
        # Of the student's own gaps: a wrong gap is the business of another check.
        M = len(tokens) - sum(begin - end for (_, end), (begin, _) in zip(ordered, ordered[1:]))
        right = {"val": M * weights[1] // sum(weights), "test": M * weights[2] // sum(weights)}
        right["train"] = M - right["val"] - right["test"]
        for name, (begin, end) in places.items():
            expect(end - begin == right[name], (
                f'With N = {len(tokens)}, weights {weights} and T = {T} the part "{name}" has {end - begin} ids. '
                "Share M, the ids that are in no gap, by integer division; train takes the rest."))  # fmt: skip


@check("the parts lie in the order that the task names", points=3)
def order(student: Submission) -> None:
    for _ in range(3):
        places = split(student, *draw(student))
        found = ", ".join(sorted(NAMES, key=places.get))
        right = found == student.parameters["order"]
        expect(right, f"Along the stream your parts lie as {found}. The task names another order.")


@check("every gap is as short as it can be, and long enough", points=2)
def gaps(student: Submission) -> None:
    for _ in range(3):
        tokens, weights, T = draw(student)
        places = sorted(split(student, tokens, weights, T).values())
        for (_, end), (begin, _) in zip(places, places[1:]):
            expect(begin >= end, "Two parts share ids.")
            expect(begin - end >= T, (
                f"A gap has {begin - end} ids. A window of T + 1 = {T + 1} ids that begins on the last id of one part "
                "still reaches the next."))  # fmt: skip
            expect(begin - end == T, f"A gap has {begin - end} ids with T = {T}. A shorter one is long enough.")


@check("the parts reach from the first id to the last", points=2)
def ends(student: Submission) -> None:
    first, _, last = student.parameters["order"].split(", ")
    for _ in range(3):
        tokens, weights, T = draw(student)
        places = split(student, tokens, weights, T)
        expect(places[first][0] == 0, f'The part "{first}" begins at id {places[first][0]}, not at the first.')
        left = len(tokens) - places[last][1]
        expect(left == 0, f'{left} ids are left over after "{last}". The last part ends where the stream ends.')


@check("the parts are views of the stream", points=1)
def views(student: Submission) -> None:
    tokens, weights, T = draw(student)
    places = split(student, tokens, weights, T)
    begins = expect_items(student.run(DRIVER, tokens, list(weights), T), "The places of the parts in memory", 3)
    right = [places[name][0] for name in NAMES]
    expect(equal(begins, right), "A part lies elsewhere in memory: it was copied. Slice tokens; do not index or join.")


@check("keeps every integer type, refuses what cannot be split", points=1)
def edges(student: Submission) -> None:
    tokens, weights, T = draw(student)
    split(student, tokens.int(), weights, T)
    fits = torch.arange(5 * T + 3)  # three parts of T + 1 ids and two gaps of T
    split(student, fits, (1, 1, 1), T)
    cases = {
        "a part with T ids": (fits[:-1], (1, 1, 1), T),
        "a 2-D tensor": (tokens[: len(tokens) // 2 * 2].view(2, -1), weights, T),
        "context_length = 0": (tokens, weights, 0),
        "a weight of 0": (tokens, (weights[0], 0, weights[2]), T),
    }
    for what, arguments in cases.items():
        try:
            student.call("split_three", *arguments)
        except StudentError as error:
            expect(error.kind == "ValueError", f"{what} raised {error.kind}; the task asks for a ValueError.")
        else:
            expect(False, f"{what} was accepted; the task asks for a ValueError.")

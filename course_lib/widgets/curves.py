"""One run as the run picture stores it: thinned curves, exact values at the slider's stops, texts.

A page carries a few kilobytes a run: each curve as the smallest, mean and largest value of a few
hundred stretches of steps, and four significant digits of everything. What a reader reads off at a
stop is the run's own value, never one between two.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

EVERY_STEP = 300
"""A run of up to so many steps is stored whole, with a stop at each step."""
EVEN, GROWING = 72, 40
"""Stretches of a longer run: so many of one length, cut further where the log axis shows more."""
GRID = tuple(int(m * 10**power) for power in range(6) for m in (1, 1.5, 2, 3, 5, 7) if m * 10**power % 1 == 0)
"""Stops of a longer run, where it has such steps, beside those that were measured."""
NEAR, FAR = 8, 12
"""Losses by position: of each of the first, means of so many growing groups, which are less noisy, and the last."""


def short(value: float) -> float:
    """Return `value` to four significant digits."""
    return float(f"{value:.4g}")


def stops_of(steps: Sequence[int], measured: Collection[int] = ()) -> list[int]:
    """Return the steps at which the slider stops: all of a short run, some forty to sixty of a long one."""
    if len(steps) <= EVERY_STEP:
        return sorted({*map(int, steps), *measured})
    first, last = int(steps[0]), int(steps[-1])
    return sorted({first, last, *measured, *(step for step in GRID if first < step < last)})


def run_state(
    steps: Sequence[int], loss: Sequence[float], lr: Sequence[float], grad_norm: Sequence[float],
    *, stops: Collection[int], evaluations: Sequence[Sequence[float | None]], samples: Sequence[Sequence[Any]],
    label: str = "", max_norm: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return a run as plain data for the picture.

    Args:
        steps: rising; `loss`, `lr` and `grad_norm` have one value each.
        stops: the slider's steps; those that the run has keep their exact values.
        evaluations: `[step, train loss or None, validation loss]` each, steps rising.
        samples: `[step, text]` each, steps rising; kept as `shown_text` has them.
        label: the run's words on the page.
        max_norm: the limit of clipping, drawn as a line.
    """
    steps, loss, lr, norm = (np.asarray(values) for values in (steps, loss, lr, grad_norm))
    at = np.flatnonzero(np.isin(steps, list(stops)))
    stored = {"step": steps, "loss": loss, "lr": lr, "norm": norm}
    return {
        "label": label, "count": len(steps), "max_norm": max_norm, "stopped": None, "own_loss": False,
        "at": {"step": steps[at].tolist()} | {name: _list(stored[name][at]) for name in ("loss", "lr", "norm")},
        "curve": thinned(steps, loss, lr, norm),
        "evaluations": [
            [int(step), None if train is None else short(train), short(val)] for step, train, val in evaluations
        ],
        "samples": [[int(step), shown_text(text)] for step, text in samples],
        "contexts": [], "by_context": [],
    }  # fmt: skip


def shown_text(text: str) -> str:
    """Return a sample without the line breaks that it starts with; one that shows nothing, in words."""
    if text.strip():
        return text.lstrip("\n")
    what = "line break" if text.strip("\n") == "" else "blank character"
    return f"({len(text)} {what}{'' if len(text) == 1 else 's'} and nothing else)" if text else "(no text)"


def thinned(steps: np.ndarray, loss: np.ndarray, lr: np.ndarray, norm: np.ndarray) -> dict[str, Any]:
    """Return the curves by stretch of steps: one step and its lr; smallest, mean, largest loss and norm."""
    starts = _starts(len(steps))
    ends = np.append(starts[1:], len(steps))
    middle = (starts + ends - 1) // 2

    def extremes(values: np.ndarray) -> list[list[float]]:
        mean = np.add.reduceat(values, starts) / (ends - starts)
        if len(starts) == len(values):
            return [_list(mean)]
        return [_list(np.minimum.reduceat(values, starts)), _list(mean), _list(np.maximum.reduceat(values, starts))]

    return {"step": steps[middle].tolist(), "lr": _list(lr[middle]), "loss": extremes(loss), "norm": extremes(norm)}


def context_groups(context_length: int) -> list[list[int]]:
    """Return `[fewest, most]` tokens of context of each group of positions: single ones, growing groups, the last.

    The last position stands alone: in the mean of a group, a run trained on it only would look like any other.
    """
    ends = [*range(1, NEAR + 1), *np.geomspace(NEAR, max(NEAR, context_length), FAR + 1).round().astype(int).tolist()]
    ends = sorted({end for end in (*ends, context_length - 1) if 1 <= end <= context_length})
    return [[before + 1, end] for before, end in zip([0, *ends], ends, strict=False)]


def _starts(n: int) -> np.ndarray:
    """Return the index at which each stretch of `n` records starts."""
    if n <= EVERY_STEP:
        return np.arange(n)
    even, growing = np.linspace(0, n, EVEN, endpoint=False), np.geomspace(1, n, GROWING, endpoint=False)
    return np.unique(np.concatenate([even, growing]).astype(int))


def _list(values: np.ndarray) -> list[float]:
    return [short(value) for value in values]

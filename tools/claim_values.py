"""What the table of claims computes with: figures of recorded runs, by name."""

import math

import numpy as np

from course_lib.corpus_figures import load_corpus_figures as corpus
from course_lib.model import GPT, GPTConfig
from course_lib.runs import Run
from course_lib.runs import load_run as run
from course_lib.schedule import WarmupCosine

CONTEXT_LENGTH = 64
SEEDS = ("lesson-64", "lesson-64-seed-2", "lesson-64-seed-3")


def parameters(part: str = "", *, d_model: int) -> int:
    """Count the trained values of a reference model, or of those parts of it whose name holds `part`."""
    model = GPT(GPTConfig(corpus().vocab_size, CONTEXT_LENGTH, n_layer=4, n_head=4, d_model=d_model))
    return sum(values.numel() for name, values in model.named_parameters() if part in name)


def both_sizes(part: str = "") -> tuple[int, int]:
    return parameters(part, d_model=64), parameters(part, d_model=128)


def in_three_units(nats: float) -> tuple[float, float, float]:
    """A loss in nats, as a perplexity and in bits."""
    return nats, math.exp(nats), nats / math.log(2)


def steps_above(landmark: str, of: Run) -> np.ndarray:
    """The steps whose batch had a higher loss than a model without a network, "unigram" or "bigram"."""
    return np.flatnonzero(of.loss > getattr(corpus(), landmark))


def last_above_bigram(name: str) -> int:
    return int(steps_above("bigram", run(name))[-1])


def gain_of_warmup(peak: str = "") -> float:
    """By how many nats the short run with warmup ends lower; `peak` is "" or "-high-lr"."""
    return run(f"short-no-warmup{peak}").at(-1).val - run(f"short-warmup{peak}").at(-1).val


def the_smallest_norm_ends_worst() -> bool:
    """Whether, of the four short runs, the one with the smallest largest norm ends highest."""
    runs = [run(f"short-{warmup}{peak}") for warmup in ("warmup", "no-warmup") for peak in ("", "-high-lr")]
    return min(runs, key=lambda r: r.grad_norm.max()) is max(runs, key=lambda r: r.at(-1).val)


def price_of_the_last_position(all_positions: str, last_alone: str) -> tuple[float, float]:
    """Between which factors training on the last position takes more steps to the loss it ends with there.

    Two, because losses were measured at some steps only: training on every position got there between
    two of them.
    """
    every, last = run(all_positions), run(last_alone)
    there = every.val_loss_by_position[:, -1] <= last.val_loss_by_position[-1, -1]
    first = int(there.argmax())
    steps = len(last.loss)
    return steps / every.evaluation_steps[first], steps / every.evaluation_steps[first - 1]


def as_good_at_the_last_position() -> int:
    """The step by which training on every position is as good there as the run on the last one at its end."""
    return round(1500 / price_of_the_last_position("short", "short-last-position")[0])


def validation(name: str, step: int = -1) -> float:
    return run(name).at(step).val


def median_norm(name: str, steps: slice) -> float:
    return float(np.median(run(name).grad_norm[steps]))


def above_twin(name: str, twin: str, step: int = -1) -> float:
    """By how many nats a run's validation loss lies above another's at a step."""
    return validation(name, step) - validation(twin, step)


def within(values: tuple[float, ...], low: float, high: float) -> bool:
    return low <= min(values) and max(values) <= high


def spread(names: tuple[str, ...], step: int = -1) -> float:
    """From the lowest to the highest validation loss at a step, in nats."""
    losses = [validation(name, step) for name in names]
    return max(losses) - min(losses)


def first_step_at_half(schedule: WarmupCosine) -> int:
    """The first step after the warmup at which the learning rate is at most half of the peak."""
    steps = range(schedule.warmup_steps, schedule.decay_steps + 1)
    return next(step for step in steps if schedule(step) <= schedule.peak_lr / 2)

"""Where the figures of the prose come from: the one table of claims. `course claims` checks it.

A claim names a page, a fragment of one sentence of it with a `{}` for each figure, and what gives the
figures. The `{}` says how the figure is rounded and written, as `str.format` has it: `{:,}` for
205,440, `{:.3f}` for 1.540, `{:.1%}` for 92.7%. Several figures need a tuple. A fragment without a
`{}` is a statement in words, and its expression has to be true. Braces of a formula are doubled.
Start each claim on a line of its own.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from course_lib.corpus_figures import load_corpus_figures as corpus
from course_lib.model import GPT, GPTConfig
from course_lib.runs import Run
from course_lib.runs import load_run as run
from course_lib.schedule import WarmupCosine
from course_lib.train_config import TrainConfig


@dataclass(frozen=True)
class Claim:
    """One row: `value()` gives the figure of the fragment's `{}`, or a tuple, or whether the words hold."""

    page: str
    fragment: str
    value: Callable[[], object]


C = Claim
LESSON = TrainConfig()
CONTEXT_LENGTH = 64


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


def gain_of_warmup(peak: str = "") -> float:
    """By how many nats the short run with warmup ends lower; `peak` is "" or "-high-lr"."""
    return run(f"short-no-warmup{peak}").at(-1).val - run(f"short-warmup{peak}").at(-1).val


def the_smallest_norm_ends_worst() -> bool:
    """Whether, of the four short runs, the one with the smallest largest norm ends highest."""
    runs = [run(f"short-{warmup}{peak}") for warmup in ("warmup", "no-warmup") for peak in ("", "-high-lr")]
    return min(runs, key=lambda r: r.grad_norm.max()) is max(runs, key=lambda r: r.at(-1).val)


def as_good_at_the_last_position() -> int:
    """The step by which training on every position is as good there as the run on the last one at its end."""
    every, last = run("short"), run("short-last-position")
    there = every.val_loss_by_position[:, -1] <= last.val_loss_by_position[-1, -1]
    return int(every.evaluation_steps[there][0])


def first_step_at_half(schedule: WarmupCosine) -> int:
    """The first step after the warmup at which the learning rate is at most half of the peak."""
    steps = range(schedule.warmup_steps, schedule.decay_steps + 1)
    return next(step for step in steps if schedule(step) <= schedule.peak_lr / 2)


CLAIMS = [
    C("book/intro.md", "model** of {:,} parameters", lambda: parameters(d_model=64)),
    C("book/intro.md", "tiny-shakespeare: {:,} characters of plays, of which {} are different",
      lambda: (corpus().characters, corpus().vocab_size)),
    C("book/running.md", "the same {:,} characters and the same {} symbols",
      lambda: (corpus().characters, corpus().vocab_size)),
    C("book/recap.md", "$V d$ | {:,} | {:,} |", lambda: both_sizes("token_embedding")),
    C("book/recap.md", "$T d$ | {:,} | {:,} |", lambda: both_sizes("position_embedding")),
    C("book/recap.md", "$4 d^2 L$ | {:,} | {:,} |", lambda: both_sizes("attention.")),
    C("book/recap.md", "$8 d^2 L$ | {:,} | {:,} |", lambda: both_sizes("mlp.")),
    C("book/recap.md", "$(2 L + 1) d$ | {:,} | {:,} |", lambda: both_sizes("norm")),
    C("book/recap.md", "**together** | **{:,}** | **{:,}** |", lambda: both_sizes()),
    C("notebooks/02_batches.ipynb", "How many steps of 32 rows of {} make an epoch?",
      lambda: LESSON.batch_size * CONTEXT_LENGTH // 32),
    C("notebooks/02_batches.ipynb", "32 · {} is {:,} as well",
      lambda: (LESSON.batch_size * CONTEXT_LENGTH // 32, LESSON.batch_size * CONTEXT_LENGTH)),
    C("notebooks/03_loss.ipynb", "what training on every position reaches by step {}",
      lambda: as_good_at_the_last_position()),
    C("notebooks/03_loss.ipynb", "That is two and a half times as many steps, not 32 times",
      lambda: run("short-last-position").recipe["max_steps"] / as_good_at_the_last_position() == 2.5),
    C("notebooks/03_loss.ipynb", "the model trained on the last one fails, and more training makes it worse",
      lambda: run("short-last-position").val_loss.argmin() < len(run("short-last-position").val_loss) // 2),
    C("notebooks/03_loss.ipynb", "There it does worse than a table of character pairs",
      lambda: run("short-last-position").val_loss_by_position[-1, -2] > corpus().bigram),
    C("notebooks/04_clipping.ipynb", "a fresh model with seed {}", lambda: LESSON.seed),
    C("notebooks/04_clipping.ipynb", "clipping acts in {:.1f} % of the steps",
      lambda: 100 * run("lesson-64").clipped.mean()),
    C("notebooks/04_clipping.ipynb", "From step 1,000 on every single gradient is cut",
      lambda: run("lesson-64").clipped[1000:].all()),
    C("notebooks/05_schedule.ipynb", "Step 400 and step {:,}.", lambda: first_step_at_half(LESSON.schedule)),
    C("notebooks/06_training.ipynb", "memorise {} predictions", lambda: 4 * CONTEXT_LENGTH),
    C("notebooks/06_training.ipynb", "{:,} predictions a step, {:.0f} steps an epoch",
      lambda: (LESSON.batch_size * CONTEXT_LENGTH, corpus().steps_per_epoch())),
    C("notebooks/06_training.ipynb",
      "The gap is {:.3f} at step 500, {:.3f} at step 1,000 and {:.3f} at step 2,000",
      lambda: tuple(run("lesson-128").at(step).gap for step in (500, 1000, 2000))),
    C("notebooks/06_training.ipynb", "it falls by less than a hundredth, from {:.3f} to {:.3f}",
      lambda: (run("lesson-128").at(4000).val, run("lesson-128").at(-1).val)),
    C("notebooks/06_training.ipynb", "Train goes on, from {:.3f} to {:.3f}. The gap ends at {:.3f}.",
      lambda: (run("lesson-128").at(4000).train, run("lesson-128").at(-1).train, run("lesson-128").at(-1).gap)),
    C("notebooks/06_training.ipynb", "{:.3f} nats are a perplexity of {:.2f}, or {:.2f} bits a character",
      lambda: in_three_units(run("lesson-128").at(-1).val)),
    C("notebooks/06_training.ipynb", "The model with $d = 64$ ends at {:.3f}, with a smaller gap",
      lambda: run("lesson-64").at(-1).val),
    C("notebooks/06_training.ipynb", "Its gap is smaller too",
      lambda: run("lesson-64").at(-1).gap < run("lesson-128").at(-1).gap),
    C("notebooks/06_training.ipynb", "The unigram line falls before step 30",
      lambda: max(steps_above("unigram", run("lesson-128"))) < 30),
    C("notebooks/06_training.ipynb", "The bigram line falls by step 130",
      lambda: 100 < max(steps_above("bigram", run("lesson-128"))) < 130),
    C("notebooks/05_schedule.ipynb", "the two runs end within a hundredth of each other",
      lambda: abs(gain_of_warmup()) < 0.01),
    C("notebooks/05_schedule.ipynb", "it is worth more than 0.4 nats", lambda: gain_of_warmup("-high-lr") > 0.4),
    C("notebooks/05_schedule.ipynb", "The run that ends worst has the smallest one of all",
      lambda: the_smallest_norm_ends_worst()),
    C("notebooks/07_diagnosis.ipynb", "$c = 1$ acts in nine steps of ten",
      lambda: [round(10 * run(name).clipped.mean()) for name in ("lesson-64", "lesson-128")] == [9, 9]),
    C("notebooks/07_diagnosis.ipynb", "at two sizes, {:,} and {:,} parameters", lambda: both_sizes()),
    C("notebooks/07_diagnosis.ipynb", "the same limit acts in two of the 5,000 steps",
      lambda: run("no-warmup-high-lr").clipped.sum() == 2),
    C("notebooks/07_diagnosis.ipynb", "a loss of {:.2f}, and a norm sixty times the usual",
      lambda: run("bad-batch").loss[1000]),
    C("notebooks/07_diagnosis.ipynb", "and a norm sixty times the usual",
      lambda: round(run("bad-batch").grad_norm[1000] / run("lesson-64").grad_norm[1000], -1) == 60),
    C("notebooks/07_diagnosis.ipynb", "This run ends at {:.3f}. Do not put",
      lambda: run("bad-batch-no-clipping").val_loss[-1]),
    C("notebooks/07_diagnosis.ipynb", "the loss is nearly two tenths above that of",
      lambda: 0.15 < run("bad-batch-no-clipping").loss[1010] - run("lesson-64").loss[1010] < 0.2),
    C("notebooks/07_diagnosis.ipynb", "a hundred steps later the two agree",
      lambda: abs(run("bad-batch-no-clipping").loss[1100] - run("lesson-64").loss[1100]) < 0.005),
    C("notebooks/07_diagnosis.ipynb", "it ends *lower*, {:.3f} against {:.3f}",
      lambda: (run("no-warmup-high-lr").val_loss[-1], run("lesson-64").val_loss[-1])),
    C("notebooks/04_clipping.ipynb", "Its norm is {:.1f}, so at $c = 1$", lambda: run("bad-batch").grad_norm[1000]),
    C("notebooks/07_diagnosis.ipynb", "ends about a tenth of a nat lower",
      lambda: 0.05 < run("lesson-64").at(-1).val - run("lesson-128").at(-1).val < 0.15),
    C("notebooks/07_diagnosis.ipynb", "The price in steps is two and a half, not 32",
      lambda: run("short-last-position").recipe["max_steps"] / as_good_at_the_last_position() == 2.5),
    C("notebooks/07_diagnosis.ipynb", "the two runs end within a hundredth of each other",
      lambda: abs(gain_of_warmup()) < 0.01),
    C("notebooks/07_diagnosis.ipynb", "it buys more than 0.4 nats", lambda: gain_of_warmup("-high-lr") > 0.4),
    C("notebooks/07_diagnosis.ipynb", "Its largest norm is the *smallest* of the four",
      lambda: the_smallest_norm_ends_worst()),
]  # fmt: skip

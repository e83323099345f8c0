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

from course_lib.corpus_figures import load_corpus_figures as corpus
from course_lib.model import GPT, GPTConfig
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
    C("notebooks/04_clipping.ipynb", "a fresh model with seed {}", lambda: LESSON.seed),
    C("notebooks/04_clipping.ipynb", "clipping acts in {:.1f} % of the steps",
      lambda: 100 * run("lesson-64").clipped.mean()),
    C("notebooks/04_clipping.ipynb", "From step 1,000 on every single gradient is cut",
      lambda: run("lesson-64").clipped[1000:].all()),
    C("notebooks/05_schedule.ipynb", "Step 400 and step {:,}.", lambda: first_step_at_half(LESSON.schedule)),
    C("notebooks/06_training.ipynb", "memorise {} predictions", lambda: 4 * CONTEXT_LENGTH),
    C("notebooks/06_training.ipynb", "{:,} predictions a step, {:.0f} steps an epoch",
      lambda: (LESSON.batch_size * CONTEXT_LENGTH, corpus().steps_per_epoch())),
    C("notebooks/06_training.ipynb", "fallen together: {:.2f} and {:.2f}.",
      lambda: (run("lesson-64").at(500).train, run("lesson-64").at(500).val)),
    C("notebooks/06_training.ipynb", "The gap is {:.3f} at step 1,000 and {:.3f} at step 2,000",
      lambda: (run("lesson-64").at(1000).gap, run("lesson-64").at(2000).gap)),
    C("notebooks/06_training.ipynb",
      "{:.2f} on train and {:.2f} on validation: a perplexity of {:.2f}, or {:.2f} bits a character",
      lambda: (run("lesson-64").at(-1).train, *in_three_units(run("lesson-64").at(-1).val))),
]  # fmt: skip

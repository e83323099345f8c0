"""Where the figures of the prose come from: the one table of claims. `course claims` checks it.

A claim names a page, a fragment of one sentence of it with a `{}` for each figure, and what gives the
figures. The `{}` says how the figure is rounded and written, as `str.format` has it: `{:,}` for
205,440, `{:.3f}` for 1.540, `{:.1%}` for 92.7%. Several figures need a tuple. Braces of a formula are
doubled. Start each claim on a line of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

from course_lib.corpus_figures import load_corpus_figures as corpus
from course_lib.model import GPT, GPTConfig
from course_lib.runs import load_run as run  # noqa: F401  (for the claims to come)
from course_lib.schedule import WarmupCosine
from course_lib.train_config import TrainConfig


@dataclass(frozen=True)
class Claim:
    """One row: `value()` gives the figure of the fragment's `{}`, or a tuple, one for each of them."""

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
    C("notebooks/05_schedule.ipynb", "Step 400 and step {:,}.", lambda: first_step_at_half(LESSON.schedule)),
    C("notebooks/06_training.ipynb", "memorise {} predictions", lambda: 4 * CONTEXT_LENGTH),
    C("notebooks/06_training.ipynb", "{:,} predictions a step, {:.0f} steps an epoch",
      lambda: (LESSON.batch_size * CONTEXT_LENGTH, corpus().steps_per_epoch())),
]  # fmt: skip

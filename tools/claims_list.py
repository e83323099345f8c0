"""Where the figures of the prose come from: the one table of claims. `course claims` checks it.

A claim names a page, a fragment of one sentence of it with a `{}` for each figure, and what gives the
figures. The `{}` says how the figure is rounded and written, as `str.format` has it: `{:,}` for
205,440, `{:.3f}` for 1.540, `{:.1%}` for 92.7%. Several figures need a tuple. A fragment without a
`{}` is a statement in words, and its expression has to be true. Braces of a formula are doubled.
Start each claim on a line of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from course_lib.corpus_figures import load_corpus_figures as corpus
from course_lib.runs import load_run as run
from course_lib.train_config import TrainConfig
from tools.claim_values import (
    CONTEXT_LENGTH, SEEDS, above_twin, as_good_at_the_last_position, both_sizes, first_step_at_half, gain_of_warmup,
    in_three_units, parameters, price_of_the_last_position, spread, steps_above, the_smallest_norm_ends_worst,
    validation, within,
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """One row: `value()` gives the figure of the fragment's `{}`, or a tuple, or whether the words hold."""

    page: str
    fragment: str
    value: Callable[[], object]


C = Claim
LESSON = TrainConfig()
HIGH_PEAK = ("high-lr", "no-warmup-high-lr")

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
    C("notebooks/03_loss.ipynb", "between two and a half and three times as many steps, not 32 times",
      lambda: within(price_of_the_last_position("short", "short-last-position"), 2.5, 3)),
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
    C("notebooks/06_training.ipynb", "The model with $d = 64$ ends at {:.3f}. At the same step",
      lambda: run("lesson-64").at(-1).val),
    C("notebooks/06_training.ipynb", "At the same step its gap is smaller too",
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
    C("notebooks/07_diagnosis.ipynb", "a loss of {:.2f}, and a norm sixty times the usual",
      lambda: run("bad-batch").loss[1000]),
    C("notebooks/07_diagnosis.ipynb", "and a norm sixty times the usual",
      lambda: round(run("bad-batch").grad_norm[1000] / run("lesson-64").grad_norm[1000], -1) == 60),
    C("notebooks/07_diagnosis.ipynb", "One step later the loss is three hundredths above its twin's",
      lambda: round(run("bad-batch").loss[1001] - run("lesson-64").loss[1001], 2) == 0.03),
    C("notebooks/07_diagnosis.ipynb", "ten steps later one hundredth",
      lambda: round(run("bad-batch").loss[1010] - run("lesson-64").loss[1010], 2) == 0.01),
    C("notebooks/07_diagnosis.ipynb", "the two validation losses are within a few thousandths",
      lambda: all(abs(above_twin("bad-batch", "lesson-64", s)) < 0.004 for s in (1500, 2000, 3000, 4000, 5000))),
    C("notebooks/07_diagnosis.ipynb", "The loss goes on rising for some steps, to {:.2f} at step {:,}",
      lambda: (run("bad-batch-no-clipping").loss[1001:1050].max(),
               1001 + int(run("bad-batch-no-clipping").loss[1001:1050].argmax()))),
    C("notebooks/07_diagnosis.ipynb", "the validation loss is still {:.3f} above its twin's, and at the end {:.3f}",
      lambda: tuple(above_twin("bad-batch-no-clipping", "no-clipping", step) for step in (1500, -1))),
    C("notebooks/07_diagnosis.ipynb", "The last difference is no larger than what a seed does",
      lambda: above_twin("bad-batch-no-clipping", "no-clipping") < spread(SEEDS)),
    C("notebooks/07_diagnosis.ipynb", "Up to there it equals `lesson-64`",
      lambda: (run("bad-batch").loss[:1000] == run("lesson-64").loss[:1000]).all()),
    C("notebooks/07_diagnosis.ipynb", "Up to there it equals `no-clipping`",
      lambda: (run("bad-batch-no-clipping").loss[:1000] == run("no-clipping").loss[:1000]).all()),
    C("notebooks/07_diagnosis.ipynb", "ends among the three that clip nine times in ten",
      lambda: min(map(validation, SEEDS)) < validation("no-clipping") < max(map(validation, SEEDS))),
    C("notebooks/07_diagnosis.ipynb", "in less than a tenth of the steps, and in two of the 5,000",
      lambda: run("high-lr").clipped.mean() < 0.1 and run("no-warmup-high-lr").clipped.sum() == 2),
    C("notebooks/07_diagnosis.ipynb", "the price is nearer seven times than {}",
      lambda: CONTEXT_LENGTH if round(price_of_the_last_position("lesson-64", "last-position")[0]) == 7 else 0),
    C("notebooks/07_diagnosis.ipynb", "the smaller one at step 5,000 stands where the larger one stood at step 2,000",
      lambda: abs(run("lesson-64").at(-1).train - run("lesson-128").at(2000).train) < 0.02
      and abs(run("lesson-64").at(-1).val - run("lesson-128").at(2000).val) < 0.02),
    C("notebooks/07_diagnosis.ipynb", "ends more than a nat below the measured train loss",
      lambda: run("last-position").at(-1).train - run("last-position").loss[-100:].mean() > 1),
    C("notebooks/07_diagnosis.ipynb", "the line drops by a whole nat at its last",
      lambda: run("last-position").val_loss_by_position[-1, 54:63].mean()
      - run("last-position").val_loss_by_position[-1, 63] > 1),
    C("notebooks/07_diagnosis.ipynb", "It stays beside train to the end",
      lambda: run("shuffled-windows").at(-1).gap < 0.02),
    C("notebooks/07_diagnosis.ipynb", "ends far below every other run of this recipe",
      lambda: validation("shuffled-windows") < min(map(validation, SEEDS)) - 0.15),
    C("notebooks/07_diagnosis.ipynb", "ten times the uniform line",
      lambda: round(run("default-init").loss[0] / corpus().uniform) == 10),
    C("notebooks/07_diagnosis.ipynb", "The run ends more than a tenth of a nat above the",
      lambda: above_twin("default-init", "lesson-64") > 0.1),
    C("notebooks/07_diagnosis.ipynb", "The loss in the log falls below the bigram line",
      lambda: run("shifted-twice").loss[-100:].mean() < corpus().bigram < validation("shifted-twice") - 1),
    C("notebooks/07_diagnosis.ipynb", "one spike at step {:,}, dozens of times as high as any other",
      lambda: int(run("bad-batch").grad_norm.argmax())),
    C("notebooks/07_diagnosis.ipynb", "dozens of times as high as any other",
      lambda: run("bad-batch").grad_norm[1000] > 24 * np.delete(run("bad-batch").grad_norm, 1000).max()),
    C("notebooks/07_diagnosis.ipynb", "needs hundreds of steps more than a healthy run for the bigram line",
      lambda: steps_above("bigram", run("no-warmup-high-lr"))[-1] > steps_above("bigram", run("lesson-64"))[-1] + 200),
    C("notebooks/07_diagnosis.ipynb", "it passes the bigram line within fifty steps",
      lambda: (run("unshifted").loss < corpus().bigram).argmax() < 50),
    C("notebooks/06_training.ipynb", "Seeds move the end by about a hundredth of a nat",
      lambda: round(spread(SEEDS), 2) == 0.01),
    C("notebooks/01_corpus.ipynb", "the gap, from {:.3f} to {:.3f}",
      lambda: (run("lesson-64").at(-1).gap, run("shuffled-windows").at(-1).gap)),
    C("notebooks/01_corpus.ipynb", "on the text that it was trained on it is no better than the first",
      lambda: run("shuffled-windows").at(-1).train >= run("lesson-64").at(-1).train),
    C("notebooks/07_diagnosis.ipynb", "the run without warmup is *ahead* up to step 1,000",
      lambda: all(above_twin("no-warmup", "lesson-64", s) < 0 for s in (10, 100, 250, 500, 1000))),
    C("notebooks/07_diagnosis.ipynb", "It ends about a hundredth higher, and seeds do as much",
      lambda: 0.005 < above_twin("no-warmup", "lesson-64") < spread(SEEDS)),
    C("notebooks/07_diagnosis.ipynb", "is nearly half a nat behind at step 500, and {:.3f} at the end",
      lambda: above_twin("no-warmup-high-lr", "high-lr")),
    C("notebooks/07_diagnosis.ipynb", "is nearly half a nat behind at step 500",
      lambda: 0.44 < above_twin("no-warmup-high-lr", "high-lr", 500) < 0.5),
    C("notebooks/07_diagnosis.ipynb", "that is more than three times what seeds do",
      lambda: above_twin("no-warmup-high-lr", "high-lr") > 3 * spread(SEEDS)),
    C("notebooks/07_diagnosis.ipynb", "Both runs at the higher peak end lower than both at the recipe's",
      lambda: max(map(validation, HIGH_PEAK)) < min(map(validation, ("lesson-64", "no-warmup")))),
    C("notebooks/04_clipping.ipynb", "Its norm is {:.1f}, so at $c = 1$", lambda: run("bad-batch").grad_norm[1000]),
    C("notebooks/07_diagnosis.ipynb", "ends about a tenth of a nat lower",
      lambda: 0.05 < run("lesson-64").at(-1).val - run("lesson-128").at(-1).val < 0.15),
    C("notebooks/07_diagnosis.ipynb", "The price in steps is between two and a half and three, not 32",
      lambda: within(price_of_the_last_position("short", "short-last-position"), 2.5, 3)),
    C("notebooks/07_diagnosis.ipynb", "the two runs end within a hundredth of each other",
      lambda: abs(gain_of_warmup()) < 0.01),
    C("notebooks/07_diagnosis.ipynb", "it buys more than 0.4 nats", lambda: gain_of_warmup("-high-lr") > 0.4),
    C("notebooks/07_diagnosis.ipynb", "Its largest norm is the *smallest* of the four",
      lambda: the_smallest_norm_ends_worst()),
    C("notebooks/07_diagnosis.ipynb", "At the end it adds {:.2f} nats, which is more than the larger model",
      lambda: run("dropout").val_loss_dropout_on[-1] - validation("dropout")),
    C("notebooks/07_diagnosis.ipynb", "which is more than the larger model of this course gains",
      lambda: run("dropout").val_loss_dropout_on[-1] - validation("dropout") > above_twin("lesson-64", "lesson-128")),
    C("notebooks/07_diagnosis.ipynb", "its mean is {:.3f}, beside a validation loss of {:.3f}",
      lambda: (run("dropout").loss[-100:].mean(), validation("dropout"))),
    C("notebooks/07_diagnosis.ipynb", "In eval mode the train loss is {:.3f}", lambda: run("dropout").at(-1).train),
    C("notebooks/07_diagnosis.ipynb", "without it the recipe ends at {:.3f}", lambda: validation("lesson-64")),
    C("notebooks/07_diagnosis.ipynb", "the gap that dropout could close is narrower than what it costs",
      lambda: run("lesson-64").at(-1).gap < above_twin("dropout", "lesson-64")),
    C("notebooks/07_diagnosis.ipynb", "and after {:,} steps the loss is still far above the bigram line",
      lambda: len(run("sgd").loss) if validation("sgd") > corpus().bigram + 0.5 else 0),
    C("notebooks/07_diagnosis.ipynb", "The norms have sunk below a half",
      lambda: run("sgd").grad_norm[-1000:].mean() < 0.5),
]  # fmt: skip

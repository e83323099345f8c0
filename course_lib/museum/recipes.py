"""The recipes of the museum, in the order in which to record them. One short entry each."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from course_lib.batches import get_batch
from course_lib.loss import next_token_loss
from course_lib.museum import faults
from course_lib.schedule import WarmupCosine, WarmupLinear, WarmupStableDecay
from course_lib.train_config import TrainConfig
from course_lib.training import BatchFunction, LossFunction, OptimizerFunction, make_optimizer

SEEDS = (1337, 2024, 31415)  # fixed before the first run; every run with them is reported
LESSON_SCHEDULE = WarmupCosine(peak_lr=1e-3, min_lr=1e-4, warmup_steps=100, decay_steps=5000)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a recorded run.

    Args:
        name: names the run and its file.
        change: what differs from the lesson's recipe at d = 64, in the reader's words.
        d_model, n_layer, context_length, dropout: sizes of the model; 4 heads, V from the corpus.
        max_steps, batch_size, schedule, weight_decay, max_norm, seed: as in `TrainConfig`; the seed
            also draws the initial weights.
        loss_fn, optimizer_fn: what `train` is given.
        batch_fn_at: maps the step at which training starts or goes on to what `train` is given.
        shuffle_windows: split shuffled windows instead of the stream: a tenth of all starts
            validates, whatever it shares with the others.
        initialise: redraws the weights of a new model; None keeps the model's own.
    """

    name: str
    change: str
    d_model: int = 64
    n_layer: int = 4
    context_length: int = 64
    dropout: float = 0.0
    max_steps: int = 5000
    batch_size: int = 64
    schedule: Callable[[int], float] = LESSON_SCHEDULE
    weight_decay: float = 0.1
    max_norm: float = 1.0
    seed: int = SEEDS[0]
    loss_fn: LossFunction = next_token_loss
    optimizer_fn: OptimizerFunction = make_optimizer
    batch_fn_at: Callable[[int], BatchFunction] = field(default=lambda done: get_batch)
    shuffle_windows: bool = False
    initialise: Callable[[nn.Module], None] | None = None

    def config(self, **changes: object) -> TrainConfig:
        """Return the settings of the loop, with `changes` to them."""
        names = ("max_steps", "batch_size", "schedule", "weight_decay", "max_norm", "seed")
        return TrainConfig(**({name: getattr(self, name) for name in names} | changes))

    def describe(self) -> dict[str, object]:
        """Return the recipe as plain data, functions by their names: what a run file stores."""
        return {f.name: _plain(getattr(self, f.name), f.name) for f in dataclasses.fields(self)}

    def digest(self) -> str:
        """Return a short hash of the recipe: what was recorded of another one is of no use."""
        return hashlib.sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()[:12]


def _plain(value: object, name: str) -> object:
    """Return a setting as JSON can hold it: functions by name, what carries settings with them."""
    if name == "batch_fn_at":
        made = value(0)
        settings = {key: item for key, item in getattr(made, "__dict__", {}).items() if key != "step"}
        return {getattr(made, "__name__", type(made).__name__): settings}
    if dataclasses.is_dataclass(value):
        return {type(value).__name__: dataclasses.asdict(value)}
    if callable(value):
        return value.__name__
    return str(value) if value == math.inf else value


def _stuck_reader(done: int) -> faults.StuckReader:
    # Id 3 is "$", which occurs once in the whole corpus.
    return faults.StuckReader(at_step=1000, symbol=3, done=done)


def _cosine(peak_lr: float, warmup_steps: int, decay_steps: int = 5000) -> WarmupCosine:
    return WarmupCosine(peak_lr, LESSON_SCHEDULE.min_lr, warmup_steps, decay_steps)


def _short(name: str, change: str, **changes: object) -> Recipe:
    """A two-layer model on contexts of 32 tokens, for claims about the first few hundred steps."""
    return Recipe(name, f"two layers, T = 32: {change}", n_layer=2, context_length=32, **changes)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("lesson-64", "nothing: the lesson's recipe"),
        Recipe("lesson-128", "d = 128", d_model=128),
        Recipe("no-warmup", "no warmup", schedule=_cosine(1e-3, 0)),
        Recipe("no-warmup-high-lr", "peak learning rate 1e-2, no warmup", schedule=_cosine(1e-2, 0)),
        Recipe("high-lr", "peak learning rate 1e-2", schedule=_cosine(1e-2, 100)),
        Recipe("no-clipping", "no clipping", max_norm=math.inf),
        Recipe("bad-batch", "one corrupted batch", batch_fn_at=_stuck_reader),
        Recipe("bad-batch-no-clipping", "one corrupted batch, no clipping",
               batch_fn_at=_stuck_reader, max_norm=math.inf),
        Recipe("last-position", "loss at the last position only", loss_fn=faults.last_position_loss),
        Recipe("unshifted", "targets not shifted", batch_fn_at=lambda done: faults.unshifted_batch),
        Recipe("shifted-twice", "targets shifted twice",
               batch_fn_at=lambda done: faults.twice_shifted_batch),
        Recipe("constant-lr", "constant learning rate after warmup",
               schedule=WarmupCosine(1e-3, 1e-3, 100, 5000)),
        Recipe("linear", "linear decay", schedule=WarmupLinear(1e-3, 1e-4, 100, 5000)),
        Recipe("stable-decay", "constant, then a linear decay over the last fifth",
               schedule=WarmupStableDecay(1e-3, 1e-4, 100, 5000, stable_steps=3900)),
        Recipe("shuffled-windows", "windows shuffled before the split", shuffle_windows=True),
        Recipe("default-init", "PyTorch's default initialisation",
               initialise=faults.default_initialisation),
        Recipe("sgd", "SGD instead of AdamW", optimizer_fn=faults.make_sgd),
        Recipe("dropout", "dropout 0.2", dropout=0.2),
        Recipe("lesson-64-seed-2", "the second seed", seed=SEEDS[1]),
        Recipe("lesson-64-seed-3", "the third seed", seed=SEEDS[2]),
        Recipe("batch-8", "B = 8, eight times the steps", batch_size=8, max_steps=40_000,
               schedule=_cosine(1e-3, 800, 40_000)),
        Recipe("batch-256", "B = 256, a quarter of the steps", batch_size=256, max_steps=1250,
               schedule=_cosine(1e-3, 25, 1250)),
        Recipe("context-16", "T = 16", context_length=16),
        Recipe("no-weight-decay", "no weight decay", weight_decay=0.0),
        _short("short", "every position", max_steps=1500, schedule=_cosine(1e-3, 100, 1500)),
        _short("short-last-position", "loss at the last position only", max_steps=1500,
               schedule=_cosine(1e-3, 100, 1500), loss_fn=faults.last_position_loss),
        _short("short-warmup", "400 steps", max_steps=400, schedule=_cosine(1e-3, 100, 400)),
        _short("short-no-warmup", "400 steps, no warmup", max_steps=400,
               schedule=_cosine(1e-3, 0, 400)),
        _short("short-warmup-high-lr", "400 steps, peak learning rate 1e-2", max_steps=400,
               schedule=_cosine(1e-2, 100, 400)),
        _short("short-no-warmup-high-lr", "400 steps, peak learning rate 1e-2, no warmup",
               max_steps=400, schedule=_cosine(1e-2, 0, 400)),
    )
}  # fmt: skip

"""The recipe of a run: every setting in one place, checked before anything starts."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass

from course_lib.schedule import WarmupCosine


@dataclass(frozen=True)
class TrainConfig:
    """The recipe of a run. The context length is the model's.

    Args:
        max_steps: updates to make in all, those before a resume included.
        batch_size: B, windows a micro-batch.
        schedule: maps an update, counted from 0, to its learning rate.
        betas: AdamW's decay rates of the first and second moment (Loshchilov and Hutter, 2019,
            arXiv:1711.05101).
        weight_decay: AdamW's decoupled decay, on matrices only (embeddings included, norms not).
        max_norm: the gradient norm to clip at; `math.inf` measures without clipping.
        accumulation_steps: micro-batches an update; their mean loss is what is minimised.
        eval_interval: evaluate on `val_tokens` before every so many updates; None for never.
        seed: seeds the generator that draws the batches. Initial weights and dropout draw from
            PyTorch's global generator: seed that with `torch.manual_seed` before you build the model.
        checkpoint_path: where to write checkpoints; None for nowhere.
        checkpoint_interval: write after every so many updates; None for the end only. A run with
            a path also writes after its last update.

    Raises:
        TypeError: a count is not an integer, or the schedule cannot be called.
        ValueError: a setting is out of its range, or an interval was given without a path.
    """

    max_steps: int = 5000
    batch_size: int = 64
    schedule: Callable[[int], float] = WarmupCosine(1e-3, 1e-4, 100, 5000)
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.1
    max_norm: float = 1.0
    accumulation_steps: int = 1
    eval_interval: int | None = None
    seed: int = 1337
    checkpoint_path: str | os.PathLike | None = None
    checkpoint_interval: int | None = None

    def __post_init__(self) -> None:
        _check_counts(self)
        if not callable(self.schedule):
            raise TypeError(
                f"schedule is {self.schedule!r}; it must map a step to a learning rate. "
                "For a constant rate: lambda step: 1e-3."
            )
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas is {self.betas}; it must be two numbers in [0, 1).")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(
                f"weight_decay is {self.weight_decay}; it must be finite and not negative."
            )
        if not self.max_norm > 0:
            raise ValueError(
                f"max_norm is {self.max_norm}; it must be above 0. "
                "Use math.inf to measure without clipping."
            )
        if self.checkpoint_interval is not None and self.checkpoint_path is None:
            raise ValueError(
                f"checkpoint_interval is {self.checkpoint_interval} but checkpoint_path is None; "
                "say where the checkpoints should go."
            )


def _check_counts(config: TrainConfig) -> None:
    smallest = {
        "max_steps": 0, "batch_size": 1, "accumulation_steps": 1,
        "eval_interval": 1, "checkpoint_interval": 1,
    }  # fmt: skip
    for name, least in smallest.items():
        value = getattr(config, name)
        if value is None and name.endswith("_interval"):
            continue
        if not isinstance(value, int):
            raise TypeError(f"{name} is {value!r}; it must be an integer.")
        if value < least:
            raise ValueError(f"{name} is {value}; it must be at least {least}.")

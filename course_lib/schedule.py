"""Learning-rate schedules: linear warmup, then a decay to a floor.

Each schedule is called with a step, counted from 0 in optimizer updates, and returns the learning
rate of that update as a float. Warmup is the plain line from 0, so update 0 has learning rate 0
and changes nothing. nanoGPT uses (t + 1) / (W + 1) instead, which wastes no update.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True)
class _Warmup(ABC):
    """The settings and the two outer branches that all schedules share.

    Args:
        peak_lr: the learning rate at the end of warmup.
        min_lr: the floor, reached at `decay_steps` and kept for ever after.
        warmup_steps: W, the step at which the peak is reached; 0 for no warmup.
        decay_steps: D, the step at which the floor is reached. A step, not a length.

    Raises:
        ValueError: a setting is negative or not finite, the floor is above the peak, or D < W.
    """

    peak_lr: float
    min_lr: float
    warmup_steps: int
    decay_steps: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}; it must be finite and not negative.")
            if name.endswith("steps") and value != int(value):
                raise ValueError(f"{name} is {value}; steps are whole numbers.")
        if self.min_lr > self.peak_lr:
            raise ValueError(
                f"min_lr is {self.min_lr}, above peak_lr = {self.peak_lr}; "
                "the floor may not be above the peak."
            )
        if self.decay_steps < self.warmup_steps:
            raise ValueError(
                f"decay_steps is {self.decay_steps}, before the end of warmup at "
                f"{self.warmup_steps}. decay_steps is the step at which the floor is reached, "
                "not the length of the decay."
            )

    def __call__(self, step: int) -> float:
        """Return the learning rate of update `step` (0 for the first).

        Raises:
            ValueError: `step` is negative.
        """
        if step < 0:
            raise ValueError(f"step is {step}; steps count from 0.")
        if step < self.warmup_steps:
            return self.peak_lr * step / self.warmup_steps
        if step > self.decay_steps:
            return float(self.min_lr)
        return self._between(step)

    @abstractmethod
    def _between(self, step: int) -> float:
        """Return the learning rate for W <= step <= D."""

    def _mix(self, share: float) -> float:
        """Return the floor plus `share` of the way up to the peak; exact at both ends."""
        return float(self.peak_lr) if share == 1 else self.min_lr + share * (self.peak_lr - self.min_lr)


def _progress(step: int, start: int, end: int) -> float:
    """Return the share of the way from `start` to `end`; 0 where the two coincide."""
    return (step - start) / (end - start) if end > start else 0.0


@dataclass(frozen=True)
class WarmupCosine(_Warmup):
    """Warmup, then half a cosine (Loshchilov and Hutter, 2017, arXiv:1608.03983, no restarts).

    With W = warmup_steps and D = decay_steps:

    - t < W: `peak * t / W`
    - W <= t <= D: `min + (peak - min) * (1 + cos(pi * (t - W) / (D - W))) / 2`
    - t > D: `min`

    At t = W = D the rate is the peak. Settings and errors: as for all schedules of this module,
    `peak_lr` and `min_lr` are rates, `warmup_steps` and `decay_steps` are steps; a ValueError
    refuses negative or non-finite settings, a floor above the peak, and D < W.
    """

    def _between(self, step: int) -> float:
        progress = _progress(step, self.warmup_steps, self.decay_steps)
        return self._mix((1 + math.cos(math.pi * progress)) / 2)


@dataclass(frozen=True)
class WarmupLinear(_Warmup):
    """Warmup, then a straight line from the peak at W to the floor at D. Settings: WarmupCosine's."""

    def _between(self, step: int) -> float:
        return self._mix(1 - _progress(step, self.warmup_steps, self.decay_steps))


@dataclass(frozen=True)
class WarmupStableDecay(_Warmup):
    """Warmup, `stable_steps` at the peak, then a straight line to the floor at D.

    Known as WSD or trapezoidal (Hu et al., 2024, arXiv:2404.06395; the straight line is the
    simplest of the decays compared by Hagele et al., 2024, arXiv:2405.18392). The decay starts
    after step `warmup_steps + stable_steps`. The other settings: WarmupCosine's.

    Raises:
        ValueError: as WarmupCosine; also if W + stable_steps > D.
    """

    stable_steps: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warmup_steps + self.stable_steps > self.decay_steps:
            raise ValueError(
                f"warmup_steps + stable_steps is {self.warmup_steps + self.stable_steps}, past "
                f"decay_steps = {self.decay_steps}; nothing is left to decay in. "
                "Lower stable_steps or raise decay_steps."
            )

    def _between(self, step: int) -> float:
        decay_start = self.warmup_steps + self.stable_steps
        if step <= decay_start:
            return float(self.peak_lr)
        return self._mix(1 - _progress(step, decay_start, self.decay_steps))

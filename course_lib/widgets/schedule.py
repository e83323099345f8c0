"""The schedule picture: warmup and three ways down, with a cursor that reads the learning rate."""

import traitlets
from ipywidgets import FloatLogSlider, IntSlider, ToggleButtons

from course_lib.schedule import WarmupCosine, WarmupLinear, WarmupStableDecay
from course_lib.widgets.base import Picture, control, link, module, show, style

Schedule = WarmupCosine | WarmupLinear | WarmupStableDecay

SHAPES = ("cosine", "linear", "warmup-stable-decay")
STABLE_SHARE = 0.8
"""The picture's warmup-stable-decay stays at the peak for this share of the steps after warmup."""


class SchedulePicture(Picture):
    """A schedule of `shape` over steps: warmup to `W`, floor at `D`, cursor at `step`.

    A floor above the peak is held at the peak and a warmup past D is held at D, as the picture
    says where it happens; `schedule` is the schedule that is drawn.
    """

    _esm = module("schedule")
    _css = style()
    _settings = ("shape", "W", "D", "peak", "floor", "step")

    shape_index = traitlets.Int(0, min=0, max=2).tag(sync=True)
    W = traitlets.Int(100, min=0).tag(sync=True)
    D = traitlets.Int(5000, min=1).tag(sync=True)
    peak = traitlets.Float(1e-3).tag(sync=True)
    floor = traitlets.Float(1e-4).tag(sync=True)
    step = traitlets.Int(50, min=0).tag(sync=True)
    longest = traitlets.Int(6000).tag(sync=True)

    @property
    def shape(self) -> str:
        """`"cosine"`, `"linear"` or `"warmup-stable-decay"`."""
        return SHAPES[self.shape_index]

    @property
    def schedule(self) -> Schedule:
        """The drawn schedule, ready for `TrainConfig(schedule=…)`."""
        warmup = min(self.W, self.D)
        settings = (self.peak, min(self.floor, self.peak), warmup, self.D)
        if self.shape == "cosine":
            return WarmupCosine(*settings)
        if self.shape == "linear":
            return WarmupLinear(*settings)
        return WarmupStableDecay(*settings, stable_steps=int(STABLE_SHARE * (self.D - warmup)))

    @property
    def lr(self) -> float:
        """The learning rate at the cursor."""
        return self.schedule(self.step)

    def describe(self) -> str:
        """Return the picture in words; the module writes the same sentence."""
        drawn = self.schedule
        peak = f"{drawn.peak_lr:.2e}"
        start = f"from 0 to {peak} at step {drawn.warmup_steps:,}" if drawn.warmup_steps else f"starts at {peak}"
        return (
            f"Learning rate with a {self.shape} decay: {start}, then down to {drawn.min_lr:.2e} at step {self.D:,} and flat "
            f"after that. At step {self.step:,} it is {self.lr:.3e}."
        )


def explore_schedule(schedule: Schedule | None = None, *, step: int = 50) -> SchedulePicture:
    """Show a schedule with sliders for W, D, the peak, the floor and a step cursor.

    Args:
        schedule: where the sliders start; the course's recipe if None. A warmup-stable-decay is
            drawn with 80 % of the steps after warmup at the peak, whatever its own `stable_steps`.
        step: where the cursor starts.

    Returns:
        The picture. `view.schedule` is the drawn schedule and `view.lr` its value at `view.step`.

    Raises:
        ValueError: a setting is beyond the sliders (W 2,000; D 100 to 10,000; rates 1e-6 to 1e-1).
    """
    schedule = schedule or WarmupCosine(1e-3, 1e-4, 100, 5000)
    kinds = (WarmupCosine, WarmupLinear, WarmupStableDecay)
    rates = (schedule.peak_lr, schedule.min_lr)
    if not (schedule.warmup_steps <= 2000 and 100 <= schedule.decay_steps <= 10_000):
        raise ValueError("the picture shows warmups up to 2,000 and decays of 100 to 10,000 steps")
    if not all(1e-6 <= rate <= 1e-1 for rate in rates):
        raise ValueError("the picture shows learning rates from 1e-6 to 1e-1")
    longest = 10 * -(-schedule.decay_steps * 12 // 100)
    picture = SchedulePicture(
        shape_index=kinds.index(type(schedule)), W=schedule.warmup_steps, D=schedule.decay_steps,
        peak=rates[0], floor=rates[1], step=min(step, longest), longest=longest, height_hint=379,
        height_hint_narrow=388,
    )  # fmt: skip
    picture.text_alternative = picture.describe()
    rate = {"base": 10, "min": -6, "max": -1, "step": 0.05, "readout_format": ".2e"}
    show(
        picture,
        (link(control(ToggleButtons, "shape", options=list(SHAPES)), picture, "shape_index"),),
        (
            link(control(IntSlider, "W, warmup steps", min=0, max=2000, step=10), picture, "W"),
            link(control(IntSlider, "D, floor reached at", min=100, max=10_000, step=50), picture, "D"),
        ),
        (
            link(control(FloatLogSlider, "peak", value=rates[0], **rate), picture, "peak"),
            link(control(FloatLogSlider, "floor", value=rates[1], **rate), picture, "floor"),
        ),
        (link(control(IntSlider, "step", min=0, max=10_400), picture, "step"),),
    )
    return picture

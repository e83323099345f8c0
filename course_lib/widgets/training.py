"""The run picture: a scrubber over a run's loss, learning rate and gradient norm."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

import traitlets
from ipywidgets import Checkbox, IntSlider

from course_lib.widgets.base import Picture, control, link, module, show, style
from course_lib.widgets.numbers import fixed

LINE = 36
"""Characters of a sample that fit on a phone's line."""


class RunPicture(Picture):
    """A run's curves with the cursor at `step`; `log_steps` stretches the first steps.

    `steps`, `loss`, `lr` and `norm` have one entry a record; `val` holds `[step, loss]`,
    `landmarks` `[label, loss]`, `samples` `[step, text]`; `max_norm` is the limit of clipping, if drawn.
    """

    _esm = module("training")
    _css = style()
    _settings = ("step", "log_steps")

    step = traitlets.Int(0, min=0).tag(sync=True)
    log_steps = traitlets.Bool(False).tag(sync=True)
    steps = traitlets.List(traitlets.Int()).tag(sync=True)
    loss = traitlets.List(traitlets.Float()).tag(sync=True)
    lr = traitlets.List(traitlets.Float()).tag(sync=True)
    norm = traitlets.List(traitlets.Float()).tag(sync=True)
    val = traitlets.List().tag(sync=True)
    landmarks = traitlets.List().tag(sync=True)
    samples = traitlets.List().tag(sync=True)
    max_norm = traitlets.Float(None, allow_none=True).tag(sync=True)

    @property
    def record(self) -> dict[str, float]:
        """The values at the cursor: those of the last record at or before `step`."""
        i = max(0, bisect_right(self.steps, self.step) - 1)
        found = {"step": self.steps[i], "loss": self.loss[i], "lr": self.lr[i], "grad_norm": self.norm[i]}
        evaluated = [pair for pair in self.val if pair[0] <= self.step]
        return found | ({"val_loss": evaluated[-1][1], "val_step": evaluated[-1][0]} if evaluated else {})

    def describe(self) -> str:
        """Return the picture in words; the module writes the same sentences."""
        at = self.record
        val = f", validation loss {fixed(at['val_loss'], 2)} of step {at['val_step']:,}" if "val_loss" in at else ""
        clip = "" if self.max_norm is None else f" Norms above {fixed(self.max_norm, 2)} are clipped."
        lines = ", ".join(f"{label} {fixed(loss, 2)}" for label, loss in self.landmarks)
        return (
            f"A run of {len(self.steps):,} steps. At step {at['step']:,}: training loss "
            f"{fixed(at['loss'], 2)}{val}, learning rate {at['lr']:.2e}, gradient norm "
            f"{fixed(at['grad_norm'], 2)}.{clip}" + (f" Lines to compare with: {lines}." if lines else "")
        )


def explore_run(
    records: Iterable[Any],
    *,
    landmarks: Mapping[str, float] | None = None,
    samples: Mapping[int, str] | None = None,
    max_norm: float | None = None,
) -> RunPicture:
    """Show a run with a slider over its steps.

    Args:
        records: what `course_lib.train` yields, or mappings with the same fields: `step`, `loss`,
            `lr`, `grad_norm` and, where evaluated, `val_loss`. Kept to four significant digits.
        landmarks: losses in nats to draw as lines, by label.
        samples: text that the model wrote, by step; the latest one up to the cursor is shown,
            without the line breaks that it starts with.
        max_norm: the limit of clipping, drawn as a line over the norms; None or infinity for no line.

    Returns:
        The picture. `view.step` and `view.record` follow the slider.

    Raises:
        ValueError: there are no records, their steps do not rise, or a value is not finite.
    """
    rows = [dict(r) if isinstance(r, Mapping) else vars(r) for r in records]
    steps = [int(row["step"]) for row in rows]
    if not rows or any(b <= a for a, b in zip(steps, steps[1:], strict=False)):
        raise ValueError("records must hold at least one step, and steps must rise")
    kept = {name: [_short(row[name]) for row in rows] for name in ("loss", "lr", "grad_norm")}
    val = [[s, _short(row["val_loss"])] for s, row in zip(steps, rows, strict=True) if row.get("val_loss") is not None]
    numbers = [*kept["loss"], *kept["lr"], *kept["grad_norm"], *(loss for _, loss in val)]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a value of the records is not finite; stop at the step before it")
    picture = RunPicture(
        step=steps[-1], steps=steps, loss=kept["loss"], lr=kept["lr"], norm=kept["grad_norm"], val=val,
        landmarks=[[label, float(loss)] for label, loss in (landmarks or {}).items()],
        samples=[[int(step), text] for step, text in sorted((samples or {}).items())],
        max_norm=max_norm if max_norm is not None and math.isfinite(max_norm) else None,
        height_hint=602 + _sample_height(samples), height_hint_narrow=705 + _sample_height(samples),
    )  # fmt: skip
    picture.text_alternative = picture.describe()
    show(
        picture,
        (
            link(control(IntSlider, "step", min=steps[0], max=max(steps[-1], steps[0] + 1)), picture, "step"),
            link(control(Checkbox, "stretch the first steps (log axis)", indent=False), picture, "log_steps"),
        ),
    )
    return picture


def _sample_height(samples: Mapping[int, str] | None) -> int:
    """Return the pixels of the box for samples and of the line above it; the module's own rule."""
    if not samples:
        return 0
    needed = [sum(max(1, -(-len(line) // LINE)) for line in text.lstrip("\n").split("\n")) for text in samples.values()]
    return 55 + round(23.8 * min(12, max(5, *needed, 5)))


def _short(value: float) -> float:
    return float(f"{value:.4g}")

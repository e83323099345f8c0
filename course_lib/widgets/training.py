"""The run picture: a scrubber over a run's loss, learning rate and gradient norm."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

import traitlets
from ipywidgets import Checkbox, IntSlider

from course_lib.widgets.base import Picture, control, link, module, show, style


class RunPicture(Picture):
    """A run's curves with the cursor at `step`; `log_steps` stretches the first steps.

    `steps`, `loss`, `lr` and `norm` have one entry a record; `val` holds `[step, loss]`,
    `landmarks` `[label, loss]`, `samples` `[step, text]`.
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

    @property
    def record(self) -> dict[str, float]:
        """The values at the cursor: those of the last record at or before `step`."""
        i = max(0, bisect_right(self.steps, self.step) - 1)
        found = {"step": self.steps[i], "loss": self.loss[i], "lr": self.lr[i], "grad_norm": self.norm[i]}
        evaluated = [pair for pair in self.val if pair[0] <= self.step]
        return found | ({"val_loss": evaluated[-1][1]} if evaluated else {})

    def describe(self) -> str:
        """Return the picture in words; the module writes the same sentences."""
        at = self.record
        val = f", validation loss {at['val_loss']:.2f}" if "val_loss" in at else ""
        lines = ", ".join(f"{label} {loss:.2f}" for label, loss in self.landmarks)
        return (
            f"A run of {len(self.steps):,} steps. At step {at['step']:,}: training loss "
            f"{at['loss']:.2f}{val}, learning rate {at['lr']:.2e}, gradient norm "
            f"{at['grad_norm']:.2f}." + (f" Lines to compare with: {lines}." if lines else "")
        )


def explore_run(
    records: Iterable[Any],
    *,
    landmarks: Mapping[str, float] | None = None,
    samples: Mapping[int, str] | None = None,
) -> RunPicture:
    """Show a run with a slider over its steps.

    Args:
        records: what `course_lib.train` yields, or mappings with the same fields: `step`, `loss`,
            `lr`, `grad_norm` and, where evaluated, `val_loss`. Kept to four significant digits.
        landmarks: losses in nats to draw as lines, by label.
        samples: text that the model wrote, by step; the latest one up to the cursor is shown.

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
        height_hint=602 + 174 * bool(samples), height_hint_narrow=705 + 174 * bool(samples),
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


def _short(value: float) -> float:
    return float(f"{value:.4g}")

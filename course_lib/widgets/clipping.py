"""The clipping picture: a threshold over a run's gradient norms, and one gradient as an arrow."""

import math
from collections.abc import Sequence
from statistics import median

import traitlets
from ipywidgets import Checkbox, FloatSlider

from course_lib.widgets.base import Picture, control, link, module, show, style
from course_lib.widgets.numbers import fixed

SPIKE = 20.0
"""A corrupted batch's norm in the picture, as a multiple of the run's median, where none was recorded."""


class ClippingPicture(Picture):
    """`norms` of a run against the threshold `c`, and the gradient (`gx`, `gy`) clipped at `c`."""

    _esm = module("clipping")
    _css = style()
    _settings = ("c", "gx", "gy", "corrupted")

    c = traitlets.Float(1.0, min=0.0).tag(sync=True)
    gx = traitlets.Float(3.0).tag(sync=True)
    gy = traitlets.Float(4.0).tag(sync=True)
    corrupted = traitlets.Bool(False).tag(sync=True)
    norms = traitlets.List(traitlets.Float()).tag(sync=True)
    corrupted_norms = traitlets.List(traitlets.Float()).tag(sync=True)

    @property
    def shown_norms(self) -> list[float]:
        """The norms; with a corrupted batch those of `corrupted_norms`, or a spike in the middle if there are none."""
        if not self.corrupted:
            return list(self.norms)
        if self.corrupted_norms:
            return list(self.corrupted_norms)
        middle = len(self.norms) // 2
        return [*self.norms[:middle], self.spike, *self.norms[middle + 1 :]]

    @property
    def spike(self) -> float:
        """The norm of the corrupted batch."""
        return max(self.corrupted_norms, default=SPIKE * median(self.norms))

    @property
    def clipped_count(self) -> int:
        """How many of the norms exceed c."""
        return sum(norm > self.c for norm in self.shown_norms)

    @property
    def fraction_clipped(self) -> float:
        """The share of the norms that exceed c."""
        return self.clipped_count / len(self.shown_norms)

    @property
    def gradient(self) -> tuple[float, float]:
        """The arrow before clipping."""
        return (self.gx, self.gy)

    @property
    def clipped_gradient(self) -> tuple[float, float]:
        """The arrow after clipping: g * min(1, c / |g|)."""
        length = math.hypot(self.gx, self.gy)
        factor = min(1.0, self.c / length) if length else 1.0
        return (self.gx * factor, self.gy * factor)

    def describe(self) -> str:
        """Return the picture in words; the module writes the same sentences."""
        norms, (x, y) = self.shown_norms, self.clipped_gradient
        spike = f" One batch is corrupted: its norm is {fixed(self.spike, 1)}." if self.corrupted else ""
        return (
            f"At c = {fixed(self.c, 2)}, {self.clipped_count:,} of {len(norms):,} steps are clipped, "
            f"{fixed(100 * self.clipped_count / len(norms), 1)} %. The norms run from {fixed(min(norms), 2)} to "
            f"{fixed(max(norms), 2)}.{spike} The gradient ({fixed(self.gx, 1)}, {fixed(self.gy, 1)}) of length "
            f"{fixed(math.hypot(self.gx, self.gy), 2)} becomes ({fixed(x, 2)}, {fixed(y, 2)})."
        )


def explore_clipping(
    norms: Sequence[float],
    *,
    c: float = 1.0,
    gradient: tuple[float, float] = (3.0, 4.0),
    corrupted_norms: Sequence[float] = (),
) -> ClippingPicture:
    """Show a run's gradient norms against a threshold, and a gradient in the plane being clipped.

    Args:
        norms: one gradient norm a step, before clipping; kept to four decimals.
        c: where the threshold starts, 0.05 to 6.
        gradient: where the arrow starts, each component -5 to 5.
        corrupted_norms: norms of the same run with one corrupted batch, shown in their place when
            the box is ticked; without them the middle norm becomes 20 times the median.

    Returns:
        The picture. `view.c`, `view.fraction_clipped`, `view.clipped_gradient` and
        `view.corrupted` follow the controls.

    Raises:
        ValueError: there are no norms, or one is negative or not finite.
    """
    kept, kept_corrupted = ([round(float(norm), 4) for norm in values] for values in (norms, corrupted_norms))
    if not kept or not all(math.isfinite(norm) and norm >= 0 for norm in (*kept, *kept_corrupted)):
        raise ValueError("norms must be a list of finite lengths, one a step")
    picture = ClippingPicture(
        c=c, gx=gradient[0], gy=gradient[1], norms=kept, corrupted_norms=kept_corrupted,
        height_hint=385, height_hint_narrow=702,
    )  # fmt: skip
    picture.text_alternative = picture.describe()
    component = {"min": -5, "max": 5, "step": 0.1, "readout_format": ".1f"}
    show(
        picture,
        (
            link(
                control(FloatSlider, "c, largest norm kept", min=0.05, max=6, step=0.05, readout_format=".2f"),
                picture, "c",
            ),
            link(control(Checkbox, "one corrupted batch", indent=False), picture, "corrupted"),
        ),
        (
            link(control(FloatSlider, "gradient, first component", **component), picture, "gx"),
            link(control(FloatSlider, "gradient, second component", **component), picture, "gy"),
        ),
    )  # fmt: skip
    return picture

"""One house style for the course's matplotlib figures.

A figure is drawn in the light palette on an opaque card, because a PNG cannot follow the page's theme:
the card stays legible on a light page and on a dark one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.palette import PALETTE

_COLOUR = {name: colour.light for name, colour in PALETTE.items()}

STYLE: dict[str, Any] = {
    "figure.facecolor": _COLOUR["paper"],
    "axes.facecolor": _COLOUR["paper"],
    "savefig.facecolor": _COLOUR["paper"],
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.18,
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.titlecolor": _COLOUR["ink"],
    "axes.labelcolor": _COLOUR["muted"],
    "axes.edgecolor": _COLOUR["rule"],
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _COLOUR["rule"],
    "grid.linewidth": 0.5,
    "grid.alpha": 0.7,
    "xtick.color": _COLOUR["muted"],
    "ytick.color": _COLOUR["muted"],
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "text.color": _COLOUR["ink"],
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
}


def figure(colour: str = "ink", *, width: float = 6.0, height: float = 3.9) -> tuple[Figure, Axes]:
    """Return a new figure with one axes in the course's style.

    Lines are drawn in `colour`, a name of the palette such as "loss" or "lr"; tell several apart by
    their dashes. Sizes in inches.
    """
    with plt.rc_context(STYLE | {"axes.prop_cycle": cycler(color=[_COLOUR[colour]])}):
        fig, ax = plt.subplots(figsize=(width, height), layout="constrained")
    return fig, ax


def label_line(ax: Axes, x: float, y: float, text: str, colour: str = "ink", **options: Any) -> None:
    """Write `text` beside the point (x, y) in a palette colour: a direct label instead of a legend."""
    placed = {"xytext": (5, 0), "textcoords": "offset points", "va": "center", "annotation_clip": False, "fontsize": 12}
    ax.annotate(text, (x, y), color=_COLOUR[colour], **(placed | options))


def plot_run(
    records: Iterable[Any], *, landmarks: Mapping[str, float] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the training loss of `records` (of `course_lib.train`) and, where evaluated, the validation loss.

    `landmarks` maps a label to a loss in nats, drawn as a thin horizontal line, for example
    `{"uniform": 4.17, "bigram": 2.48}`. Returns the axes, so that the caller may add to them.
    """
    records = list(records)
    if not records:
        raise ValueError("there are no records to draw")
    ax = figure()[1] if ax is None else ax
    first, last = records[0].step, records[-1].step
    for label, loss in (landmarks or {}).items():
        ax.plot([first, last], [loss, loss], color=_COLOUR["muted"], linewidth=0.8, linestyle=(0, (4, 3)))
        label_line(ax, last, loss, label, "muted")
    # One batch's loss is noisy: it is drawn thin, and its mean over the last records is what the label says.
    ax.plot([r.step for r in records], [r.loss for r in records], color=_COLOUR["train"], linewidth=0.9)
    tail = records[-min(50, len(records)):]
    label_line(ax, last, sum(r.loss for r in tail) / len(tail), "train", "train", fontweight="bold")
    evaluated = [r for r in records if r.val_loss is not None]
    if evaluated:
        ax.plot([r.step for r in evaluated], [r.val_loss for r in evaluated], color=_COLOUR["val"],
                linestyle=(0, (5, 2)), linewidth=0.8, marker="o", markersize=4.5)
        # Right of the second point: above a curve that falls, and far from the label of the training loss.
        beside = evaluated[min(1, len(evaluated) - 1)]
        label_line(ax, beside.step, beside.val_loss, "validation", "val", fontweight="bold", xytext=(8, 8))
    ax.set_xlim(first, last + 0.03 * max(1, last - first))
    ax.set_xlabel("step")
    ax.set_ylabel("loss (nats)")
    return ax

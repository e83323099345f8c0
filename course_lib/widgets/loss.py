"""The loss picture: which positions count, ln V, and how the scale of the logits sets the first loss."""

import math
from collections.abc import Sequence

import traitlets
from ipywidgets import FloatLogSlider, FloatSlider, IntSlider, ToggleButtons

from course_lib.rng import Mulberry32
from course_lib.widgets.base import Picture, control, link, module, show, style
from course_lib.widgets.curves import short
from course_lib.widgets.numbers import fixed

POSITIONS = ("all", "last", "last k")
SAMPLES = 48
"""Rows of random logits behind the expected loss."""
LARGEST_V = 100_000


def standard_normals(count: int, seed: int) -> list[float]:
    """Return `count` draws of N(0, 1) by Box and Muller's formula from the shared generator."""
    rng = Mulberry32(seed)
    draws = []
    for _ in range(count):
        # 1 - u lies in (0, 1], so that the logarithm is finite.
        radius = math.sqrt(-2 * math.log(1 - rng.random()))
        draws.append(radius * math.cos(2 * math.pi * rng.random()))
    return draws


def expected_loss(scale: float, vocab_size: int, seed: int = 1) -> float:
    """Return the mean loss in nats if the V logits are independent N(0, scale²) and know no target.

    A target that the logits do not depend on has a logit of mean 0, so the loss is
    E[log sum_v exp(scale * z_v)], here the mean over 48 fixed rows of normal draws. At scale 0 it is ln V.
    """
    draws = standard_normals(SAMPLES * vocab_size, seed)
    total = 0.0
    for row in range(SAMPLES):
        logits = [scale * z for z in draws[row * vocab_size : (row + 1) * vocab_size]]
        largest = max(logits)
        total += largest + math.log(sum(math.exp(z - largest) for z in logits))
    return total / SAMPLES


class LossPicture(Picture):
    """Which of `batch_size * context_length` targets count, the uniform loss ln V, the loss at a logit scale.

    `points` are measured losses: `[label, vocabulary size, nats]`; `by_position` is empty, or has the
    measured loss of each position in nats.
    """

    _esm = module("loss")
    _css = style()
    _settings = ("positions", "k", "V", "scale")

    positions_index = traitlets.Int(0, min=0, max=2).tag(sync=True)
    last_k = traitlets.Int(8, min=1).tag(sync=True)
    vocabulary = traitlets.Float(65.0).tag(sync=True)
    scale = traitlets.Float(0.0, min=0.0).tag(sync=True)
    batch_size = traitlets.Int(64).tag(sync=True)
    context_length = traitlets.Int(64).tag(sync=True)
    vocab_size = traitlets.Int(65).tag(sync=True)
    points = traitlets.List().tag(sync=True)
    by_position = traitlets.List(traitlets.Float()).tag(sync=True)

    @property
    def positions(self) -> str:
        """`"all"`, `"last"` or `"last k"`."""
        return POSITIONS[self.positions_index]

    @property
    def k(self) -> int:
        """How many positions of a row count."""
        return (self.context_length, 1, min(self.last_k, self.context_length))[self.positions_index]

    @property
    def targets_kept(self) -> int:
        """Targets of a step that send a gradient, of B * T."""
        return self.batch_size * self.k

    @property
    def V(self) -> int:
        """The vocabulary size that the slider chose."""
        return round(self.vocabulary)

    @property
    def ln_V(self) -> float:
        """The loss of a uniform guess among V, in nats."""
        return math.log(self.V)

    @property
    def expected_loss(self) -> float:
        """The loss at the start for `vocab_size` logits of standard deviation `scale`, in nats."""
        return expected_loss(self.scale, self.vocab_size)

    def describe(self) -> str:
        """Return the picture in words; the module writes the same sentences."""
        k, T = self.k, self.context_length
        skipped = "" if k == T else f" Contexts of 1 to {T - k} tokens are never trained."
        measured = ""
        if losses := self.by_position:
            first, last = fixed(losses[0], 2), fixed(losses[-1], 2)
            measured = f" The measured loss is {first} nats at position 0, {last} at {T - 1}."
        return (
            f"{k} of {T} positions count: {self.targets_kept:,} of {self.batch_size * T:,} targets "
            f"send a gradient.{skipped}{measured} A uniform guess among {self.V:,} tokens costs "
            f"{self.ln_V:.2f} nats. With {self.vocab_size} logits of standard deviation "
            f"{self.scale:.1f} the expected loss is {self.expected_loss:.2f} nats."
        )


def explore_loss(
    points: Sequence[tuple[str, int, float]] = (),
    *,
    batch_size: int = 64,
    context_length: int = 64,
    vocab_size: int = 65,
    by_position: Sequence[float] = (),
) -> LossPicture:
    """Show which positions count, ln V with measured points, and the loss at the start.

    Args:
        points: measured losses as (label, vocabulary size, nats), drawn beside the curve ln V.
        batch_size, context_length: B and T of the counted targets.
        vocab_size: V of the logits whose scale the last slider sets, and where V starts.
        by_position: a measured loss in nats for each of the T positions, drawn as their heights, as
            a recorded run's `val_loss_by_position[-1]`; none for positions of one height.

    Returns:
        The picture. `view.positions`, `view.k`, `view.targets_kept`, `view.V`, `view.ln_V`,
        `view.scale` and `view.expected_loss` follow the sliders.

    Raises:
        ValueError: T is above 128, V is not 2 to 512, or `by_position` has not T finite losses.
    """
    if not (1 <= context_length <= 128 and 2 <= vocab_size <= 512):
        raise ValueError("the picture shows up to 128 positions and 2 to 512 logits")
    losses = [short(loss) for loss in by_position]
    if losses and (len(losses) != context_length or not all(map(math.isfinite, losses))):
        raise ValueError(f"by_position has {len(losses)} losses; it needs {context_length} finite ones, one a position")
    picture = LossPicture(
        last_k=max(1, context_length // 8), vocabulary=float(vocab_size), batch_size=batch_size,
        context_length=context_length, vocab_size=vocab_size, points=[list(p) for p in points],
        by_position=losses,
        height_hint=415, height_hint_narrow=718,
    )  # fmt: skip
    picture.text_alternative = picture.describe()
    show(
        picture,
        (
            link(control(ToggleButtons, "positions that count", options=list(POSITIONS)), picture, "positions_index"),
            link(control(IntSlider, "k", min=1, max=context_length), picture, "last_k"),
        ),
        (
            link(
                control(FloatLogSlider, "V, vocabulary", base=10, min=0.3, max=5, step=0.01,
                        value=float(vocab_size), readout_format=".0f"),
                picture, "vocabulary",
            ),
            link(
                control(FloatSlider, "standard deviation of the logits", min=0, max=12, step=0.1,
                        readout_format=".1f"),
                picture, "scale",
            ),
        ),
    )  # fmt: skip
    return picture

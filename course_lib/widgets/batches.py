"""The batch picture: windows on the stream, x over y, and the contexts of one row."""

from collections.abc import Sequence
from typing import Any

import traitlets
from ipywidgets import IntSlider

from course_lib.rng import Mulberry32
from course_lib.widgets.base import Picture, control, link, module, readable, show, style

LONGEST = 64
"""The largest B and T of the sliders."""
ROWS_SHOWN = 12
SEEDS = 12


def offsets(seed: int, n_tokens: int, batch_size: int, context_length: int) -> list[int]:
    """Return B starts, uniform over all `n_tokens - context_length` valid ones.

    Starts are drawn for windows of one token, and those too late for a window of T are drawn again.
    So a row keeps its start when the reader changes T, and every valid start stays equally likely.
    """
    if n_tokens <= context_length:
        raise ValueError(f"{n_tokens} tokens hold no window of {context_length} and its targets")
    rng = Mulberry32(seed)
    starts: list[int] = []
    while len(starts) < batch_size:
        start = rng.below(n_tokens - 1)
        if start < n_tokens - context_length:
            starts.append(start)
    return starts


class BatchPicture(Picture):
    """One batch: `B` rows of `T` tokens from a stream of `n_tokens`, drawn with `seed`.

    `snippets` maps a start to the text from there on, for the starts that the sliders can show.
    """

    _esm = module("batches")
    _css = style()
    _settings = ("B", "T", "seed", "row")

    B = traitlets.Int(4, min=1, max=LONGEST).tag(sync=True)
    T = traitlets.Int(8, min=1, max=LONGEST).tag(sync=True)
    seed = traitlets.Int(1).tag(sync=True)
    row = traitlets.Int(1, min=1, max=ROWS_SHOWN).tag(sync=True)
    n_tokens = traitlets.Int(2).tag(sync=True)
    snippets = traitlets.Dict().tag(sync=True)

    @property
    def offsets(self) -> list[int]:
        """The B starts of the batch."""
        return offsets(self.seed, self.n_tokens, self.B, self.T)

    @property
    def predictions(self) -> int:
        """B * T, the supervised predictions of one step."""
        return self.B * self.T

    def describe(self) -> str:
        """Return the picture in words; the module writes the same sentence."""
        row = min(self.row, self.B, ROWS_SHOWN)
        start = self.offsets[row - 1]
        text = readable(self.snippets[str(start)])
        return (
            f"A batch of {self.B} windows of {self.T} tokens from a stream of {self.n_tokens:,}: "
            f"{self.predictions:,} predictions. Row {row} starts at {start:,}: "
            f"x is {text[: self.T]} and y, one token later, is {text[1 : self.T + 1]}."
        )


def _heights(batch_size: int, context_length: int) -> tuple[int, int]:
    """Return the picture's height on a wide page and on a phone, as the module lays it out."""
    rows = min(300, max(208, 52 * min(batch_size, ROWS_SHOWN)))
    triangle = min(280, max(208, 24 * (context_length + 1)))
    stacked = 92 + rows + 60 + triangle
    beside = 92 + max(rows + 24, triangle)
    return 89 + (beside if context_length < 19 else stacked), 138 + stacked


def explore_batch(
    train_tokens: Sequence[int],
    tokenizer: Any,
    *,
    seed: int = 1,
    batch_size: int = 4,
    context_length: int = 8,
) -> BatchPicture:
    """Show one batch with sliders for B, T, the draw and the row whose contexts are spelled out.

    Args:
        train_tokens: ids `(N,)`; only the windows that the sliders can reach go into the picture.
        tokenizer: has `decode(ids) -> str`, one character an id.
        seed: the first draw, 1 to 12.
        batch_size, context_length: B and T at the start, 1 to 64.

    Returns:
        The picture. `view.B`, `view.T`, `view.offsets` and `view.predictions` follow the sliders.

    Raises:
        ValueError: there are fewer than two tokens, or a setting is out of range.
    """
    n_tokens = len(train_tokens)
    longest = min(LONGEST, n_tokens - 1)
    if not (1 <= seed <= SEEDS and 1 <= batch_size <= LONGEST and 1 <= context_length <= longest):
        raise ValueError(
            f"seed must be 1 to {SEEDS}, batch_size 1 to {LONGEST}, context_length 1 to {longest}"
        )
    starts = {
        start
        for s in range(1, SEEDS + 1)
        for T in range(1, longest + 1)
        for start in offsets(s, n_tokens, ROWS_SHOWN, T)
    }
    snippets = {str(i): tokenizer.decode(train_tokens[i : i + longest + 1]) for i in sorted(starts)}
    picture = BatchPicture(
        B=batch_size, T=context_length, seed=seed, n_tokens=n_tokens, snippets=snippets
    )
    picture.height_hint, picture.height_hint_narrow = _heights(batch_size, context_length)
    picture.text_alternative = picture.describe()
    show(
        picture,
        (
            link(control(IntSlider, "B, rows", min=1, max=LONGEST), picture, "B"),
            link(control(IntSlider, "T, context length", min=1, max=longest), picture, "T"),
        ),
        (
            link(control(IntSlider, "draw (seed)", min=1, max=SEEDS), picture, "seed"),
            link(control(IntSlider, "row spelled out", min=1, max=ROWS_SHOWN), picture, "row"),
        ),
    )
    return picture

"""The split picture: one cut through the stream, against windows shuffled over it."""

import traitlets
from ipywidgets import IntSlider, ToggleButtons

from course_lib.widgets.base import Picture, control, link, module, readable, show, style

MODES = ("tail", "shuffled")
LONGEST = 64
STOPS = range(5, 100, 5)
AROUND = 60
"""Characters shown on each side of the cut."""


def expected_overlap(n_tokens: int, context_length: int, train_fraction: float) -> float:
    """Return how many validation windows share a token with a training window, if windows are shuffled.

    There are M = N - T windows of T + 1 tokens (inputs and the last target), one for each start.
    `int(train_fraction * M)` of them, chosen at random, train; the other m validate. A validation
    window is clean only if all windows that touch it, those that start at most T away, validate
    too. With k such windows, itself included, that has probability m/M * (m-1)/(M-1) * … (k factors).
    The result is m minus the sum of this over all starts; at both ends k is smaller than 2T + 1.

    Raises:
        ValueError: the stream holds fewer than 3T + 1 tokens, too few for both ends.
    """
    T = context_length
    n_windows = n_tokens - T
    if n_windows < 2 * T + 1:
        raise ValueError(f"{n_tokens} tokens are too few for windows of {T}; 3T + 1 are needed")
    n_val = n_windows - int(train_fraction * n_windows)
    clean, share = 0.0, 1.0
    for k in range(1, 2 * T + 2):
        share *= max(0, n_val - (k - 1)) / (n_windows - (k - 1))
        if k > T:
            # One start at each end has k touching windows; all others have the full 2T + 1.
            clean += share * (2 if k <= 2 * T else n_windows - 2 * T)
    return n_val - clean


class SplitPicture(Picture):
    """A stream of `n_tokens` split at `percent` by a cut, or by shuffling its windows of `T`.

    `around` maps a percentage to the text before and after that cut.
    """

    _esm = module("corpus")
    _css = style()
    _settings = ("percent", "T", "mode")

    percent = traitlets.Int(90, min=5, max=95).tag(sync=True)
    T = traitlets.Int(8, min=1, max=LONGEST).tag(sync=True)
    mode_index = traitlets.Int(0, min=0, max=1).tag(sync=True)
    n_tokens = traitlets.Int(1).tag(sync=True)
    around = traitlets.Dict().tag(sync=True)

    @property
    def mode(self) -> str:
        """`"tail"` or `"shuffled"`."""
        return MODES[self.mode_index]

    @property
    def train_fraction(self) -> float:
        """The share of the stream that trains."""
        return self.percent / 100

    @property
    def n_train(self) -> int:
        """Tokens before the cut."""
        return int(self.train_fraction * self.n_tokens)

    @property
    def n_val(self) -> int:
        """Tokens after the cut."""
        return self.n_tokens - self.n_train

    @property
    def expected_overlap(self) -> float:
        """Validation windows that share a token with training; expected number where shuffled."""
        if self.mode == "tail":
            return 0.0
        return expected_overlap(self.n_tokens, self.T, self.train_fraction)

    def describe(self) -> str:
        """Return the picture in words; the module writes the same sentences."""
        if self.mode == "shuffled":
            n_windows = self.n_tokens - self.T
            n_val = n_windows - int(self.train_fraction * n_windows)
            return (
                f"All {n_windows:,} windows of {self.T} tokens and their targets shuffled, "
                f"{self.percent} % of them for training: about {self.expected_overlap:,.0f} of "
                f"{n_val:,} validation windows share a token with a training window."
            )
        before, after = (readable(part) for part in self.around[str(self.percent)])
        return (
            f"A stream of {self.n_tokens:,} tokens, cut at {self.percent} %: {self.n_train:,} train "
            f"and {self.n_val:,} validate. At the cut the text reads {before} | {after}. "
            f"No validation window shares a token with training; {self.T} windows straddle the cut "
            "and belong to neither half."
        )


def explore_split(text: str, *, percent: int = 90, context_length: int = 8) -> SplitPicture:
    """Show a text's stream of tokens and its cut, with sliders for the train share and T.

    Args:
        text: the corpus, one token a character; only 60 characters around each stop are kept.
        percent: the train share at the start, 5 to 95 in steps of 5.
        context_length: T at the start, 1 to 64.

    Returns:
        The picture. `view.train_fraction`, `view.n_train`, `view.n_val`, `view.T`, `view.mode` and
        `view.expected_overlap` follow the sliders.

    Raises:
        ValueError: the text is shorter than 193 characters, or `percent` is not one of the stops.
    """
    if len(text) < 3 * LONGEST + 1:
        raise ValueError(f"the text has {len(text)} characters; at least {3 * LONGEST + 1} are needed")
    if percent not in STOPS:
        raise ValueError(f"percent is {percent}; it must be 5 to 95 in steps of 5")
    cuts = {stop: int(stop / 100 * len(text)) for stop in STOPS}
    around = {
        str(stop): [text[max(0, cut - AROUND) : cut], text[cut : cut + AROUND]]
        for stop, cut in cuts.items()
    }
    picture = SplitPicture(
        percent=percent, T=context_length, n_tokens=len(text), around=around, height_hint=536,
        height_hint_narrow=585,
    )
    picture.text_alternative = picture.describe()
    show(
        picture,
        (
            link(control(IntSlider, "train share (%)", min=5, max=95, step=5), picture, "percent"),
            link(control(IntSlider, "T, context length", min=1, max=LONGEST), picture, "T"),
        ),
        (
            link(
                control(ToggleButtons, "split by", options=["one cut", "shuffling windows"]),
                picture, "mode_index",
            ),
        ),
    )  # fmt: skip
    return picture

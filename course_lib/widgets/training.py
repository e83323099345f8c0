"""The run picture: a scrubber over a run's loss, learning rate and gradient norm, alone or over another run."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import traitlets
from ipywidgets import Checkbox, Dropdown, IntSlider, Widget

from course_lib.widgets.base import Picture, control, link, module, show, style
from course_lib.widgets.curves import run_state, short, stops_of
from course_lib.widgets.numbers import fixed

LINE = 36
"""Characters of a sample that fit on a phone's line."""
MOST_LINES = 9
"""Lines that the box of samples shows at once; a longer one scrolls."""


class RunPicture(Picture):
    """One of `runs` with the marker at a stop of the slider, and another one laid over it if wanted.

    `stops` are the steps at which the slider stops; `runs` are made by `curves.run_state`; `landmarks`
    holds `[label, loss]`. `run_index` is the run drawn first; `over_index` is 0 for none, or one more
    than the index of the run laid over. `log_steps` stretches the first steps.
    """

    _esm = module("frames", "panels", "training")
    _css = style()
    _settings = ("run", "over", "step", "log_steps")

    stop = traitlets.Int(0, min=0).tag(sync=True)
    run_index = traitlets.Int(0, min=0).tag(sync=True)
    over_index = traitlets.Int(0, min=0).tag(sync=True)
    log_steps = traitlets.Bool(False).tag(sync=True)
    stops = traitlets.List(traitlets.Int()).tag(sync=True)
    runs = traitlets.List(traitlets.Dict()).tag(sync=True)
    landmarks = traitlets.List().tag(sync=True)

    @property
    def run(self) -> str:
        """The label of the run drawn first."""
        return self.runs[self.run_index]["label"]

    @property
    def over(self) -> str | None:
        """The label of the run laid over it, or None."""
        return self.runs[self.over_index - 1]["label"] if self.over_index else None

    @property
    def step(self) -> int:
        """Where the marker stands: the slider's step, or the end of the longest run shown."""
        at = self.stops[min(self.stop, len(self.stops) - 1)]
        return min(at, max(_end(run) for run in self._shown()))

    @property
    def record(self) -> dict[str, float]:
        """The first run's values at the marker: of the last update and measurement at or before it."""
        return _record(self._shown()[0], self.step)

    def _shown(self) -> list[dict[str, Any]]:
        over = [self.runs[self.over_index - 1]] if self.over_index else []
        return [self.runs[self.run_index], *over]

    def describe(self) -> str:
        """Return the picture in words; the module writes the same sentences."""
        told = [_describe_run(run, self.step) for run in self._shown()]
        lines = ", ".join(f"{label} {fixed(loss, 2)}" for label, loss in self.landmarks)
        return " Laid over it: ".join(told) + (f" Lines to compare with: {lines}." if lines else "")


def _end(run: Mapping[str, Any]) -> int:
    """Return the last step of which a run has a value."""
    return max(run["at"]["step"][-1], *(row[0] for row in run["evaluations"]), 0)


def _latest(rows: Sequence[Sequence[Any]], step: int) -> Sequence[Any] | None:
    """Return the last of rising rows `[step, …]` at or before `step`."""
    i = bisect_right(rows, step, key=lambda row: row[0])
    return rows[i - 1] if i else None


def _record(run: Mapping[str, Any], step: int) -> dict[str, float]:
    at = run["at"]
    i = max(0, bisect_right(at["step"], step) - 1)
    found = {"step": at["step"][i], "loss": at["loss"][i], "lr": at["lr"][i], "grad_norm": at["norm"][i]}
    if measured := _latest(run["evaluations"], step):
        found |= {"val_step": measured[0], "val_loss": measured[2]}
        found |= {"train_loss": measured[1]} if measured[1] is not None else {}
    return found


def _describe_run(run: Mapping[str, Any], step: int) -> str:
    at = _record(run, step)
    name = f"{run['label']}, a run" if run["label"] else "A run"
    end = "" if run["stopped"] is None else f" that stopped at step {run['stopped']:,} on a number that is not finite"
    own = " (its own loss)" if run["own_loss"] else ""
    when = "" if at["step"] == step else f" of step {at['step']:,}"
    val = ""
    if "val_loss" in at:
        train = f", over fixed windows {fixed(at['train_loss'], 2)}" if "train_loss" in at else ""
        val = f"{train}, validation loss {fixed(at['val_loss'], 2)} of step {at['val_step']:,}"
    clip = "" if run["max_norm"] is None else f" Norms above {fixed(run['max_norm'], 2)} are clipped."
    return (
        f"{name} of {run['count']:,} steps{end}. At step {step:,}: training loss {fixed(at['loss'], 2)}{own}{when}"
        f"{val}, learning rate {at['lr']:.2e}, gradient norm {fixed(at['grad_norm'], 2)}.{clip}{_positions(run, step)}"
    )


def _positions(run: Mapping[str, Any], step: int) -> str:
    """Return the sentence on the losses by tokens of context: one, about a quarter of them, the most."""
    row = _latest(run["by_context"], step)
    if row is None:
        return ""
    contexts = run["contexts"]
    quarter = max(0, bisect_right(contexts, contexts[-1][1] // 4, key=lambda group: group[0]) - 1)
    picked = dict.fromkeys((0, quarter, len(contexts) - 1))
    groups = {i: " to ".join(map(str, dict.fromkeys(contexts[i]))) for i in picked}
    words = ", ".join(f"{fixed(row[1][i], 2)} after {group}" for i, group in groups.items())
    return f" Validation loss by tokens of context at step {row[0]:,}: {words}."


def explore_run(
    records: Iterable[Any],
    *,
    landmarks: Mapping[str, float] | None = None,
    samples: Mapping[int, str] | None = None,
    max_norm: float | None = None,
) -> RunPicture:
    """Show a run with a slider over its steps; of more than 300 the slider stops at some.

    Args:
        records: what `course_lib.train` yields, or mappings with the same fields: `step`, `loss`,
            `lr`, `grad_norm` and, where evaluated, `val_loss`. Kept to four significant digits.
        landmarks: losses in nats to draw as lines, by label.
        samples: text that the model wrote, by step; the latest one up to the marker is shown,
            without the line breaks that it starts with; one of nothing else is named in words.
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
    kept = {name: [float(row[name]) for row in rows] for name in ("loss", "lr", "grad_norm")}
    evaluations = [[row["step"], None, row["val_loss"]] for row in rows if row.get("val_loss") is not None]
    numbers = [*kept["loss"], *kept["lr"], *kept["grad_norm"], *(row[2] for row in evaluations)]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a value of the records is not finite; stop at the step before it")
    run = run_state(
        steps, **kept, stops=(stops := stops_of(steps, [row[0] for row in evaluations])), evaluations=evaluations,
        samples=sorted((samples or {}).items()), max_norm=finite_or_none(max_norm),
    )  # fmt: skip
    return show_runs([run], stops, landmarks or {})


def show_runs(
    runs: list[dict[str, Any]], stops: list[int], landmarks: Mapping[str, float], *, over: int | None = None
) -> RunPicture:
    """Display the picture of `runs` with its controls, the marker at the last stop, and return it."""
    height = _height(runs)
    picture = RunPicture(
        stop=len(stops) - 1, stops=stops, runs=runs, over_index=0 if over is None else over + 1,
        landmarks=[[label, short(loss)] for label, loss in landmarks.items()],
        height_hint=height[0], height_hint_narrow=height[1],
    )  # fmt: skip
    picture.text_alternative = picture.describe()
    # The slider counts stops. Where each step is one, that is the step; else the picture says which step it is.
    each_step = stops == list(range(len(stops)))
    name = "step" if each_step else "place in the run"
    rows: list[tuple[Widget, ...]] = [(
        link(control(IntSlider, name, min=0, max=max(1, len(stops) - 1), readout=each_step), picture, "stop"),
        link(control(Checkbox, "stretch the first steps (log axis)", indent=False), picture, "log_steps"),
    )]  # fmt: skip
    if len(runs) > 1:
        labels = [run["label"] for run in runs]
        rows.insert(0, (
            link(control(Dropdown, "run", options=labels), picture, "run_index"),
            link(control(Dropdown, "laid over it", options=["none", *labels]), picture, "over_index"),
        ))  # fmt: skip
    show(picture, *rows)
    return picture


def finite_or_none(value: float | None) -> float | None:
    """Return a limit of clipping that limits, else None."""
    return value if value is not None and math.isfinite(value) else None


def _height(runs: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Return the pixels to keep free on wide and on narrow pages; the sample's box by the module's own rule."""
    wide, narrow = (596, 697) if not runs[0]["contexts"] else (640, 990)
    texts = [text for run in runs for _, text in run["samples"]]
    if not texts:
        return wide, narrow
    needed = [sum(max(1, -(-len(line) // LINE)) for line in text.split("\n")) for text in texts]
    box = 55 + round(23.8 * min(MOST_LINES, max(5, *needed, 5)))
    return wide + box, narrow + box

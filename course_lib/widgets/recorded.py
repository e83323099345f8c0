"""The run picture over recorded runs: one to scrub, another to lay over it, named or not."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from course_lib.corpus_figures import load_corpus_figures
from course_lib.runs import Run, load_run
from course_lib.widgets.curves import context_groups, run_state, short, stops_of
from course_lib.widgets.training import RunPicture, finite_or_none, show_runs

OTHER_TARGETS = {"unshifted_batch", "twice_shifted_batch"}
"""Batch functions whose targets are not the next token: the loss in the log is of something else."""


def explore_recorded(
    names: Sequence[str | Run],
    *,
    labels: Mapping[str, str] | None = None,
    over: str | Run | None = None,
    landmarks: Mapping[str, float] | None = None,
) -> RunPicture:
    """Show recorded runs with one slider over the steps that they share.

    Args:
        names: names of runs (`course_lib.runs.run_names` lists them), or runs; the first is drawn
            at first, the reader chooses another.
        labels: words on the page instead of a run's name. Such a run is shown as a stranger's log
            is: no name, no limit of clipping, no word on what its loss is the loss of.
        over: which of `names` is laid over the first one at first; None for none.
        landmarks: losses in nats to draw as lines, by label; None for the recorded uniform,
            unigram and bigram losses of the corpus.

    Returns:
        The picture. `view.run`, `view.over` (labels), `view.step` and `view.record` follow the controls.

    Raises:
        FileNotFoundError: there is no such run; the message lists the ones there are.
        ValueError: no run is given, or one twice; a run has no step; two have the same label; a
            label or `over` is of a run that is not among them.
    """
    runs = [name if isinstance(name, Run) else load_run(name) for name in names]
    words = {run.name: (labels or {}).get(run.name, run.name) for run in runs}
    laid = over.name if isinstance(over, Run) else over
    _check(runs, words, labels or {}, laid)
    if landmarks is None:
        figures = load_corpus_figures()
        landmarks = {"uniform": figures.uniform, "unigram": figures.unigram, "bigram": figures.bigram}
    longest = max(len(run.loss) for run in runs)
    stops = stops_of(range(longest), {step for run in runs for step in _measured(run)})
    stored = [_to_state(run, words[run.name], stops, told=run.name not in (labels or {})) for run in runs]
    return show_runs(stored, stops, landmarks, over=None if laid is None else list(words).index(laid))


def _check(runs: list[Run], words: Mapping[str, str], labels: Mapping[str, str], over: str | None) -> None:
    there = ", ".join(run.name for run in runs)
    if not runs or len(words) < len(runs):
        raise ValueError(f"give at least one recorded run, and each once; these are: {there or 'none'}")
    if strangers := [name for name in (*labels, *([over] if over else [])) if name not in words]:
        raise ValueError(
            f"{strangers[0]!r} is not among the runs shown ({there}); add it, or take it out of labels and over"
        )
    if len(set(words.values())) < len(words):
        raise ValueError(f"each run needs a label of its own; these are: {', '.join(words.values())}")
    if empty := [run.name for run in runs if not len(run.loss)]:
        raise ValueError(f"run {empty[0]!r} stopped before its first update; leave it out")


def _measured(run: Run) -> set[int]:
    """Return where a run has more than its log, and its last update."""
    return {*run.evaluation_steps.tolist(), *run.moment_steps.tolist(), len(run.loss) - 1}


def _to_state(run: Run, label: str, stops: Sequence[int], *, told: bool) -> dict[str, Any]:
    """Return a recorded run as the picture stores it; unless `told`, without what would tell its recipe."""
    losses = zip(run.evaluation_steps.tolist(), run.train_loss.tolist(), run.val_loss.tolist(), strict=True)
    state = run_state(
        range(len(run.loss)), run.loss, run.lr, run.grad_norm, stops=stops, label=label,
        evaluations=[row for row in losses if np.isfinite(row).all()],
        samples=list(zip(run.moment_steps.tolist(), run.samples, strict=True)),
        max_norm=finite_or_none(float(run.recipe["max_norm"])) if told else None,
    )  # fmt: skip
    contexts = context_groups(run.val_loss_by_position.shape[1])
    chosen = np.isin(run.evaluation_steps, run.moment_steps)
    rows = zip(run.evaluation_steps[chosen].tolist(), run.val_loss_by_position[chosen], strict=True)
    return state | {
        "stopped": None if run.stopped is None else run.stopped["step"],
        "own_loss": told and has_own_loss(run.recipe),
        "contexts": contexts,
        "by_context": [
            [step, [short(losses[fewest - 1 : most].mean()) for fewest, most in contexts]]
            for step, losses in rows if np.isfinite(losses).all()
        ],
    }  # fmt: skip


def has_own_loss(recipe: Mapping[str, Any]) -> bool:
    """Return whether the loss in a run's log is of another quantity than the mean over all next tokens."""
    return recipe["loss_fn"] != "next_token_loss" or not OTHER_TARGETS.isdisjoint(recipe["batch_fn_at"])

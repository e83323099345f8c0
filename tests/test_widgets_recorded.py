"""The run picture over recorded runs: its numbers are the runs' own, and a label hides what it must."""

import json

import numpy as np
import pytest
from recorded_variants import cut, lesson, museum

from course_lib.corpus_figures import load_corpus_figures
from course_lib.runs import Run, load_run, run_names
from course_lib.widgets import base, explore_recorded
from course_lib.widgets.curves import EVERY_STEP, context_groups, shown_text, stops_of
from course_lib.widgets.recorded import has_own_loss

LABELS = {run: f"Run {letter}" for run, letter in zip(("lesson-64", "breaks-off", "another-target", "brief"), "ABCD", strict=True)}


def short(value: float) -> float:
    return float(f"{value:.4g}")


def page_state(view) -> dict:
    """What a page stores of the picture, its code and styles aside."""
    return {name: value for name, value in view.get_state().items() if not name.startswith("_") and name != "layout"}


@pytest.mark.parametrize("run", museum(), ids=lambda run: run.name)
def test_at_every_stop_stand_the_values_of_the_run(run: Run):
    view = explore_recorded([run])
    assert {0, len(run.loss) - 1, *run.moment_steps, *run.evaluation_steps} <= set(view.stops)
    for view.stop, step in enumerate(view.stops):
        record, update = view.record, min(step, len(run.loss) - 1)
        assert view.step == step and record["step"] == update
        assert (record["loss"], record["lr"], record["grad_norm"]) == tuple(
            short(values[update]) for values in (run.loss, run.lr, run.grad_norm)
        )
        i = np.flatnonzero(run.evaluation_steps <= step)[-1]
        assert record["val_step"] == run.evaluation_steps[i]
        assert (record["val_loss"], record["train_loss"]) == (short(run.val_loss[i]), short(run.train_loss[i]))


def test_text_and_losses_by_position_are_those_of_the_moments():
    run, (stored,) = lesson(), explore_recorded(["lesson-64"]).runs
    assert stored["samples"] == [[step, text.lstrip("\n")] for step, text in zip(run.moment_steps, run.samples, strict=True)]
    assert [step for step, _ in stored["by_context"]] == run.moment_steps.tolist()
    for step, losses in stored["by_context"]:
        exact = run.val_loss_by_position[list(run.evaluation_steps).index(step)]
        assert losses[:4] == [short(loss) for loss in exact[:4]]
        whole = sum(loss * (most - fewest + 1) for loss, (fewest, most) in zip(losses, stored["contexts"], strict=True))
        assert whole / 64 == pytest.approx(exact.mean(), rel=1e-3)


@pytest.mark.parametrize("name", run_names())
def test_no_sample_of_a_recorded_run_is_an_empty_box(name: str):
    run, (stored,) = load_run(name), explore_recorded([name]).runs
    assert [text for _, text in stored["samples"] if not text.strip()] == []
    if name == "unshifted":  # it copies the line break of the prompt
        assert run.samples[-1] == "\n" * 240 and stored["samples"][-1][1] == "(240 line breaks and nothing else)"


def test_samples_in_words():
    assert [shown_text(text) for text in ("\n\n a\n", " \n", "\n", "")] == [
        " a\n", "(2 blank characters and nothing else)", "(1 line break and nothing else)", "(no text)"
    ]  # fmt: skip


@pytest.mark.parametrize("T", [1, 2, 8, 9, 10, 16, 17, 32, 64, 128, 300])
def test_groups_of_positions_are_few_and_cover_each_once(T: int):
    groups = context_groups(T)
    assert [n for fewest, most in groups for n in range(fewest, most + 1)] == list(range(1, T + 1))
    assert len(groups) <= 21 and groups[: min(T, 8)] == [[n, n] for n in range(1, min(T, 8) + 1)]
    assert groups[-1] == [T, T]


def test_a_loss_that_dips_at_the_last_position_alone_is_seen():
    (stored,) = explore_recorded(["last-position"]).runs
    _, drawn = stored["by_context"][-1]
    assert drawn[-1] == short(load_run("last-position").val_loss_by_position[-1, -1]) == pytest.approx(2.07, abs=0.01)
    assert stored["contexts"][-2:] == [[55, 63], [64, 64]] and 3.1 < drawn[-2] < 3.3


def test_a_thinned_curve_keeps_every_extreme_and_every_mean():
    run, (stored,) = lesson(), explore_recorded(["lesson-64"]).runs
    for name, values in (("loss", run.loss), ("norm", run.grad_norm)):
        low, mean, high = stored["curve"][name]
        assert (min(low), max(high)) == (short(values.min()), short(values.max()))
        assert all(a <= b <= c for a, b, c in zip(low, mean, high, strict=True))
    steps = stored["curve"]["step"]
    assert steps[:6] == list(range(6)), "the log axis has the first steps one by one"
    assert steps == sorted(set(steps)) and stored["curve"]["lr"] == [short(run.lr[step]) for step in steps]
    brief = explore_recorded([cut(run, "brief", EVERY_STEP)]).runs[0]["curve"]
    assert brief["loss"] == [[short(loss) for loss in run.loss[:EVERY_STEP]]], "a short run is stored whole"


def test_a_run_is_light_on_a_page():
    (stored,) = explore_recorded(["lesson-64"]).runs
    assert len(json.dumps(stored, separators=(",", ":"))) < 12 * 1024


def test_the_slider_has_few_stops():
    assert stops_of(range(200)) == list(range(200))
    assert len(explore_recorded(museum()).stops) < 60, "a short run among long ones does not stop everywhere"
    for length in (EVERY_STEP + 1, 5000, 40_000):
        stops = stops_of(range(length), range(0, length + 1, length // 20))
        assert 20 <= len(stops) <= 80 and stops[0] == 0 and length - 1 in stops


def test_the_marker_stays_at_the_end_of_the_longest_run_shown():
    view = explore_recorded(museum(), over="brief")
    assert (view.run, view.over, view.step, view.record["step"]) == ("lesson-64", "brief", 5000, 4999)
    view.run_index, view.over_index = 3, 2
    assert (view.run, view.over, view.step, view.record["step"]) == ("brief", "breaks-off", 2310, 249)
    assert "breaks-off, a run of 2,311 steps that stopped at step 2,311 on a number that is not finite." in view.describe()
    view.over_index = 0
    assert (view.over, view.step) == (None, 250)
    assert repr(view) == "RunPicture(run='brief', over=None, step=250, log_steps=False)"


def test_landmarks_are_those_of_the_corpus_unless_others_are_given():
    figures = load_corpus_figures()
    assert dict(explore_recorded(["lesson-64"]).landmarks) == {
        name: short(getattr(figures, name)) for name in ("uniform", "unigram", "bigram")
    }
    assert explore_recorded(["lesson-64"], landmarks={"a": 3.0}).landmarks == [["a", 3.0]]
    assert explore_recorded(["lesson-64"], landmarks={}).landmarks == []


def test_a_loss_of_another_quantity_is_called_its_own():
    recipe = lesson().recipe
    assert not has_own_loss(recipe)
    for change in ({"loss_fn": "last_position_loss"}, {"batch_fn_at": {"unshifted_batch": {}}}, {"batch_fn_at": {"twice_shifted_batch": {}}}):
        assert has_own_loss({**recipe, **change})
    view = explore_recorded(museum())
    view.run_index = 2
    assert "(its own loss)" in view.describe() and "are clipped" not in view.describe()


def test_labels_hide_names_and_whatever_would_tell_the_recipe(monkeypatch):
    shown = []
    monkeypatch.setattr(base, "display", shown.append)
    view = explore_recorded(museum(), labels=LABELS, over="another-target")
    options = [control._options_labels for row in shown[0].children[:-1] for control in row.children if hasattr(control, "index")]
    assert options == [tuple(LABELS.values()), ("none", *LABELS.values())]
    words = json.dumps([page_state(view), options, repr(view), view.describe()])
    assert [name for name in LABELS if name in words] == []
    assert lesson().recipe["change"] not in words
    assert {(run["max_norm"], run["own_loss"]) for run in view.runs} == {(None, False)}
    assert (view.run, view.over) == ("Run A", "Run C")


def test_what_has_no_label_keeps_its_name():
    view = explore_recorded(museum(), labels={"brief": "Run D"})
    assert [run["label"] for run in view.runs] == ["lesson-64", "breaks-off", "another-target", "Run D"]
    assert [run["max_norm"] for run in view.runs] == [1.0, 1.0, None, None]


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        ([], {}, "at least one recorded run"),
        (["lesson-64", "lesson-64"], {}, "each once; these are: lesson-64, lesson-64"),
        (["lesson-64"], {"labels": {"lesson-128": "A"}}, "'lesson-128' is not among the runs shown"),
        (["lesson-64"], {"over": "lesson-128"}, "'lesson-128' is not among the runs shown"),
        ([lesson(), cut(lesson(), "other", 9)], {"labels": {"lesson-64": "A", "other": "A"}}, "a label of its own"),
        ([cut(lesson(), "broken", 0, stopped=True)], {}, "stopped before its first update"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(names, options, words):
    with pytest.raises(ValueError, match=words):
        explore_recorded(names, **options)


def test_an_unknown_run_is_refused_with_those_there_are():
    with pytest.raises(FileNotFoundError, match="no recorded run 'lesson-65'.*lesson-64"):
        explore_recorded(["lesson-65"])

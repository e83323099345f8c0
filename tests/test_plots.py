"""The house style's figures: what is drawn, in which colour, and where the labels stand."""

import matplotlib
import pytest

from course_lib import StepRecord
from course_lib.palette import PALETTE
from course_lib.plots import figure, plot_run

matplotlib.use("Agg")


def records(n: int, every: int = 2) -> list[StepRecord]:
    return [StepRecord(i, 4.0 - i / 10, 1e-3, 1.0, False, 4.1 - i / 10 if i % every == 0 else None) for i in range(n)]


def test_a_run_shows_every_step_every_evaluation_and_every_landmark():
    ax = plot_run(records(9), landmarks={"uniform": 4.17, "bigram": 2.48})
    drawn = {line.get_color(): line for line in ax.lines}
    train, val = drawn[PALETTE["train"].light], drawn[PALETTE["val"].light]
    assert list(train.get_ydata()) == [r.loss for r in records(9)]
    assert list(val.get_xdata()) == [0, 2, 4, 6, 8]
    assert list(val.get_ydata()) == [r.val_loss for r in records(9) if r.val_loss is not None]
    assert {text.get_text() for text in ax.texts} == {"uniform", "bigram", "train", "validation"}
    assert ax.get_xlabel() == "step" and "nats" in ax.get_ylabel()


def test_labels_do_not_overlap():
    ax = plot_run(records(9), landmarks={"uniform": 4.17, "unigram": 3.35})
    canvas = ax.figure.canvas
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_without_evaluations_and_with_given_axes():
    _, ax = figure()
    assert plot_run([StepRecord(0, 4.0, 0.0, 1.0, False)], ax=ax) is ax
    assert [text.get_text() for text in ax.texts] == ["train"]


def test_lines_take_the_colour_of_what_they_show():
    _, ax = figure("lr")
    lines = [*ax.plot([0, 1]), *ax.plot([1, 0], "--")]
    assert {line.get_color() for line in lines} == {PALETTE["lr"].light}


def test_no_records_is_an_error():
    with pytest.raises(ValueError, match="no records"):
        plot_run([])

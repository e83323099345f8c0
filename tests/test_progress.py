"""The progress bar passes records through and leaves nothing behind."""

import itertools
import re
import sys
import time

import nbformat
import pytest
from nbclient import NotebookClient
from tqdm import tqdm

from course_lib import progress
from course_lib.progress import track
from course_lib.training import StepRecord


def records(first: int, last: int) -> list[StepRecord]:
    return [StepRecord(step, loss=4.0 - step / 100, lr=1e-3, grad_norm=1.0, clipped=False) for step in range(first, last)]


def test_records_come_through_unchanged_and_in_order():
    run = records(0, 30)
    assert list(track(run, total=30)) == run


def test_a_resumed_run_may_start_part_of_the_way():
    run = records(20, 30)
    assert list(track(run, total=30)) == run


def test_nothing_is_read_before_it_is_asked_for():
    def training():
        raise AssertionError("read too early")
        yield

    track(training(), total=3)


def test_the_terminal_keeps_no_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    tqdm._instances.clear()  # a bar that another test left open, such as a failed download's, moves this one down
    for _ in track(records(0, 5), total=5):
        pass
    shown = capsys.readouterr().err
    assert shown.endswith("\r")
    assert shown.rstrip("\r").rsplit("\r", 1)[-1].strip() == ""


def test_the_terminal_counts_the_time_left_from_a_resume(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    tqdm._instances.clear()
    for _ in track(records(90, 100), total=100):
        bar = next(iter(tqdm._instances))
    assert (bar.initial, bar.total) == (90, 100)


def test_the_terminal_goes_on_drawing_after_a_resume(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for _ in track(records(3000, 3008), total=5000):
        time.sleep(0.15)  # tqdm draws at most once in 0.1 s
    drawn = set(map(int, re.findall(r"(\d+)/5000", capsys.readouterr().err)))
    assert len(drawn & set(range(3002, 3009))) >= 4


def test_a_log_gets_a_line_now_and_then(capsys, monkeypatch):
    clock = itertools.count(0.0, 20.0)  # 20 s a step
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(track(records(50, 60), total=100)) == records(50, 60)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "step 53 of 100, loss 3.48, 16 min left",
        "step 56 of 100, loss 3.45, 15 min left",
        "step 59 of 100, loss 3.42, 14 min left",
    ]


def test_a_short_run_leaves_a_log_empty(capsys):
    list(track(records(0, 30), total=30))
    assert capsys.readouterr().err == ""


def test_total_below_one_is_refused_at_the_call():
    with pytest.raises(ValueError, match="total is 0"):
        track([], total=0)


NOTEBOOK = """\
import time
from course_lib import progress
from course_lib.training import StepRecord
{setting}
run = (StepRecord(s, 2.5, 1e-3, 1.0, False) for s in range(5))
for record in progress.track(run, 5):
    {body}
print("after", record.step)"""


@pytest.mark.parametrize(
    ("body", "said"), [("pass", "after 4"), ("if record.step == 2: break", "after 2")]
)
def test_a_notebook_stores_an_empty_output_and_its_kernel_showed_a_bar(body, said):
    setting = "progress.SECONDS_BETWEEN_DRAWINGS = 0.0"
    source = NOTEBOOK.format(setting=setting, body=body)
    cell = nbformat.v4.new_code_cell(source + "\nimport gc; del run; gc.collect();")
    seen = []

    class Client(NotebookClient):
        def process_message(self, message, cell, cell_index):
            if message["msg_type"] == "update_display_data":
                seen.append(message["content"]["data"]["text/html"])
            return super().process_message(message, cell, cell_index)

    Client(nbformat.v4.new_notebook(cells=[cell]), kernel_name="python3", timeout=60).execute()

    shown = [output["data"] for output in cell.outputs if output.output_type == "display_data"]
    assert shown == [{"text/html": ""}]
    assert any(said in output.get("text", "") for output in cell.outputs)
    assert "step 1 of 5, loss 2.50" in seen[0] and 'max="5"' in seen[0]
    assert seen[-1] == ""

"""What a notebook prints about where it runs, and what importing the library must not bring along."""

import re
import subprocess
import sys

import pytest
import torch

import course_lib
from course_lib import Corpus, default_device, describe_environment, environment


def test_importing_the_library_is_light_and_warns_of_nothing():
    heavy = "ipywidgets", "matplotlib", "anywidget", "IPython", "playwright", "nbformat", "scipy", "pandas"
    code = f"import sys, course_lib; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert (run.returncode, run.stdout.strip(), run.stderr) == (0, "[]", "")


def test_every_public_name_is_there_and_documented():
    assert len(course_lib.__all__) == len(set(course_lib.__all__))
    for name in course_lib.__all__:
        assert getattr(course_lib, name).__doc__, name


def test_the_lines(monkeypatch, corpus):
    monkeypatch.setattr(environment, "load_corpus", lambda: Corpus("abc" * 1000, "a corpus", "0", False))
    lines = describe_environment().splitlines()
    assert re.fullmatch(r"course_lib \d+\.\d+\.\d+", lines[0])
    assert re.fullmatch(r"device: .+", lines[1])
    assert re.fullmatch(r"memory: (\d+ GiB|unknown)", lines[2])
    assert lines[3:] == ["corpus: a corpus, 3,000 characters"]


def test_a_stand_in_is_announced(monkeypatch):
    monkeypatch.setattr(environment, "load_corpus", lambda: Corpus("abc", "x stand-in", "0", True))
    text = describe_environment()
    assert "corpus: x stand-in, 3 characters" in text and "losses are not Shakespeare's" in text


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(False, False, "cpu"), (False, True, "mps"), (True, True, "cuda")]
)
def test_the_gpu_is_used_where_there_is_one(monkeypatch, cuda, mps, expected):
    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert default_device() == torch.device(expected)


def test_the_device_can_be_chosen(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert default_device() == torch.device("cpu")

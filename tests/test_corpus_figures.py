"""What is recorded of the corpus: counted again where the corpus is at hand, and never trusted blindly."""

import dataclasses
import json

import pytest

from course_lib import Corpus, corpus_figures
from course_lib.corpus import SHA256
from course_lib.corpus_figures import (
    StandInError,
    count,
    load_corpus_figures,
    load_real_corpus,
    write_corpus_figures,
)
from course_lib.runs import RunFileError

TEXT = "abcabcab ROMEO: ab. " * 45 + "PROSPERO: zz, ROMEO!" * 5


def test_counted_by_hand() -> None:
    figures = count(Corpus(TEXT, "a text", "0" * 64, is_stand_in=False))
    assert (figures.characters, figures.train_tokens, figures.val_tokens) == (1000, 900, 100)
    assert figures.vocab_size == len("abcROME:. PSz,!") and figures.unseen_characters == len("PSz,!")
    assert figures.occurrences["ROMEO"] == {"train": 45, "val": 5}
    assert figures.occurrences["PROSPERO"] == {"train": 0, "val": 5}
    assert figures.bigram < figures.unigram


def test_the_recorded_figures_are_those_of_the_corpus(corpus) -> None:
    """With the stand-in its own figures, which the recorded ones must differ from in the losses alone."""
    recorded, counted = load_corpus_figures(), count(corpus)
    assert recorded.sha256 == SHA256 and recorded.name == "tiny-shakespeare"
    if not corpus.is_stand_in:
        assert recorded == counted
    for name in ("characters", "vocab_size", "train_tokens", "val_tokens", "unseen_characters", "uniform"):
        assert getattr(recorded, name) == getattr(counted, name)


def test_the_lesson_s_figures() -> None:
    figures = load_corpus_figures()
    assert (figures.characters, figures.vocab_size) == (1_115_394, 65)
    assert (figures.train_tokens, figures.val_tokens) == (1_003_854, 111_540)
    assert figures.occurrences["PROSPERO"] == {"train": 0, "val": 63}
    assert [round(loss, 3) for loss in (figures.uniform, figures.unigram, figures.bigram)] == [4.174, 3.347, 2.482]
    assert round(figures.steps_per_epoch()) == 245 and round(5000 / figures.steps_per_epoch(), 1) == 20.4
    assert figures.steps_per_epoch(batch_size=8) == 8 * figures.steps_per_epoch()


def test_what_goes_in_comes_out(tmp_path) -> None:
    figures = dataclasses.replace(load_corpus_figures(), bigram=2.5)
    path = write_corpus_figures(figures, tmp_path)
    assert path == tmp_path / "corpus.json" and load_corpus_figures(tmp_path) == figures
    first = path.read_bytes()
    assert write_corpus_figures(figures, tmp_path).read_bytes() == first


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("2.481889", "2.381889", "own hash"), ('"val": 63', '"val": 64', "own hash"),
        ('"schema": 1', '"schema": 2', "schema is 2"), ('"figures"', '"numbers"', "own hash"), ("}", "", "cannot be read"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_trusted(tmp_path, old: str, new: str, problem: str) -> None:
    path = write_corpus_figures(load_corpus_figures(), tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(RunFileError, match=problem) as error:
        load_corpus_figures(tmp_path)
    assert str(path) in str(error.value) and "course record corpus" in str(error.value)


def test_a_file_with_other_figures(tmp_path) -> None:
    path = write_corpus_figures(load_corpus_figures(), tmp_path)
    content = json.loads(path.read_text())
    del content["figures"]["bigram"]
    path.write_text(json.dumps(content | {"sha256": corpus_figures.digest(content)}))
    with pytest.raises(RunFileError, match="its figures are not"):
        load_corpus_figures(tmp_path)


def test_no_file(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="course record corpus"):
        load_corpus_figures(tmp_path)


def test_the_stand_in_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(corpus_figures, "load_corpus", lambda: Corpus(TEXT, "x stand-in", "0" * 64, is_stand_in=True))
    with pytest.raises(StandInError, match="COURSE_CORPUS"):
        load_real_corpus()

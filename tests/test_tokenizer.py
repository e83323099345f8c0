"""The character tokenizer."""

import sys

import numpy as np
import pytest
import torch

from course_lib import CharTokenizer


def test_ids_are_ranks_among_the_sorted_characters():
    tokenizer = CharTokenizer.from_text("hello world")
    assert tokenizer.characters == " dehlorw"
    assert tokenizer.vocab_size == 8
    ids = tokenizer.encode("hello")
    assert ids.tolist() == [3, 2, 4, 4, 5]
    assert ids.dtype == torch.int64 and ids.shape == (5,)
    assert tokenizer.decode(ids) == "hello"


@pytest.mark.parametrize("text", ["", "a", "naïve café", "日本語", "🂡 and 🂱", "\n\t\x00", "\ud800"])
def test_round_trip(text):
    tokenizer = CharTokenizer.from_text(text + "x")
    assert tokenizer.encode(text).shape == (len(text),)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_whole_corpus_round_trips(corpus):
    tokenizer = CharTokenizer.from_text(corpus.text)
    ids = tokenizer.encode(corpus.text)
    assert tokenizer.decode(ids) == corpus.text
    assert ids.tolist()[:100] == [tokenizer.characters.index(c) for c in corpus.text[:100]]


def test_encoding_makes_no_python_step_per_character(corpus):
    tokenizer = CharTokenizer.from_text(corpus.text)

    def calls(text: str) -> int:
        count = 0

        def tracer(frame, event, argument):
            nonlocal count
            count += 1
            return tracer

        sys.settrace(tracer)
        try:
            tokenizer.encode(text)
        finally:
            sys.settrace(None)
        return count

    assert calls(corpus.text) == calls(corpus.text[:10])


def test_encoding_lets_go_of_its_input():
    tokenizer = CharTokenizer.from_text("ab")
    ids = tokenizer.encode("ab")
    ids[0] = 1  # a tensor of its own, writable
    assert tokenizer.encode("ab").tolist() == [0, 1]


@pytest.mark.parametrize(("character", "position"), [("é", 4), ("🂡", 4), ("\x00", 4), ("b", 4)])
def test_an_unknown_character_is_shown_with_its_position(character, position):
    tokenizer = CharTokenizer.from_text("acz")
    with pytest.raises(ValueError) as error:
        tokenizer.encode("acza" + character + "ac" + character)
    assert repr(character) in str(error.value)
    assert f"position {position} " in str(error.value)


def test_decode_takes_lists_arrays_and_narrow_integers():
    tokenizer = CharTokenizer.from_text("abc")
    read_only = np.array([2, 1, 0], dtype=np.uint16)
    read_only.flags.writeable = False
    for ids in ([2, 1, 0], read_only, torch.tensor([2, 1, 0], dtype=torch.uint8)):
        assert tokenizer.decode(ids) == "cba"
    assert tokenizer.decode([]) == ""


@pytest.mark.parametrize("bad", [-1, 3])
def test_decode_names_an_id_outside_the_vocabulary(bad):
    with pytest.raises(ValueError, match=f"Id {bad} at position 1 "):
        CharTokenizer.from_text("abc").decode([0, bad])


def test_decode_refuses_a_batch():
    with pytest.raises(ValueError, match=r"\(1, 2\)"):
        CharTokenizer.from_text("abc").decode(torch.tensor([[0, 1]]))


@pytest.mark.parametrize("characters", ["", "aba"])
def test_a_vocabulary_holds_each_character_once(characters):
    with pytest.raises(ValueError, match="each character once"):
        CharTokenizer(characters)


def test_no_text_no_tokenizer():
    with pytest.raises(ValueError):
        CharTokenizer.from_text("")

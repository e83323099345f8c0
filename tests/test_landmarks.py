"""landmark_losses against counting by hand, and on the corpus."""

import math

import pytest
import torch

from course_lib import CharTokenizer, split
from course_lib.landmarks import landmark_losses


def test_against_counts_by_hand():
    train, val = torch.tensor([0, 1, 0, 1, 0]), torch.tensor([0, 1, 1, 0])
    found = landmark_losses(train, val, vocab_size=2)
    assert found["uniform"] == pytest.approx(math.log(2))
    # ids 0, 1 occur 3 and 2 times: (3 + 1) / 7 and (2 + 1) / 7; the next tokens are 1, 1, 0
    assert found["unigram"] == pytest.approx(-(2 * math.log(3 / 7) + math.log(4 / 7)) / 3)
    # after 0 comes 1 twice and 0 never; after 1 comes 0 twice and 1 never: 3/4 and 1/4 each
    assert found["bigram"] == pytest.approx(-(math.log(3 / 4) + math.log(1 / 4) + math.log(3 / 4)) / 3)


def test_an_id_that_training_never_showed_is_not_impossible():
    found = landmark_losses(torch.tensor([0, 0, 0]), torch.tensor([2, 2]), vocab_size=3)
    assert all(math.isfinite(loss) for loss in found.values())


def test_on_the_corpus(corpus):
    train, val = split(CharTokenizer.from_text(corpus.text).encode(corpus.text))
    found = landmark_losses(train, val, vocab_size=65)
    expected = [4.174, 3.293, 1.981] if corpus.is_stand_in else [4.174, 3.347, 2.482]
    assert [round(loss, 3) for loss in found.values()] == expected

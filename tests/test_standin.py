"""The generated text: the corpus's counts, always the same, and something to learn in it."""

import hashlib
import math

import pytest
import torch

from course_lib import GPT, CharTokenizer, GPTConfig, TrainConfig, WarmupCosine, evaluate, split, train
from course_lib import standin


@pytest.fixture(scope="module")
def text() -> str:
    return standin.make_stand_in()


def test_the_text_is_pinned(text):
    found = hashlib.sha256(text.encode()).hexdigest()
    assert found == "649ae1d93306026989363c87e9fc030e73a688c3afe4eb6fc65649d72d90f57a"
    assert found == standin.SHA256


def test_it_has_the_corpus_counts(text):
    assert len(text) == 1_115_394
    symbols = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    assert "".join(sorted(set(text))) == symbols and len(symbols) == 65
    # The validation half must bring nothing that training never saw.
    assert set(text[:1_003_854]) == set(symbols)


def test_no_random_stream_of_a_library_enters(text):
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert standin.make_stand_in() == text
    assert torch.equal(torch.get_rng_state(), state)


def test_it_is_learnable_step_by_step(text):
    """Uniform, unigram, bigram, a short run: each at least 0.3 nats below the one before."""
    tokens = CharTokenizer.from_text(text).encode(text)
    train_tokens, val_tokens = split(tokens)
    V = 65
    unigram = torch.bincount(train_tokens, minlength=V).double()
    bigram = torch.bincount(train_tokens[:-1] * V + train_tokens[1:], minlength=V * V).double()
    bigram = bigram.view(V, V) + 1  # add-one
    log_unigram = (unigram / unigram.sum()).log()
    log_bigram = (bigram / bigram.sum(dim=1, keepdim=True)).log()
    ladder = [
        math.log(V),
        -log_unigram[val_tokens[1:]].mean().item(),
        -log_bigram[val_tokens[:-1], val_tokens[1:]].mean().item(),
    ]

    torch.manual_seed(0)
    model = GPT(GPTConfig(V, 16, n_layer=1, n_head=2, d_model=64))
    config = TrainConfig(max_steps=150, batch_size=32, schedule=WarmupCosine(1e-2, 1e-3, 20, 150))
    for _ in train(model, train_tokens, config):
        pass
    ladder.append(evaluate(model, val_tokens[:16_001]).loss)
    print("uniform, unigram, bigram, short run:", [f"{x:.3f}" for x in ladder])
    assert all(above - below >= 0.3 for above, below in zip(ladder, ladder[1:]))

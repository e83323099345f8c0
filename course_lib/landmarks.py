"""Losses without any network: what a trained model has to beat."""

import math

import torch
from torch import Tensor


def landmark_losses(train_tokens: Tensor, val_tokens: Tensor, vocab_size: int) -> dict[str, float]:
    """Count on the train half and measure on every next token of the validation half.

    - "uniform": equal chances, `ln V` on any text;
    - "unigram": how often each id occurs;
    - "bigram": how often each id follows each other one.

    One is added to every count (Laplace's rule), so that what training never showed is improbable
    and not impossible.

    Args:
        train_tokens, val_tokens: ids `(N,)` int64 below `vocab_size`, at least two each.
        vocab_size: V.

    Returns:
        The mean loss by name, in nats a token.
    """
    V = vocab_size
    unigram = torch.bincount(train_tokens, minlength=V).double() + 1  # (V,)
    pairs = torch.bincount(train_tokens[:-1] * V + train_tokens[1:], minlength=V * V)
    bigram = pairs.view(V, V).double() + 1  # (V, V): an id, the one after it
    previous, following = val_tokens[:-1], val_tokens[1:]  # (N - 1,) each
    log_unigram = (unigram / unigram.sum()).log()
    log_bigram = (bigram / bigram.sum(dim=1, keepdim=True)).log()
    return {
        "uniform": math.log(V),
        "unigram": -log_unigram[following].mean().item(),
        "bigram": -log_bigram[previous, following].mean().item(),
    }

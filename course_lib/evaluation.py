"""The exact loss over a whole stream, for a model that is only being measured."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.batches import TokenStream, check_tokens, to_int64
from course_lib.loss import next_token_loss


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` measured.

    Args:
        loss: mean over all predictions, in nats a token.
        loss_by_position: `(T,)` float64, mean over the predictions made at each position, in nats;
            NaN at positions that no window reached.
        predictions: how many predictions the mean is over.
    """

    loss: float
    loss_by_position: Tensor
    predictions: int

    @property
    def perplexity(self) -> float:
        """`exp(loss)`: the number of equally likely tokens that would be as hard to guess.

        Infinite above 709 nats, where a float overflows.
        """
        return math.exp(self.loss) if self.loss < 709 else math.inf

    @property
    def bits_per_token(self) -> float:
        """The loss in bits: `loss / ln 2`."""
        return self.loss / math.log(2)


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Switch dropout off inside the block, then give every submodule its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@torch.no_grad()
def evaluate(model: nn.Module, tokens: TokenStream, *, batch_size: int = 64) -> Evaluation:
    """Measure `model` on every next token of `tokens`, each predicted once.

    The stream is cut into disjoint windows of the model's context length T. The last window is
    shorter unless T divides N - 1. Each of the N - 1 predictions weighs the same. The model is in
    eval mode meanwhile and has its former mode back afterwards.

    Args:
        model: a `GPT`, or any module with `config.context_length` that maps `(B, T)` ids to
            `(B, T, V)` logits.
        tokens: ids `(N,)`; tensor, NumPy array or memory map.
        batch_size: windows a forward pass: changes the memory needed, not the result
            (up to rounding).

    Raises:
        TypeError, ValueError: `tokens` is no stream of at least two ids, or `batch_size` < 1.
    """
    check_tokens(tokens, context_length=1)
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1.")
    T = model.config.context_length
    sums = torch.zeros(T, dtype=torch.float64)
    counts = torch.zeros(T, dtype=torch.int64)
    with eval_mode(model):
        for x, y in _disjoint_batches(tokens, T, batch_size, next(model.parameters()).device):
            losses = next_token_loss(model(x), y, reduction="none")  # (b, t)
            b, t = losses.shape
            sums[:t] += losses.cpu().double().sum(dim=0)
            counts[:t] += b
    total = int(counts.sum())
    return Evaluation(sums.sum().item() / total, sums / counts, total)


def _disjoint_batches(
    tokens: TokenStream, T: int, batch_size: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield `x, y` of shape `(b, T)`, then `(1, t)` for what is left, t < T."""
    n_predictions = len(tokens) - 1
    n_whole = n_predictions // T
    for first in range(0, n_whole, batch_size):
        rows = min(batch_size, n_whole - first)
        piece = to_int64(tokens[first * T : (first + rows) * T + 1]).to(device)
        yield piece[:-1].view(rows, T), piece[1:].view(rows, T)
    if n_predictions % T:
        piece = to_int64(tokens[n_whole * T :]).to(device)
        yield piece[None, :-1], piece[None, 1:]

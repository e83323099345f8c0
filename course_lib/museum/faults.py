"""What the faulty recipes hand to `train`: batch, loss and optimizer functions with one mistake each.

The library has no switch for a mistake. Each function here goes through a seam of `train` that is
open to anyone: `batch_fn`, `loss_fn` or `optimizer_fn`.
"""

import torch
from torch import Tensor, nn

from course_lib.batches import TokenStream, get_batch
from course_lib.loss import next_token_loss
from course_lib.train_config import TrainConfig


def last_position_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Average the loss over the last position of each row alone; the other T - 1 are thrown away."""
    return next_token_loss(logits[:, -1:], targets[:, -1:])


def unshifted_batch(
    tokens: TokenStream, batch_size: int, context_length: int, **options
) -> tuple[Tensor, Tensor]:
    """Forget the shift: the target at a position is the token that stands in the input there."""
    x, _ = get_batch(tokens, batch_size, context_length, **options)
    return x, x.clone()


def twice_shifted_batch(
    tokens: TokenStream, batch_size: int, context_length: int, **options
) -> tuple[Tensor, Tensor]:
    """Shift twice, as when the loss shifts again what the batch has shifted: two tokens ahead."""
    x, y = get_batch(tokens, batch_size, context_length + 1, **options)  # (B, T + 1) each
    return x[:, :-1].contiguous(), y[:, 1:].contiguous()


class StuckReader:
    """A batch function whose batch at one step is a single symbol over and over; the rest are right.

    It counts its calls, so a run that goes on from step `done` starts a new one with that number.
    """

    def __init__(self, at_step: int, symbol: int, done: int) -> None:
        self.at_step, self.symbol, self.step = at_step, symbol, done

    def __call__(
        self, tokens: TokenStream, batch_size: int, context_length: int, **options
    ) -> tuple[Tensor, Tensor]:
        x, y = get_batch(tokens, batch_size, context_length, **options)
        if self.step == self.at_step:
            x, y = torch.full_like(x, self.symbol), torch.full_like(y, self.symbol)
        self.step += 1
        return x, y


class WindowsFrom:
    """A batch function that cuts its windows at the given starts of one stream, with replacement."""

    def __init__(self, tokens: Tensor, starts: Tensor) -> None:
        self.tokens, self.starts = tokens, starts

    def __call__(
        self, tokens: TokenStream, batch_size: int, context_length: int, *,
        generator: torch.Generator, device: torch.device,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        drawn = self.starts[torch.randint(len(self.starts), (batch_size,), generator=generator)]
        windows = self.tokens[drawn[:, None] + torch.arange(context_length + 1)]  # (B, T + 1)
        return windows[:, :-1].clone().to(device), windows[:, 1:].clone().to(device)


def default_initialisation(model: nn.Module) -> None:
    """Draw the weights as PyTorch's layers do by default; the tied matrix is the embedding's N(0, 1)."""
    for module in model.modules():
        if isinstance(module, nn.Linear) and module.weight is not model.token_embedding.weight:
            module.reset_parameters()
    model.token_embedding.reset_parameters()
    model.position_embedding.reset_parameters()


def make_sgd(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Plain SGD with the recipe's learning rates; no momentum, no weight decay."""
    return torch.optim.SGD(model.parameters(), lr=0.0)

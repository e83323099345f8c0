"""Sampling: feed the model its own output, one token at a time."""

import torch
from torch import Tensor, nn

from course_lib.evaluation import eval_mode


@torch.no_grad()
def generate(
    model: nn.Module,
    prompt: Tensor,
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Continue `prompt` by `max_new_tokens` sampled ids.

    Each new id is drawn from `softmax(logits / temperature)` of the last position. The model sees
    at most its last `context_length` ids. It is in eval mode meanwhile. The draw itself happens on
    the generator's device, so that a CPU generator draws alike for a model on any device.

    Args:
        model: a `GPT`, or any module with `config.context_length` that maps ids to logits.
        prompt: ids `(T,)` or `(B, T)`, at least one a row.
        max_new_tokens: how many ids to add to each row.
        temperature: below 1 sharpens, above 1 flattens; 0 always takes the likeliest id.
        top_k: draw from the k likeliest ids alone; None or k >= V draws from all.
        generator: source of the draws. Default: PyTorch's global CPU generator.

    Returns:
        `prompt` and what follows, `(T + n,)` or `(B, T + n)` like `prompt`, on the model's device.

    Raises:
        TypeError: `prompt` is no tensor of integers.
        ValueError: an empty prompt, a negative or non-finite temperature, a negative
            `max_new_tokens`, or `top_k` below 1.
    """
    _check(prompt, max_new_tokens, temperature, top_k)
    ids = prompt.to(next(model.parameters()).device, torch.int64)
    rows = ids if ids.ndim == 2 else ids[None]  # (B, T)
    with eval_mode(model):
        for _ in range(max_new_tokens):
            logits = model(rows[:, -model.config.context_length :])[:, -1]  # (B, V)
            chosen = _choose(logits, temperature, top_k, generator).to(rows.device)
            rows = torch.cat([rows, chosen], dim=1)
    return rows if ids.ndim == 2 else rows[0]


def _choose(
    logits: Tensor, temperature: float, top_k: int | None, generator: torch.Generator | None
) -> Tensor:
    """Choose one id a row: `(B, V)` logits to `(B, 1)` ids."""
    # Dividing by less than the logits' type can hold would be dividing by 0.
    if temperature < torch.finfo(logits.dtype).tiny:
        return logits.argmax(dim=-1, keepdim=True)
    if top_k is not None and top_k < logits.shape[-1]:
        values, candidates = logits.topk(top_k, dim=-1)
        return candidates.gather(1, _draw(values, temperature, generator).to(logits.device))
    return _draw(logits, temperature, generator)


def _draw(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    # The largest logit is subtracted first, so that a tiny temperature cannot overflow.
    shifted = (logits - logits.max(dim=-1, keepdim=True).values) / temperature
    probabilities = shifted.softmax(dim=-1).to("cpu" if generator is None else generator.device)
    return torch.multinomial(probabilities, num_samples=1, generator=generator)


def _check(prompt: Tensor, max_new_tokens: int, temperature: float, top_k: int | None) -> None:
    if not isinstance(prompt, Tensor) or prompt.is_floating_point():
        kind = prompt.dtype if isinstance(prompt, Tensor) else type(prompt).__name__
        raise TypeError(f"prompt is {kind}; it must be a tensor of ids, as encode returns it.")
    if prompt.ndim not in (1, 2) or prompt.shape[-1] == 0 or prompt.shape[0] == 0:
        raise ValueError(
            f"prompt has shape {tuple(prompt.shape)}; it must be (T,) or (B, T) with at least one "
            "id. To start from nothing, prompt with a newline."
        )
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens is {max_new_tokens}; it must not be negative.")
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature is {temperature}; it must be finite and not negative.")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}; it must be at least 1, or None for all ids.")

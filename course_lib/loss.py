"""The loss: next-token cross-entropy, averaged over every position of every row."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

# PyTorch skips targets equal to -100 unless told otherwise, silently. No id is this small, so
# a negative target is an error here like any other id outside the vocabulary.
_IGNORE_NOTHING = torch.iinfo(torch.int64).min


def next_token_loss(
    logits: Tensor, targets: Tensor, *, reduction: Literal["mean", "none"] = "mean"
) -> Tensor:
    """Cross-entropy in nats: `-log p(targets[b, t])` under `softmax(logits[b, t])`.

    `L = -(1 / (B T)) sum_b sum_t log p(y[b, t] | x[b, <= t])`. Computed through log-sum-exp and in
    at least single precision, so that large logits, such as 1,000, give a finite loss.

    Args:
        logits: `(B, T, V)`, floating point.
        targets: `(B, T)`, int64 ids below V; need not be contiguous.
        reduction: `"mean"` over all B·T predictions, or `"none"`.

    Returns:
        A scalar `()` for `"mean"`, the loss of each prediction `(B, T)` for `"none"`.

    Raises:
        ValueError: the shapes do not belong together, or `reduction` is another word.
        IndexError: a target lies outside the vocabulary (on the CPU; a GPU stops with a
            device-side assertion).
    """
    if logits.ndim != 3 or targets.shape != logits.shape[:2]:
        raise ValueError(
            f"logits has shape {tuple(logits.shape)} and targets {tuple(targets.shape)}; "
            "they must be (B, T, V) and (B, T)."
        )
    if reduction not in ("mean", "none"):
        raise ValueError(f'reduction is {reduction!r}; it must be "mean" or "none".')
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    # reshape, not view: targets cut from a window as window[:, 1:] are not contiguous.
    losses = F.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),  # (B * T, V)
        targets.reshape(-1),  # (B * T,)
        ignore_index=_IGNORE_NOTHING,
        reduction=reduction,
    )
    return losses if reduction == "mean" else losses.view(targets.shape)

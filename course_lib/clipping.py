"""Gradient clipping by the global norm (Pascanu, Mikolov and Bengio, 2013, arXiv:1211.5063)."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

NamedParameter = tuple[str, Tensor]


class NonFiniteGradientError(FloatingPointError):
    """The gradient's norm is NaN or infinite; the gradients are as backward left them."""


@torch.no_grad()
def clip_grad_norm(
    parameters: Iterable[Tensor] | Iterable[NamedParameter], max_norm: float
) -> float:
    """Scale all gradients by one factor so that their global L2 norm is at most `max_norm`.

    All gradients count as one long vector g, and `g <- g * min(1, max_norm / ||g||)`: its length
    changes, its direction does not. PyTorch divides by `||g|| + 1e-6`, which differs by less than
    1e-6 in every clipped entry (times `max_norm / ||g||`, at most 1).

    Args:
        parameters: tensors, or `(name, tensor)` pairs as `model.named_parameters()` gives them,
            in which case errors can name them. Parameters without a gradient are skipped.
        max_norm: the largest norm to let through; `math.inf` only measures.

    Returns:
        The norm before clipping; 0.0 if no parameter has a gradient.

    Raises:
        ValueError: `max_norm` is not above zero.
        NonFiniteGradientError: the norm is NaN or infinite. Nothing was scaled.
    """
    if not max_norm > 0:
        raise ValueError(
            f"max_norm is {max_norm}; it must be above 0. Use math.inf to measure without clipping."
        )
    named = [(name, p) for name, p in _with_names(parameters) if p.grad is not None]
    if not named:
        return 0.0
    grads = [p.grad for _, p in named]
    # The norm of the norms is the norm of the whole vector, without copying it into one piece.
    norms = torch.stack([torch.linalg.vector_norm(g).to(grads[0].device) for g in grads])
    norm = torch.linalg.vector_norm(norms).item()
    if not math.isfinite(norm):
        raise NonFiniteGradientError(_describe_first_bad(named, norm))
    if norm > max_norm:
        for grad in grads:
            grad.mul_(max_norm / norm)
    return norm


def _with_names(
    parameters: Iterable[Tensor] | Iterable[NamedParameter],
) -> Iterable[NamedParameter]:
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    for index, item in enumerate(parameters):
        if isinstance(item, Tensor):
            yield f"number {index} of shape {tuple(item.shape)}", item
        else:
            yield item


def _describe_first_bad(named: list[NamedParameter], norm: float) -> str:
    for name, parameter in named:
        bad = int((~torch.isfinite(parameter.grad)).sum())
        if bad:
            return (
                f"The gradient norm is {norm}: the gradient of parameter {name} has {bad:,} "
                f"non-finite of {parameter.grad.numel():,} entries. Nothing was clipped. "
                "Look at the loss and the batch of this step, or lower the learning rate."
            )
    largest = max(named, key=lambda item: item[1].grad.abs().max().item())[0]
    return (
        f"The gradient norm is {norm} although every entry is finite: the squares overflow "
        f"{named[0][1].grad.dtype}. The largest entry is in parameter {largest}. "
        "Nothing was clipped. Lower the learning rate or scale the loss down."
    )

"""One batch: B random windows of the stream, and the same windows one token later."""

import numpy as np
import torch
from torch import Tensor

TokenStream = Tensor | np.ndarray
"""A 1-D stream of integer ids `(N,)`: a tensor, a NumPy array or a NumPy memory map."""


def get_batch(
    tokens: TokenStream,
    batch_size: int,
    context_length: int,
    *,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw `batch_size` windows with replacement; the targets are the inputs shifted by one.

    A window starts at `i` and needs `tokens[i : i + T + 1]`, so `N - T` starts are valid and all
    are equally likely. The last of them trains on the last token. Only the windows are read: a
    memory-mapped file may be larger than memory.

    Args:
        tokens: ids `(N,)`, any integer type; tensor, NumPy array or memory map.
        batch_size: B, the number of windows.
        context_length: T, the number of tokens a window feeds to the model.
        generator: source of the offsets. A CPU generator gives the same offsets whatever the
            device of `tokens` or `device`. Default: PyTorch's global CPU generator.
        device: where the batch should end up. Default: where `tokens` lies.

    Returns:
        `x, y`, both `(B, T)` int64 and contiguous, with `y[:, :-1] == x[:, 1:]`.

    Raises:
        TypeError: `tokens` is no tensor or array, or does not hold integers.
        ValueError: `tokens` is not 1-D or has fewer than `T + 1` ids, or a size is below 1.
    """
    check_tokens(tokens, context_length)
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1.")
    n_starts = len(tokens) - context_length
    generator_device = "cpu" if generator is None else generator.device
    offsets = torch.randint(n_starts, (batch_size,), generator=generator, device=generator_device)

    index = offsets[:, None] + torch.arange(context_length + 1, device=generator_device)  # (B, T + 1)

    # One gather for all rows, and nothing outside the windows is read.
    if isinstance(tokens, Tensor) and tokens.device.type != "cpu":
        windows = tokens[index.to(tokens.device)].long()
    else:
        # NumPy gathers every integer type and is the faster of the two on a CPU.
        array = tokens.numpy() if isinstance(tokens, Tensor) else np.asarray(tokens)
        windows = torch.from_numpy(array[index.cpu().numpy()].astype(np.int64, copy=False))

    # clone, not contiguous: that returns views if B = 1, and x and y would share memory.
    x, y = windows[:, :-1].clone(), windows[:, 1:].clone()  # (B, T) each
    return _move(x, device), _move(y, device)


def to_int64(tokens: TokenStream) -> Tensor:
    """Return ids of any integer type as an int64 tensor; a memory map is read here."""
    if isinstance(tokens, Tensor):
        return tokens.long()
    return torch.from_numpy(tokens.astype(np.int64))


def _move(batch: Tensor, device: torch.device | str | None) -> Tensor:
    """Copy to `device`; from page-locked memory to a GPU, so that the copy need not be waited for."""
    if device is None or torch.device(device) == batch.device:
        return batch
    if torch.device(device).type == "cuda" and batch.device.type == "cpu":
        return batch.pin_memory().to(device, non_blocking=True)
    return batch.to(device)


def check_tokens(tokens: TokenStream, context_length: int) -> None:
    """Refuse a stream from which no window of `context_length` ids and its targets can be cut.

    Raises:
        TypeError: `tokens` is no tensor or array, or does not hold integers.
        ValueError: `tokens` is not 1-D or has fewer than `context_length + 1` ids, or
            `context_length` is below 1.
    """
    if not isinstance(tokens, (Tensor, np.ndarray)):
        raise TypeError(
            f"tokens is a {type(tokens).__name__}; it must be a tensor or a NumPy array of ids. "
            "Encode text with CharTokenizer first."
        )
    dtype = tokens.dtype
    if isinstance(tokens, Tensor):
        is_integer = not (dtype.is_floating_point or dtype.is_complex or dtype is torch.bool)
    else:
        is_integer = np.issubdtype(dtype, np.integer)
    if not is_integer:
        raise TypeError(f"tokens holds {dtype}; ids are integers.")
    if tokens.ndim != 1:
        raise ValueError(
            f"tokens has shape {tuple(tokens.shape)}; it must be one stream of shape (N,)."
        )
    if context_length < 1:
        raise ValueError(f"context_length is {context_length}; it must be at least 1.")
    if len(tokens) < context_length + 1:
        raise ValueError(
            f"tokens has {len(tokens):,} ids; a window of {context_length:,} and its shifted "
            f"targets need at least {context_length + 1:,}. "
            "Use a longer stream or a shorter context_length."
        )

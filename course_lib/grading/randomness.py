"""Random inputs of checks: derived from a run's secret, so new for every run and reproducible afterwards."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def derive_seed(secret: bytes, *purpose: str) -> int:
    """Return 0 <= seed < 2**63: HMAC-SHA256 of what it is for, such as a submission's hash and a check's name."""
    # Lengths stand in front, so that ("ab", "c") and ("a", "bc") give two seeds.
    text = "".join(f"{len(part)}:{part}" for part in purpose)
    return int.from_bytes(hmac.digest(secret, text.encode(), hashlib.sha256)[:8], "big") >> 1


class Random:
    """Draws in a fixed order from one seed. They are PyTorch's: other versions of it may draw other numbers."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def normal(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """A tensor of draws of mean 0 and variance 1."""
        return torch.randn(tuple(shape), generator=self._generator, dtype=dtype)

    def uniform(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """A tensor of draws from [0, 1)."""
        return torch.rand(tuple(shape), generator=self._generator, dtype=dtype)

    def integers(self, low: int, high: int, shape: Sequence[int]) -> Tensor:
        """An int64 tensor of draws with low <= draw < high."""
        return torch.randint(low, high, tuple(shape), generator=self._generator)

    def integer(self, low: int, high: int) -> int:
        """One int with low <= draw < high."""
        return int(self.integers(low, high, ()))

    def choice(self, items: Sequence[T]) -> T:
        """One of the items, each equally likely."""
        return items[self.integer(0, len(items))]

    def seed(self) -> int:
        """A seed for a generator of one's own: 0 <= seed < 2**31."""
        return self.integer(0, 2**31)

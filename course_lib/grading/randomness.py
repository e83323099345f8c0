"""Random inputs of checks: derived from a run's secret, so new for every run and reproducible afterwards."""

import hashlib
import hmac
import math
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
    """Draws in a fixed order from one seed.

    A student's code is shown some of them and must not learn the next ones. PyTorch's own generator would not
    do: it has 2**32 starts, few enough to try them all, and its draws give its state away. These are SHAKE-256's.
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._times = seed, 0

    def normal(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """A tensor of draws of mean 0 and variance 1."""
        lengths, turns = self.uniform((2, *shape), dtype=torch.float64)
        return ((-2 * torch.log1p(-lengths)).sqrt() * (2 * math.pi * turns).cos()).to(dtype)

    def uniform(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """A tensor of draws from [0, 1)."""
        digits = round(1 - math.log2(torch.finfo(dtype).eps))  # no more than the type holds, or some would be 1
        return (self._bits(shape) >> (63 - digits)).to(dtype) / 2**digits

    def integers(self, low: int, high: int, shape: Sequence[int]) -> Tensor:
        """An int64 tensor of draws with low <= draw < high. Each is as likely but for (high - low) / 2**63."""
        return low + self._bits(shape) % (high - low)

    def integer(self, low: int, high: int) -> int:
        """One int with low <= draw < high."""
        return int(self.integers(low, high, ()))

    def choice(self, items: Sequence[T]) -> T:
        """One of the items, each equally likely."""
        return items[self.integer(0, len(items))]

    def seed(self) -> int:
        """A seed for a generator of one's own: 0 <= seed < 2**31."""
        return self.integer(0, 2**31)

    def _bits(self, shape: Sequence[int]) -> Tensor:
        """63 bits an entry, as int64."""
        self._times += 1
        count = math.prod(shape)
        digest = hashlib.shake_256(f"{self._seed}|{self._times}".encode()).digest(8 * max(count, 1))
        whole = torch.frombuffer(bytearray(digest), dtype=torch.int64)[:count] & (2**63 - 1)
        return whole.reshape(tuple(shape))

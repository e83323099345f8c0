"""get_batch against the usual list comprehension and stack, at B = T = 64 on one CPU thread.

    python benchmarks/batches.py

Needs course_lib installed and nothing else: the ids are made here, as many as the train half has.
Both versions run in turns in this one process, so that whatever slows the machine slows both. What
is printed are medians over the rounds, and the ratio of each round: median, and lowest to highest.
Times are CPU time of the one thread, so that other programs on the machine count less.
The usual version is written as it is in many training scripts: a slice a row for x, a slice a row
for y, each stacked.
"""

import statistics
import tempfile
import time
import timeit
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib import get_batch

N, B, T = 1_003_854, 64, 64
ROUNDS, CALLS = 60, 20


def usual_tensor(tokens: Tensor) -> tuple[Tensor, Tensor]:
    starts = torch.randint(len(tokens) - T, (B,))
    x = torch.stack([tokens[i : i + T] for i in starts])
    y = torch.stack([tokens[i + 1 : i + T + 1] for i in starts])
    return x, y


def usual_array(tokens: np.ndarray) -> tuple[Tensor, Tensor]:
    starts = torch.randint(len(tokens) - T, (B,))
    x = torch.stack([torch.from_numpy(tokens[i : i + T].astype(np.int64)) for i in starts])
    y = torch.stack([torch.from_numpy(tokens[i + 1 : i + T + 1].astype(np.int64)) for i in starts])
    return x, y


def compare(name: str, usual: Callable, tokens: Tensor | np.ndarray) -> None:
    def library() -> None:
        get_batch(tokens, B, T)

    ours, theirs = [], []
    for round_number in range(ROUNDS):
        pair = [(ours, library), (theirs, lambda: usual(tokens))]
        for times, function in pair if round_number % 2 else reversed(pair):
            times.append(timeit.timeit(function, timer=time.process_time, number=CALLS) / CALLS * 1e6)
    ratios = sorted(b / a for a, b in zip(ours, theirs))
    print(
        f"{name:26} get_batch {statistics.median(ours):7.1f} us   usual {statistics.median(theirs):7.1f} us   "
        f"{statistics.median(ratios):.1f} times as fast ({ratios[0]:.1f} to {ratios[-1]:.1f})"
    )


def main() -> None:
    torch.set_num_threads(1)
    tokens = torch.randint(65, (N,), generator=torch.Generator().manual_seed(0))
    print(f"B = T = {B}, {N:,} ids, PyTorch {torch.__version__}, 1 thread, {ROUNDS} rounds of {CALLS}")
    compare("tensor, int64", usual_tensor, tokens)
    compare("array, uint16", usual_array, tokens.numpy().astype(np.uint16))
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        tokens.numpy().astype(np.uint16).tofile(file.name)
        compare("memory-mapped file, uint16", usual_array, np.memmap(file.name, np.uint16, "r"))


if __name__ == "__main__":
    main()

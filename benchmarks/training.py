"""A step of `train` against the same step written plainly, on one CPU thread.

    python benchmarks/training.py

Needs course_lib installed and nothing else: the ids are made here. Two models with the same weights
train side by side in this one process, a block of steps each in turn, and see the same batches.
The plain loop is what a careful person writes in PyTorch's own words: slices and stack, cross_entropy,
clip_grad_norm_, AdamW, the same schedule, and the same two numbers logged. Printed are the medians
and the ratio of each pair of blocks: median, quartiles, and lowest to highest. Times are CPU time of
the one thread, so that other programs on the machine count less.
"""

import copy
import itertools
import statistics
import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import GPT, GPTConfig, TrainConfig, train

N, B, T, V = 1_003_854, 64, 64, 65
BLOCKS, STEPS, WARMUP = 20, 3, 3


def plain(model: GPT, tokens: Tensor, config: TrainConfig) -> Iterator[tuple[float, float]]:
    groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=config.betas)
    generator = torch.Generator().manual_seed(config.seed)
    for step in range(config.max_steps):
        starts = torch.randint(len(tokens) - T, (B,), generator=generator)
        x = torch.stack([tokens[i : i + T] for i in starts])
        y = torch.stack([tokens[i + 1 : i + T + 1] for i in starts])
        loss = F.cross_entropy(model(x).view(-1, V), y.view(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_norm)
        for group in optimizer.param_groups:
            group["lr"] = config.schedule(step)
        optimizer.step()
        yield loss.item(), norm.item()


def seconds(run: Iterator, steps: int) -> float:
    start = time.process_time()
    for _ in itertools.islice(run, steps):
        pass
    return (time.process_time() - start) / steps


def compare(d_model: int, n_layer: int) -> None:
    torch.manual_seed(0)
    model = GPT(GPTConfig(V, T, n_layer=n_layer, n_head=4, d_model=d_model))
    tokens = torch.randint(V, (N,), generator=torch.Generator().manual_seed(0))
    config = TrainConfig()
    runs = train(model, tokens, config), plain(copy.deepcopy(model), tokens, config)
    for run in runs:
        seconds(run, WARMUP)
    ours, theirs = [], []
    for block in range(BLOCKS):
        pair = list(zip((ours, theirs), runs))
        for times, run in pair if block % 2 else reversed(pair):
            times.append(seconds(run, STEPS) * 1e3)
    ratios = [a / b for a, b in zip(ours, theirs)]
    low, _, high = statistics.quantiles(ratios)
    print(
        f"d = {d_model:3}, {n_layer} layers   train {statistics.median(ours):6.1f} ms   "
        f"plain {statistics.median(theirs):6.1f} ms   ratio {statistics.median(ratios):.3f} "
        f"(quartiles {low:.3f} to {high:.3f}, all {min(ratios):.3f} to {max(ratios):.3f})"
    )


def main() -> None:
    torch.set_num_threads(1)
    print(f"B = {B}, T = {T}, PyTorch {torch.__version__}, 1 thread, {BLOCKS} pairs of {STEPS} steps")
    compare(d_model=16, n_layer=1)  # so small that the loop itself would show
    compare(d_model=64, n_layer=4)


if __name__ == "__main__":
    main()

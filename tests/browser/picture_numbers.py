"""What each picture must say at given settings, computed with the library and the corpus.

Nothing here asks the pictures' own classes or modules for a number: only for the two pieces of chance
that they define themselves (the starts of a batch, the fixed normal draws).
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from statistics import median

import torch

from course_lib import Corpus, WarmupCosine, WarmupLinear, WarmupStableDecay, clip_grad_norm, split
from course_lib.widgets.batches import offsets
from course_lib.widgets.corpus import expected_overlap
from course_lib.widgets.loss import SAMPLES, standard_normals

Settings = dict[str, float | int | bool]


@dataclass(frozen=True)
class Words:
    """What a reader must find: numbers by label, sentences of the text alternative, text below the drawing."""

    stats: dict[str, str]
    sentences: list[str]
    below: str = ""


def fixed(value: float, digits: int) -> str:
    """`value` with so many decimals, exact ties away from zero as a browser rounds them."""
    # Adding 0 turns -0.0 into 0.0, which a browser writes without a sign.
    return str(Decimal(value + 0.0).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def whole(value: float) -> str:
    return f"{math.floor(value + 0.5):,}"


def signs(text: str) -> str:
    """`text` with its blanks made visible."""
    return text.translate({ord(" "): "␣", ord("\n"): "↵"})


def split_words(at: Settings, state: dict, corpus: Corpus) -> Words:
    N, T, share = len(corpus.text), at["T"], at["percent"] / 100
    cut = len(split(torch.arange(N), share)[0])
    before, after = signs(corpus.text[max(0, cut - 60) : cut]), signs(corpus.text[cut : cut + 60])
    if at["mode_index"] == 1:
        train = int(share * (N - T))
        overlap, val = whole(expected_overlap(N, T, share)), whole(N - T - train)
        return Words(
            {"train windows": whole(train), "validation windows": val, "overlap training, expected": f"{overlap} of {val}"},
            [f"All {whole(N - T)} windows of {T} tokens", f"{at['percent']} % of them for training",
             f"about {overlap} of {val} validation windows share a token"],
            before + "┃" + after,
        )  # fmt: skip
    return Words(
        {"train tokens": whole(cut), "validation tokens": whole(N - cut), "overlap training": f"0 of {whole(max(0, N - cut - T))}"},
        [f"A stream of {whole(N)} tokens, cut at {at['percent']} %: {whole(cut)} train and {whole(N - cut)} validate.",
         f"the text reads {before} | {after}.", f"{T} windows straddle the cut"],
        before + "┃" + after,
    )  # fmt: skip


def batch_words(at: Settings, state: dict, corpus: Corpus) -> Words:
    B, T = at["B"], at["T"]
    text = corpus.text[: len(split(torch.arange(len(corpus.text)))[0])]
    row = min(at["row"], B, 12)
    start = offsets(at["seed"], len(text), B, T)[row - 1]
    x, y = (signs(text[start + shift : start + shift + T]) for shift in (0, 1))
    return Words(
        {"B · T predictions a step": whole(B * T), "shape of x and of y": f"({B}, {T})", "valid starts, N − T": whole(len(text) - T)},
        [f"A batch of {B} windows of {T} tokens from a stream of {whole(len(text))}: {whole(B * T)} predictions.",
         f"Row {row} starts at {whole(start)}: x is {x} and y, one token later, is {y}."],
    )  # fmt: skip


def loss_words(at: Settings, state: dict, corpus: Corpus) -> Words:
    B, T, V_logits = state["batch_size"], state["context_length"], state["vocab_size"]
    k = (T, 1, min(at["last_k"], T))[at["positions_index"]]
    V = round(at["vocabulary"])
    z = torch.tensor(standard_normals(SAMPLES * V_logits, 1), dtype=torch.float64).view(SAMPLES, V_logits)
    first = fixed(torch.logsumexp(at["scale"] * z, dim=1).mean().item(), 2)
    kept = f"{whole(B * k)} of {whole(B * T)}"
    return Words(
        {"targets that count": kept, f"ln {whole(V)}": f"{fixed(math.log(V), 2)} nats", "expected first loss": f"{first} nats"},
        [f"{k} of {T} positions count: {kept} targets send a gradient.",
         f"A uniform guess among {whole(V)} tokens costs {fixed(math.log(V), 2)} nats.",
         f"With {V_logits} logits of standard deviation {fixed(at['scale'], 1)} the expected loss is {first} nats.",
         *([f"Contexts of 1 to {T - k} tokens are never trained."] if k < T else [])],
    )  # fmt: skip


def clipping_words(at: Settings, state: dict, corpus: Corpus) -> Words:
    norms, c = list(state["norms"]), at["c"]
    if at["corrupted"]:
        norms[len(norms) // 2] = 20 * median(norms)
    above = sum(norm > c for norm in norms)
    arrow = torch.zeros(2, dtype=torch.float64)
    arrow.grad = torch.tensor([at["gx"], at["gy"]], dtype=torch.float64)
    length = clip_grad_norm([arrow], c)
    x, y = arrow.grad.tolist()
    share, count = f"{fixed(100 * above / len(norms), 1)} %", f"{whole(above)} of {whole(len(norms))}"
    return Words(
        {"of the steps clipped": share, "steps": count, "length of the arrow": f"{fixed(length, 2)} → {fixed(min(length, c), 2)}"},
        [f"At c = {fixed(c, 2)}, {count} steps are clipped, {share}.",
         f"The norms run from {fixed(min(norms), 2)} to {fixed(max(norms), 2)}.",
         f"The gradient ({fixed(at['gx'], 1)}, {fixed(at['gy'], 1)}) of length {fixed(length, 2)} becomes ({fixed(x, 2)}, {fixed(y, 2)}).",
         *([f"One batch is corrupted: its norm is {fixed(norms[len(norms) // 2], 1)}."] if at["corrupted"] else [])],
    )  # fmt: skip


def schedule_words(at: Settings, state: dict, corpus: Corpus) -> Words:
    D, peak, step = at["D"], at["peak"], at["step"]
    W, floor = min(at["W"], D), min(at["floor"], peak)
    stable = int(0.8 * (D - W))
    name, schedule = (
        ("cosine", WarmupCosine(peak, floor, W, D)),
        ("linear", WarmupLinear(peak, floor, W, D)),
        ("warmup-stable-decay", WarmupStableDecay(peak, floor, W, D, stable)),
    )[at["shape_index"]]
    lr = schedule(step)
    plateau = at["shape_index"] == 2 and step <= W + stable
    start = f"from 0 to {peak:.2e} at step {whole(W)}" if W else f"starts at {peak:.2e}"
    branch = "warmup" if step < W else "floor" if step > D else "plateau" if plateau else "decay"
    return Words(
        {f"η at step {whole(step)}": f"{lr:.3e}", "of the peak": f"{fixed(100 * lr / peak, 1)} %", "branch of the formula": branch},
        [f"Learning rate with a {name} decay: {start}, then down to {floor:.2e} at step {whole(D)}",
         f"At step {whole(step)} it is {lr:.3e}."],
    )  # fmt: skip


def run_words(at: Settings, state: dict, corpus: Corpus) -> Words:
    i = bisect_right(state["steps"], at["step"]) - 1
    step, loss, norm, lr = state["steps"][i], fixed(state["loss"][i], 2), fixed(state["norm"][i], 2), f"{state['lr'][i]:.2e}"
    val = [(fixed(value, 2), whole(when)) for when, value in state["val"] if when <= at["step"]]
    label = f"validation, step {val[-1][1]}" if val else "validation"
    samples = [(when, text) for when, text in state["samples"] if when <= at["step"]]
    below = f"Written by the model at step {whole(samples[-1][0])}:{samples[-1][1].lstrip(chr(10))}" if samples else "No sample yet."
    return Words(
        {"step": whole(step), "training loss": loss, label: val[-1][0] if val else "–", "learning rate": lr, "gradient norm": norm},
        [f"A run of {whole(len(state['steps']))} steps. At step {whole(step)}: training loss {loss}",
         *([f"validation loss {val[-1][0]} of step {val[-1][1]}"] if val else []), f"learning rate {lr}, gradient norm {norm}.",
         *([f"Norms above {fixed(state['max_norm'], 2)} are clipped."] if state["max_norm"] is not None else []),
         *(f"{label} {fixed(at_loss, 2)}" for label, at_loss in state["landmarks"])],
        below if state["samples"] else "",
    )  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """A chapter's picture: which control sets which trait, and what it says."""

    controls: dict[str, str]
    words: Callable[[Settings, dict, Corpus], Words]


# By the picture's class, the controls in the order in which they are moved; each stays at its largest setting.
PICTURES = {
    "SplitPicture": Expected({"train share (%)": "percent", "T, context length": "T", "split by": "mode_index"}, split_words),
    "BatchPicture": Expected(
        {"B, rows": "B", "T, context length": "T", "draw (seed)": "seed", "row spelled out": "row"}, batch_words
    ),
    "LossPicture": Expected(
        {"positions that count": "positions_index", "k": "last_k", "V, vocabulary": "vocabulary",
         "standard deviation of the logits": "scale"}, loss_words,
    ),
    "ClippingPicture": Expected(
        {"c, largest norm kept": "c", "one corrupted batch": "corrupted", "gradient, first component": "gx",
         "gradient, second component": "gy"}, clipping_words,
    ),
    "SchedulePicture": Expected(
        {"shape": "shape_index", "W, warmup steps": "W", "D, floor reached at": "D", "peak": "peak", "floor": "floor",
         "step": "step"}, schedule_words,
    ),
    "RunPicture": Expected({"step": "step", "stretch the first steps (log axis)": "log_steps"}, run_words),
}  # fmt: skip

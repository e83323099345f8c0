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
from course_lib.runs import load_run, run_names
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
         *([f"Contexts of 1 to {T - k} tokens are never trained."] if k < T else []),
         *([f"The measured loss is {fixed(state['by_position'][0], 2)} nats at position 0"] if state["by_position"] else [])],
    )  # fmt: skip


def clipping_words(at: Settings, state: dict, corpus: Corpus) -> Words:
    norms, c = list(state["norms"]), at["c"]
    spike = max(state["corrupted_norms"], default=20 * median(norms))
    if at["corrupted"] and state["corrupted_norms"]:
        norms = list(state["corrupted_norms"])
    elif at["corrupted"]:
        norms[len(norms) // 2] = spike
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
         *([f"One batch is corrupted: its norm is {fixed(spike, 1)}."] if at["corrupted"] else [])],
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


def short(value: float) -> float:
    """`value` as a page stores it."""
    return float(f"{value:.4g}")


def run_values(run: dict, step: int) -> dict:
    """A run's values at or before `step`: of the recorded run with this name, else of what the page stores."""
    if run["label"] in run_names():
        recorded = load_run(run["label"])
        update = min(step, len(recorded.loss) - 1)
        values = recorded.loss[update], recorded.lr[update], recorded.grad_norm[update]
        measured = zip(recorded.evaluation_steps.tolist(), recorded.train_loss, recorded.val_loss, strict=True)
        samples = zip(recorded.moment_steps.tolist(), recorded.samples, strict=True)
    else:
        i = bisect_right(run["at"]["step"], step) - 1
        update, values = run["at"]["step"][i], [run["at"][name][i] for name in ("loss", "lr", "norm")]
        measured, samples = run["evaluations"], run["samples"]
    loss, lr, norm = map(short, values)
    found = {"step": update, "loss": fixed(loss, 2), "lr": lr, "norm": fixed(norm, 2), "val": None, "sample": None}
    for when, train, val in measured:
        if when <= step:
            found |= {"when": when, "val": fixed(short(val), 2), "train": None if train is None else fixed(short(train), 2)}
    for when, text in samples:
        if when <= step:
            found["sample"] = f"at step {whole(when)}:{text.lstrip(chr(10))}"
    return found


def run_words(at: Settings, state: dict, corpus: Corpus) -> Words:
    over = at.get("over_index", 0)
    shown = [state["runs"][at.get("run_index", 0)], *([state["runs"][over - 1]] if over else [])]
    end = max(max(run["at"]["step"][-1], *(row[0] for row in run["evaluations"]), 0) for run in shown)
    step = min(state["stops"][at["stop"]], end)
    values = [run_values(run, step) for run in shown]
    own = " its own" if any(run["own_loss"] for run in shown) else ""
    updates, measured = ({value[key] for value in values if key in value} for key in ("step", "when"))
    rates = [f"{value['lr']:.2e}" for value in values]
    if len({value["lr"] for value in values}) > 1:
        rates = [browser_rate(value["lr"]) for value in values]
    label = "training loss" + ("," * bool(own)) + own + (f", step {whole(*updates)}" if len(updates) == 1 and updates != {step} else "")
    val = f"validation, step {whole(*measured)}" if len(measured) == 1 and all(value["val"] for value in values) else "validation"
    exact = any(row[1] is not None for run in state["runs"] for row in run["evaluations"])
    stats = {
        "step": whole(step), label: " | ".join(value["loss"] for value in values),
        **({"training, fixed windows": " | ".join(value.get("train") or "–" for value in values)} if exact else {}),
        val: " | ".join(value["val"] or "–" for value in values),
        "learning rate": " | ".join(dict.fromkeys(rates)), "gradient norm": " | ".join(value["norm"] for value in values),
    }  # fmt: skip
    sentences = [f"{name} {fixed(nats, 2)}" for name, nats in state["landmarks"]]
    for run, value in zip(shown, values, strict=True):
        sentences += [
            f"{run['label'] + ', a' if run['label'] else 'A'} run of {whole(run['count'])} steps",
            f"At step {whole(step)}: training loss {value['loss']}",
            f"learning rate {value['lr']:.2e}, gradient norm {value['norm']}.",
            *([f"validation loss {value['val']} of step {whole(value['when'])}"] if value["val"] else []),
            *([f"Norms above {fixed(run['max_norm'], 2)} are clipped."] if run["max_norm"] is not None else []),
        ]
    sample = values[0]["sample"]
    below = f"Written by {shown[0]['label'] or 'the model'} {sample}" if sample else "No sample yet."
    return Words(stats, sentences, below if any(run["samples"] for run in state["runs"]) else "")


def browser_rate(value: float) -> str:
    """A rate as JavaScript's `toExponential(1)` writes it, without an empty decimal."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}" if value else "0"


def run_controls(state: dict) -> dict[str, str]:
    """The controls of the run picture: those that choose among runs come last, for a short run has fewer stops."""
    place = "step" if state["stops"] == list(range(len(state["stops"]))) else "place in the run"
    choose = {"run": "run_index", "laid over it": "over_index"} if len(state["runs"]) > 1 else {}
    return {place: "stop", "stretch the first steps (log axis)": "log_steps", **choose}


@dataclass(frozen=True)
class Expected:
    """A chapter's picture: which control sets which trait, and what it says."""

    controls: dict[str, str] | Callable[[dict], dict[str, str]]
    words: Callable[[Settings, dict, Corpus], Words]

    def controls_of(self, state: dict) -> dict[str, str]:
        """The trait that each control sets, by description; where they differ, by what is stored of the picture."""
        return self.controls(state) if callable(self.controls) else self.controls


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
    "RunPicture": Expected(run_controls, run_words),
}  # fmt: skip

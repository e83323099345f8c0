"""Train a recipe and write down what a reader would want to have seen."""

import math
import platform
import time
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.checkpoint import CheckpointError
from course_lib.clipping import NonFiniteGradientError
from course_lib.corpus import CharTokenizer, split
from course_lib.corpus_figures import load_real_corpus
from course_lib.environment import default_device, device_name
from course_lib.evaluation import eval_mode, evaluate
from course_lib.loss import next_token_loss
from course_lib.model import GPT, GPTConfig
from course_lib.museum.faults import WindowsFrom
from course_lib.museum.partial import Partial
from course_lib.museum.recipes import Recipe
from course_lib.runs import SCHEMA, write_run_file
from course_lib.sampling import generate
from course_lib.training import NonFiniteLossError, StepRecord, train

# Shares of a run at which it is sampled, roughly logarithmic; at 5,000 steps they are 0, 10, 30 ...
MOMENTS = (0, 0.002, 0.006, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1)
EVALUATIONS = 20  # and at this many equal parts of it, the losses are measured too
TRAIN_SAMPLE_TOKENS = 57_344
SAMPLE_PROMPT, SAMPLE_SEED, SAMPLE_CHARACTERS = "\n", 1337, 240
SPLIT_SEED = 0  # of the fault that shuffles windows before it splits them


def moment_steps(max_steps: int) -> list[int]:
    """Return the twelve steps at which a run is sampled (fewer where two coincide)."""
    return sorted({round(share * max_steps) for share in MOMENTS})


def evaluation_steps(max_steps: int) -> list[int]:
    """Return the steps at which the exact losses are measured, those of the samples among them."""
    parts = {round(i * max_steps / EVALUATIONS) for i in range(EVALUATIONS + 1)}
    return sorted(parts | set(moment_steps(max_steps)))


class Recorder:
    """One recipe on the real corpus: its model, its data, and how they are measured.

    Raises:
        StandInError: the real corpus could not be had.
    """

    def __init__(self, recipe: Recipe, device: torch.device | None = None) -> None:
        self.recipe, self.device = recipe, device or default_device()
        self.corpus = load_real_corpus()
        self.tokenizer = CharTokenizer.from_text(self.corpus.text)
        tokens = self.tokenizer.encode(self.corpus.text)
        self.train_tokens, self.val_tokens = split(tokens)
        T = recipe.context_length
        self.train_sample = _spread(len(self.train_tokens), T, TRAIN_SAMPLE_TOKENS)
        self.shuffled: tuple[WindowsFrom, Tensor] | None = None
        if recipe.shuffle_windows:
            starts = torch.randperm(len(tokens) - T, generator=torch.Generator().manual_seed(SPLIT_SEED))
            n_train = int(0.9 * len(starts))
            held_out = starts[n_train : n_train + len(self.val_tokens) // T]
            self.shuffled = WindowsFrom(tokens, starts[:n_train]), held_out
        # Weights come from the CPU's generator, whatever the device: a GPU's run replays on a CPU.
        torch.manual_seed(recipe.seed)
        self.model = GPT(self._sizes())
        if recipe.initialise is not None:
            recipe.initialise(self.model)
        self.model.to(self.device)

    def _sizes(self) -> GPTConfig:
        recipe = self.recipe
        return GPTConfig(
            vocab_size=self.tokenizer.vocab_size, context_length=recipe.context_length,
            n_layer=recipe.n_layer, n_head=4, d_model=recipe.d_model, dropout=recipe.dropout,
        )  # fmt: skip

    def train(self, done: int, until: int, resume_from: Path | None, save_to: Path) -> Iterator[StepRecord]:
        """Yield the records of the updates from `done` up to, not including, `until`."""
        recipe = self.recipe
        batch_fn = self.shuffled[0] if self.shuffled else recipe.batch_fn_at(done)
        return train(
            self.model, self.train_tokens, recipe.config(max_steps=until, checkpoint_path=save_to),
            resume_from=resume_from, batch_fn=batch_fn, loss_fn=recipe.loss_fn,
            optimizer_fn=recipe.optimizer_fn,
        )  # fmt: skip

    def measure(self) -> dict[str, object]:
        """Return the exact losses of the model as it is now."""
        train_loss, _ = _loss_of_windows(self.model, self.train_tokens, self.train_sample)
        if self.shuffled:
            val_loss, by_position = _loss_of_windows(self.model, self.shuffled[0].tokens, self.shuffled[1])
        else:
            evaluation = evaluate(self.model, self.val_tokens)
            val_loss, by_position = evaluation.loss, evaluation.loss_by_position
        measured = {"train_loss": train_loss, "val_loss": val_loss, "val_loss_by_position": by_position.tolist()}
        if self.recipe.dropout:
            measured["val_loss_dropout_on"] = self._loss_with_dropout_on()
        return measured

    def _loss_with_dropout_on(self) -> float:
        """Measure as one who forgot `model.eval()`; the run's own random stream is left untouched."""
        starts = _spread(len(self.val_tokens), self.recipe.context_length, len(self.val_tokens))
        with torch.random.fork_rng():
            torch.manual_seed(SAMPLE_SEED)
            self.model.train()
            return _loss_of_windows(self.model, self.val_tokens, starts, in_eval_mode=False)[0]

    def sample(self) -> str:
        """Return a text of the model as it is now, always from the same prompt and seed."""
        generator = torch.Generator().manual_seed(SAMPLE_SEED)
        prompt = self.tokenizer.encode(SAMPLE_PROMPT)
        ids = generate(self.model, prompt, SAMPLE_CHARACTERS, generator=generator)
        return self.tokenizer.decode(ids[len(prompt) :].cpu())

    def provenance(self) -> dict[str, object]:
        """Return where and with what the run is made."""
        return {
            "parameters": self.model.count_parameters(),
            "corpus": {"name": self.corpus.name, "sha256": self.corpus.sha256},
            "versions": {
                "course_lib": version("course-lib"), "python": platform.python_version(),
                "torch": torch.__version__, "numpy": np.__version__,
            },
            "device": device_name(self.device),
        }  # fmt: skip


def record(recipe: Recipe, folder: Path, partial_folder: Path) -> Iterator[StepRecord]:
    """Train `recipe`, write its run file to `folder`, and yield each record on the way.

    After every measured step the state goes to `partial_folder`: a killed recording goes on from
    there and gives the same file, `wall_seconds` apart. What is in that folder is removed at the end.

    Raises:
        StandInError: the real corpus could not be had.
        ValueError: what is in `partial_folder` is damaged.
        OSError: a folder cannot be written.
    """
    recorder = Recorder(recipe)
    partial = Partial(partial_folder, recorder.provenance())
    try:
        for until in evaluation_steps(recipe.max_steps):
            if until > partial.last_measured:
                yield from _record_part(recorder, partial, until)
    except (NonFiniteLossError, NonFiniteGradientError) as error:
        partial.stop(str(error))
    except (CheckpointError, FileNotFoundError) as error:
        raise ValueError(f"{error} Or delete the folder {partial_folder}, and the run is recorded from its "
                         "start.") from error  # fmt: skip
    write_run_file(
        {"schema": SCHEMA, "name": recipe.name, "recipe": recipe.describe()} | partial.content(), folder
    )
    partial.remove()


def _record_part(recorder: Recorder, partial: Partial, until: int) -> Iterator[StepRecord]:
    """Train on up to step `until` and measure there."""
    started = time.perf_counter()
    updates = recorder.train(partial.done, until, partial.checkpoint, partial.checkpoint_at(until))
    before = _weights(recorder.model)
    for step_record in updates:
        partial.add(step_record)
        if step_record.step == until - 2:
            before = _weights(recorder.model)
        yield step_record
    moment = None
    if until in moment_steps(recorder.recipe.max_steps):
        ratios = update_to_weight(recorder.model, before)
        moment = {"sample": recorder.sample(), "update_to_weight": ratios if until else dict.fromkeys(ratios)}
    losses = recorder.measure()
    if not math.isfinite(losses["train_loss"] + losses["val_loss"]):
        raise NonFiniteLossError(f"A loss measured at step {until:,} is not finite.")
    partial.save(losses, moment, time.perf_counter() - started)


def _spread(n_tokens: int, T: int, n_predictions: int) -> Tensor:
    """Return starts of disjoint windows of T, spread evenly over a stream of `n_tokens`."""
    n_windows = (n_tokens - 1) // T
    chosen = torch.arange(min(n_windows, n_predictions // T)) * n_windows // min(n_windows, n_predictions // T)
    return chosen * T


@torch.no_grad()
def _loss_of_windows(
    model: nn.Module, tokens: Tensor, starts: Tensor, *, in_eval_mode: bool = True
) -> tuple[float, Tensor]:
    """Return the mean loss over windows of `tokens`, and by position `(T,)`, in nats."""
    T, device = model.config.context_length, next(model.parameters()).device
    total = torch.zeros(T, dtype=torch.float64)
    with eval_mode(model) if in_eval_mode else nullcontext():
        for some in starts.split(64):
            windows = tokens[some[:, None] + torch.arange(T + 1)].to(device)  # (b, T + 1)
            losses = next_token_loss(model(windows[:, :-1]), windows[:, 1:], reduction="none")
            total += losses.cpu().double().sum(dim=0)
    by_position = total / len(starts)
    return by_position.mean().item(), by_position


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def update_to_weight(model: nn.Module, before: dict[str, Tensor]) -> dict[str, float]:
    """Return by kind of layer the L2 norm of the last update over that of the weights before it."""
    squares: dict[str, list[float]] = {}
    for name, parameter in model.named_parameters():
        kind = next(k for k in ("token_embedding", "position_embedding", "attention.", "mlp.", "norm") if k in name)
        change, weight = (parameter.detach() - before[name]).norm().item(), before[name].norm().item()
        total = squares.setdefault(kind.rstrip("."), [0.0, 0.0])
        total[0] += change**2
        total[1] += weight**2
    return {kind: math.sqrt(change / weight) for kind, (change, weight) in squares.items()}

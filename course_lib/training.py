"""The whole loop: sample, forward, loss, zero grads, backward, clip, set lr, step, log."""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.batches import TokenStream, check_tokens, get_batch
from course_lib.checkpoint import load_checkpoint, save_checkpoint, saved_step
from course_lib.clipping import clip_grad_norm
from course_lib.evaluation import evaluate
from course_lib.loss import next_token_loss
from course_lib.train_config import TrainConfig

BatchFunction = Callable[..., tuple[Tensor, Tensor]]
LossFunction = Callable[[Tensor, Tensor], Tensor]
OptimizerFunction = Callable[[nn.Module, TrainConfig], torch.optim.Optimizer]


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """Build AdamW with weight decay on matrices and embeddings, none on vectors (norms).

    The learning rate is 0 until the loop sets it.
    """
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=config.betas)


class NonFiniteLossError(FloatingPointError):
    """A loss, or a parameter about to be saved, is not finite; no checkpoint was written of it."""


@dataclass(frozen=True)
class StepRecord:
    """One line of the log: what happened at update `step`.

    Args:
        step: the update, counted from 0.
        loss: the batch's loss before the update, in nats.
        lr: the update's learning rate.
        grad_norm: the gradient's global L2 norm before clipping.
        clipped: whether that norm exceeded `max_norm`.
        val_loss: loss over all validation tokens before the update, in nats; None where it was
            not evaluated.
    """

    step: int
    loss: float
    lr: float
    grad_norm: float
    clipped: bool
    val_loss: float | None = None


def train(
    model: nn.Module,
    train_tokens: TokenStream,
    config: TrainConfig,
    *,
    val_tokens: TokenStream | None = None,
    resume_from: str | os.PathLike | None = None,
    batch_fn: BatchFunction = get_batch,
    loss_fn: LossFunction = next_token_loss,
    optimizer_fn: OptimizerFunction = make_optimizer,
) -> Iterator[StepRecord]:
    """Train `model` in place and yield a record after every update.

    The result is a generator: the call checks its arguments and loads `resume_from`; the rest waits
    until you ask for a record. You may stop at any record and keep the model as it is then. On the
    CPU a run that was stopped or killed, and resumed, equals the uninterrupted one to the bit. With
    dropout this holds while nobody else draws from PyTorch's global generator during the run.

    Args:
        model: a `GPT`, or any module with `config.context_length` that maps `(B, T)` ids to
            `(B, T, V)` logits. It trains on the device that it lies on.
        train_tokens: the training half, ids `(N,)`.
        config: the recipe.
        val_tokens: the validation half; given if and only if `config.eval_interval` is set.
        resume_from: a checkpoint to go on from. The settings are those of `config`, the state of
            the batch generator is the file's: `config.seed` has no effect.
        batch_fn: called as `batch_fn(tokens, batch_size, context_length, generator=, device=)`.
        loss_fn: called as `loss_fn(logits, targets)`; returns a scalar.
        optimizer_fn: called as `optimizer_fn(model, config)`; the loop sets its learning rate.

    Yields: a `StepRecord` an update.

    Raises:
        TypeError, ValueError: unusable tokens, `eval_interval` without `val_tokens` or the
            other way round, or a checkpoint from beyond `max_steps`; raised at the call, before anything runs.
        CheckpointError, FileNotFoundError: `resume_from` cannot be used; raised at the call.
        NonFiniteLossError, NonFiniteGradientError: the loss, a parameter to be saved or the
            gradient's norm is. The message names the step or the first bad parameter.
    """
    check_tokens(train_tokens, model.config.context_length)
    if (config.eval_interval is None) != (val_tokens is None):
        raise ValueError(
            f"eval_interval is {config.eval_interval} and val_tokens is "
            f"{'None' if val_tokens is None else 'given'}; set both, or neither."
        )
    if val_tokens is not None:
        check_tokens(val_tokens, context_length=1)
    optimizer = optimizer_fn(model, config)
    generator = torch.Generator().manual_seed(config.seed)
    first_step = 0
    if resume_from is not None:
        first_step = saved_step(resume_from)  # before the load: a refused call changes nothing
        if first_step > config.max_steps:
            raise ValueError(
                f"{resume_from} is from step {first_step:,}, past max_steps = {config.max_steps:,}. "
                "Raise max_steps or use an earlier checkpoint."
            )
        load_checkpoint(resume_from, model=model, optimizer=optimizer, generator=generator)
        # The moments are the checkpoint's, the settings are the config's.
        for group, own in zip(optimizer.param_groups, optimizer_fn(model, config).param_groups):
            group.update({name: value for name, value in own.items() if name != "params"})
    return _updates(
        model, train_tokens, val_tokens, config, optimizer, generator, first_step, batch_fn, loss_fn
    )


def _updates(
    model: nn.Module,
    train_tokens: TokenStream,
    val_tokens: TokenStream | None,
    config: TrainConfig,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    first_step: int,
    batch_fn: BatchFunction,
    loss_fn: LossFunction,
) -> Iterator[StepRecord]:
    T, device = model.config.context_length, next(model.parameters()).device
    for step in range(first_step, config.max_steps):
        val_loss = None
        if config.eval_interval is not None and step % config.eval_interval == 0:
            val_loss = evaluate(model, val_tokens).loss
        model.train()  # at every step: whoever drives the loop may have evaluated or sampled

        optimizer.zero_grad(set_to_none=True)
        loss = 0.0
        for _ in range(config.accumulation_steps):
            x, y = batch_fn(
                train_tokens, config.batch_size, T, generator=generator, device=device
            )  # (B, T) each
            logits = model(x)  # (B, T, V)
            # Each micro-batch has the same size, so the mean of their means is the large batch's.
            micro_loss = loss_fn(logits, y) / config.accumulation_steps
            micro_loss.backward()
            loss += micro_loss.item()
        lr = config.schedule(step)
        _check_loss(loss, step, lr)

        grad_norm = clip_grad_norm(model.named_parameters(), config.max_norm)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()

        done = step + 1
        if _checkpoint_is_due(done, config):
            _check_parameters(model, step)
            save_checkpoint(
                config.checkpoint_path,
                model=model, optimizer=optimizer, step=done, generator=generator,
            )  # fmt: skip
        yield StepRecord(step, loss, lr, grad_norm, grad_norm > config.max_norm, val_loss)


def _check_loss(loss: float, step: int, lr: float) -> None:
    if not math.isfinite(loss):
        raise NonFiniteLossError(
            f"The loss is {loss} at step {step:,} (lr {lr:.3g}); no update was made. "
            "Try a lower peak lr or a longer warmup, and check that every target is a valid id and "
            "that no logit is infinite. The last checkpoint, if any, is from before this step: "
            "go on from it with resume_from."
        )


def _checkpoint_is_due(done: int, config: TrainConfig) -> bool:
    if config.checkpoint_path is None:
        return False
    interval = config.checkpoint_interval
    return done == config.max_steps or (interval is not None and done % interval == 0)


def _check_parameters(model: nn.Module, step: int) -> None:
    """Refuse to replace a good checkpoint by one with parameters that are not finite."""
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise NonFiniteLossError(
                f"Parameter {name} is not finite after the update of step {step:,}; the "
                "checkpoint was not written and the one before it stays. Try a lower peak lr."
            )

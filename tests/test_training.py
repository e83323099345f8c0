"""train: each part of a step, what it refuses, and how it stops."""

import math
from types import GeneratorType

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import (
    GPT,
    GPTConfig,
    NonFiniteGradientError,
    NonFiniteLossError,
    StepRecord,
    TrainConfig,
    WarmupCosine,
    evaluate,
    get_batch,
    load_checkpoint,
    next_token_loss,
    train,
)
from course_lib.training import make_optimizer

TOKENS = torch.randint(9, (400,), generator=torch.Generator().manual_seed(0))
VAL = torch.randint(9, (60,), generator=torch.Generator().manual_seed(1))
SCHEDULE = WarmupCosine(1e-2, 1e-3, 2, 20)


def make(seed=0, dropout=0.0, dtype=torch.float32) -> GPT:
    torch.manual_seed(seed)
    return GPT(GPTConfig(9, 6, n_layer=1, n_head=2, d_model=8, dropout=dropout)).to(dtype)


def recipe(max_steps=6, **changes) -> TrainConfig:
    return TrainConfig(**{"max_steps": max_steps, "batch_size": 4, "schedule": SCHEDULE} | changes)


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


def same(a: list, b: list) -> bool:
    return all(map(torch.equal, a, b))


def plain_loop(model: GPT, config: TrainConfig) -> list[tuple[float, float, float]]:
    """The same recipe in PyTorch's own words: (loss, lr, norm) of each step."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    norms = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.99))
    generator, log = torch.Generator().manual_seed(config.seed), []
    for step in range(config.max_steps):
        starts = torch.randint(len(TOKENS) - 6, (config.batch_size,), generator=generator)
        x = torch.stack([TOKENS[i : i + 6] for i in starts])
        y = torch.stack([TOKENS[i + 1 : i + 7] for i in starts])
        loss = nn.functional.cross_entropy(model(x).view(-1, 9), y.view(-1))
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_norm).item()
        for group in optimizer.param_groups:
            group["lr"] = config.schedule(step)
        optimizer.step()
        log.append((loss.item(), config.schedule(step), norm))
    return log


@pytest.mark.parametrize("max_norm", [0.3, 1.0, math.inf])
def test_equals_the_plain_loop(max_norm):
    ours, theirs = make(dtype=torch.float64), make(dtype=torch.float64)
    config = recipe(12, max_norm=max_norm)
    log = plain_loop(theirs, config)
    records = list(train(ours, TOKENS, config))
    assert [r.step for r in records] == list(range(12))
    for record, (loss, lr, norm) in zip(records, log):
        assert record.loss == pytest.approx(loss, abs=1e-5)
        assert record.lr == lr
        assert record.grad_norm == pytest.approx(norm, rel=1e-4)
        assert record.clipped == (norm > max_norm)
        assert record.val_loss is None
    # PyTorch's clipping divides by the norm + 1e-6: equal up to that.
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(ours.parameters(), theirs.parameters()))


def test_the_defaults_are_the_lessons():
    config = TrainConfig()
    assert (config.max_steps, config.batch_size, config.betas) == (5000, 64, (0.9, 0.99))
    assert config.schedule == WarmupCosine(1e-3, 1e-4, 100, 5000)
    assert (config.weight_decay, config.max_norm, config.accumulation_steps) == (0.1, 1.0, 1)
    assert (config.eval_interval, config.seed) == (None, 1337)
    assert config.checkpoint_path is config.checkpoint_interval is None


def test_update_zero_of_the_plain_warmup_changes_nothing():
    model = make()
    before = weights(model)
    run = train(model, TOKENS, recipe())
    assert next(run).lr == 0.0
    assert same(weights(model), before)
    next(run)
    assert not same(weights(model), before)


def test_it_is_a_generator_that_can_be_stopped_at_any_step():
    model = make()
    before = weights(model)
    run = train(model, TOKENS, recipe(5))
    assert isinstance(run, GeneratorType)
    assert same(weights(model), before)  # nothing has run yet
    first, second = next(run), next(run)
    assert isinstance(first, StepRecord) and (first.step, second.step) == (0, 1)
    after_two = weights(model)
    run.close()
    assert same(weights(model), after_two)
    other = make()
    assert len(list(train(other, TOKENS, recipe(2)))) == 2
    assert same(weights(other), after_two)


def test_the_seed_decides_and_no_other_stream_is_touched():
    state = torch.get_rng_state()
    runs = []
    for seed in (5, 5, 6):
        model = make()
        state = torch.get_rng_state()
        runs.append([r.loss for r in train(model, TOKENS, recipe(seed=seed))])
        assert torch.equal(torch.get_rng_state(), state)
    assert runs[0] == runs[1] != runs[2]


def test_accumulation_equals_the_large_batch():
    small, large = make(dtype=torch.float64), make(dtype=torch.float64)
    a = list(train(small, TOKENS, recipe(8, batch_size=4, accumulation_steps=3)))
    b = list(train(large, TOKENS, recipe(8, batch_size=12)))
    for first, second in zip(a, b):
        assert first.loss == pytest.approx(second.loss, abs=1e-12)
        assert first.grad_norm == pytest.approx(second.grad_norm, rel=1e-10)
    assert all(torch.allclose(p, q, atol=1e-10) for p, q in zip(small.parameters(), large.parameters()))


def test_weight_decay_reaches_matrices_alone():
    model = make()
    names = {p: name for name, p in model.named_parameters()}
    decayed, spared = make_optimizer(model, recipe(weight_decay=0.1)).param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert all("norm" in names[p] for p in spared["params"]) and len(spared["params"]) == 3
    assert not [names[p] for p in decayed["params"] if "norm" in names[p]]
    assert len(decayed["params"]) + len(spared["params"]) == len(names)
    assert model.token_embedding.weight in set(decayed["params"])


def test_val_loss_is_that_of_evaluate_before_the_update():
    model, other = make(), make()
    records = list(train(model, TOKENS, recipe(5, eval_interval=2), val_tokens=VAL))
    assert [r.val_loss is not None for r in records] == [True, False, True, False, True]
    assert records[0].val_loss == evaluate(other, VAL).loss
    for _ in train(other, TOKENS, recipe(2)):
        pass
    assert records[2].val_loss == evaluate(other, VAL).loss
    # Evaluating must not change the run.
    assert [r.loss for r in records] == [r.loss for r in train(make(), TOKENS, recipe(5))]


def test_a_model_that_its_driver_leaves_in_eval_mode_still_trains_in_train_mode():
    def losses(spoil: bool) -> list[float]:
        model = make(dropout=0.3)
        found = []
        for record in train(model, TOKENS, recipe(6)):
            found.append(record.loss)
            if spoil:
                model.eval()
        return found

    assert losses(spoil=True) == losses(spoil=False)
    frozen = make(dropout=0.3).eval()
    next(train(frozen, TOKENS, recipe()))
    assert frozen.training


def test_own_batch_and_loss_functions():
    calls = []

    def last_position(logits, targets):
        return next_token_loss(logits, targets, reduction="none")[:, -1].mean()

    def first_window(tokens, batch_size, context_length, *, generator, device):
        calls.append((len(tokens), batch_size, context_length, generator.device.type, str(device)))
        window = tokens[: context_length + 1].expand(batch_size, -1)
        return window[:, :-1], window[:, 1:]

    model = make()
    expected = last_position(model(TOKENS[None, :6]), TOKENS[None, 1:7]).item()
    record = next(train(model, TOKENS, recipe(), batch_fn=first_window, loss_fn=last_position))
    assert record.loss == pytest.approx(expected, rel=1e-6)
    assert calls == [(400, 4, 6, "cpu", "cpu")]


def test_one_batch_can_be_learnt_by_heart():
    def always(tokens, batch_size, context_length, **_):
        return get_batch(tokens, batch_size, context_length, generator=torch.Generator().manual_seed(0))

    records = list(train(make(), torch.arange(9).repeat(9), recipe(80, schedule=lambda t: 0.03), batch_fn=always))
    assert records[-1].loss < 0.1 < 2 < records[0].loss


def test_memory_mapped_tokens(tmp_path):
    TOKENS.numpy().astype(np.uint16).tofile(tmp_path / "train.bin")
    tokens = np.memmap(tmp_path / "train.bin", np.uint16, "r")
    assert list(train(make(), tokens, recipe())) == list(train(make(), TOKENS, recipe()))


def poisoned(step_of_nan: int):
    """The library's loss, but NaN at one step."""
    calls = []

    def loss(logits, targets):
        calls.append(1)
        value = next_token_loss(logits, targets)
        return value * math.nan if len(calls) == step_of_nan + 1 else value

    return loss


def test_a_nan_loss_stops_before_the_update_and_the_last_checkpoint_stays(tmp_path):
    path, model, records, after = tmp_path / "run.pt", make(), [], []
    config = recipe(6, checkpoint_path=path, checkpoint_interval=1)
    with pytest.raises(NonFiniteLossError, match=r"nan at step 3.*lower peak lr") as error:
        for record in train(model, TOKENS, config, loss_fn=poisoned(3)):
            records.append(record)
            after = weights(model)
    assert len(records) == 3 and "resume_from" in str(error.value)
    assert same(weights(model), after)
    other = make(seed=8)
    assert load_checkpoint(path, model=other) == 3
    assert same(weights(other), after)


def test_a_gradient_that_is_not_finite_stops_before_the_update():
    model = make()
    run = train(model, TOKENS, recipe())
    next(run), next(run)
    before = weights(model)
    model.blocks[0].mlp.expansion.weight.register_hook(lambda grad: grad * math.inf)
    with pytest.raises(NonFiniteGradientError, match="blocks.0.mlp.expansion.weight"):
        next(run)
    assert same(weights(model), before)


def test_parameters_that_are_not_finite_never_replace_a_good_checkpoint(tmp_path):
    path, model = tmp_path / "run.pt", make()

    def short_windows(tokens, batch_size, context_length, **options):
        return get_batch(tokens, batch_size, 3, **options)

    config = recipe(6, checkpoint_path=path, checkpoint_interval=1)
    run = train(model, TOKENS, config, batch_fn=short_windows)
    next(run), next(run)
    with torch.no_grad():
        model.position_embedding.weight[5] = math.inf  # no window is that long: the loss stays finite
    with pytest.raises(NonFiniteLossError, match=r"position_embedding.*update of step 2.*not written"):
        next(run)
    assert load_checkpoint(path, model=make()) == 2

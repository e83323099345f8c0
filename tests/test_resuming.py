"""Runs that stop and go on: checkpoints of train, resuming to the bit, kills at any moment, refusals."""

import multiprocessing
import random
import signal
import time

import pytest
import torch

from course_lib import GPT, CheckpointError, GPTConfig, TrainConfig, WarmupCosine, load_checkpoint, train

TOKENS = torch.randint(9, (400,), generator=torch.Generator().manual_seed(0))
STEPS = 40


def make(seed=0, dropout=0.2) -> GPT:
    torch.manual_seed(seed)
    return GPT(GPTConfig(9, 6, n_layer=1, n_head=2, d_model=8, dropout=dropout))


def recipe(max_steps=STEPS, **changes) -> TrainConfig:
    schedule = WarmupCosine(1e-2, 1e-3, 2, STEPS)
    return TrainConfig(**{"max_steps": max_steps, "batch_size": 4, "schedule": schedule} | changes)


def same(a: GPT, b: GPT) -> bool:
    return all(map(torch.equal, a.state_dict().values(), b.state_dict().values()))


@pytest.fixture(scope="module")
def uninterrupted():
    model = make()
    return model, list(train(model, TOKENS, recipe()))


def test_resuming_equals_the_uninterrupted_run_to_the_bit(uninterrupted, tmp_path):
    whole, records = uninterrupted
    path = tmp_path / "run.pt"
    first = list(train(make(), TOKENS, recipe(17, checkpoint_path=path)))
    resumed = make(seed=99)  # other weights and another global state: both have to be restored
    second = list(train(resumed, TOKENS, recipe(), resume_from=path))
    assert first + second == records
    assert same(resumed, whole)


def run_to_the_end(path: str, started) -> None:
    """In a process of its own: train with a checkpoint after every update, from the last one if any."""
    torch.set_num_threads(1)
    config = recipe(checkpoint_path=path, checkpoint_interval=1)
    resume_from = path if load_step(path) else None
    for _ in train(make(), TOKENS, config, resume_from=resume_from):
        started.set()


def load_step(path) -> int:
    try:
        return load_checkpoint(path, model=make())
    except FileNotFoundError:
        return 0


def test_killed_at_random_moments_and_resumed_equals_the_uninterrupted_run(uninterrupted, tmp_path):
    """SIGKILL four times, each some milliseconds into the run; what is on disk always loads."""
    whole, records = uninterrupted
    path, moments = tmp_path / "run.pt", random.Random(0)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["course_lib", "pytest"])
    steps, kills = [], 0
    for _ in range(4):
        started = context.Event()
        process = context.Process(target=run_to_the_end, args=(str(path), started))
        process.start()
        assert started.wait(100)
        time.sleep(moments.random() * 0.05)
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
        steps.append(load_step(path))  # loads at every moment
    assert kills >= 1 and steps == sorted(steps) and 0 < steps[0] < STEPS
    resumed = make(seed=99)
    rest = list(train(resumed, TOKENS, recipe(), resume_from=path))
    assert rest == records[steps[-1] :]
    assert same(resumed, whole)


def test_a_resumed_run_follows_its_own_config(uninterrupted, tmp_path):
    """The moments come from the file; the settings of the optimizer do not."""
    whole, _ = uninterrupted
    path = tmp_path / "run.pt"
    list(train(make(), TOKENS, recipe(17, checkpoint_path=path)))
    state = torch.load(path, weights_only=True)
    state["optimizer"]["param_groups"][0]["maximize"] = True  # a stranger's file: uphill
    torch.save(state, tmp_path / "uphill.pt")
    model = make()
    list(train(model, TOKENS, recipe(), resume_from=tmp_path / "uphill.pt"))
    assert same(model, whole)
    for changed in ({"weight_decay": 0.5}, {"betas": (0.5, 0.99)}):
        model = make()
        list(train(model, TOKENS, recipe(**changed), resume_from=path))
        assert not same(model, whole), changed


def test_when_checkpoints_are_written(tmp_path):
    path, seen = tmp_path / "run.pt", []
    for _ in train(make(), TOKENS, recipe(7, checkpoint_path=path, checkpoint_interval=3)):
        seen.append(load_step(path))
    assert seen == [0, 0, 3, 3, 3, 6, 7]
    assert [f.name for f in tmp_path.iterdir()] == ["run.pt"]


def test_without_an_interval_the_end_alone_is_written(tmp_path):
    path, seen = tmp_path / "run.pt", []
    for _ in train(make(), TOKENS, recipe(3, checkpoint_path=path)):
        seen.append(load_step(path))
    assert seen == [0, 0, 3]


def test_stopping_early_keeps_the_last_checkpoint(tmp_path):
    path = tmp_path / "run.pt"
    run = train(make(), TOKENS, recipe(checkpoint_path=path, checkpoint_interval=2))
    for _ in range(5):
        next(run)
    run.close()
    assert load_step(path) == 4


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    path = tmp_path / "run.pt"
    list(train(make(), TOKENS, recipe(3, checkpoint_path=path)))
    assert list(train(make(), TOKENS, recipe(3), resume_from=path)) == []


def untouched_after(error: type[Exception], match: str, **options) -> None:
    """The call itself raises, before a first record is asked for, and changes neither model nor streams."""
    model, expected = make(), make()
    state = torch.get_rng_state()
    with pytest.raises(error, match=match):
        train(model, options.pop("tokens", TOKENS), options.pop("config", recipe()), **options)
    assert same(model, expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_unusable_arguments_are_refused_at_the_call(tmp_path):
    untouched_after(TypeError, "CharTokenizer", tokens="text")
    untouched_after(TypeError, "float", tokens=torch.rand(400))
    untouched_after(ValueError, "at least 7", tokens=TOKENS[:6])
    evaluates = recipe(eval_interval=2)
    untouched_after(ValueError, "val_tokens is None", config=evaluates)
    untouched_after(ValueError, "eval_interval is None", val_tokens=TOKENS)
    untouched_after(TypeError, "CharTokenizer", config=evaluates, val_tokens="text")
    untouched_after(ValueError, "1 ids", config=evaluates, val_tokens=TOKENS[:1])
    untouched_after(FileNotFoundError, "absent.pt", resume_from=tmp_path / "absent.pt")
    (tmp_path / "bad.pt").write_bytes(b"no checkpoint")
    untouched_after(CheckpointError, "bad.pt", resume_from=tmp_path / "bad.pt")


def test_a_checkpoint_from_past_the_end_is_refused_at_the_call(tmp_path):
    path = tmp_path / "run.pt"
    list(train(make(seed=3), TOKENS, recipe(9, checkpoint_path=path)))
    untouched_after(ValueError, "step 9, past max_steps = 5", config=recipe(5), resume_from=path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_steps": -1}, "max_steps"), ({"batch_size": 0}, "batch_size"),
        ({"accumulation_steps": 0}, "accumulation_steps"), ({"weight_decay": -0.1}, "weight_decay"),
        ({"max_norm": 0.0}, "max_norm"), ({"max_norm": float("nan")}, "max_norm"),
        ({"eval_interval": 0}, "eval_interval"), ({"checkpoint_interval": 5}, "checkpoint_path is None"),
        ({"checkpoint_path": "x", "checkpoint_interval": 0}, "checkpoint_interval"),
        ({"betas": (1.5, 0.9)}, "betas"), ({"betas": (0.9,)}, "betas"),
        ({"weight_decay": float("inf")}, "weight_decay"), ({"batch_size": 2.5}, "batch_size"),
        ({"eval_interval": 1.5}, "eval_interval"), ({"schedule": 1e-3}, "schedule"), ({"max_steps": None}, "max_steps"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        TrainConfig(**change)

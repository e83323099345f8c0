"""The museum's recipes, and the one mistake that each faulty one makes."""

import dataclasses
import json
import math

import pytest
import torch
from run_examples import NAME, example
from torch import nn

from course_lib import GPT, GPTConfig, TrainConfig, WarmupCosine, get_batch, train
from course_lib.museum import faults
from course_lib.museum.commands import state
from course_lib.museum.recipes import LESSON_SCHEDULE, RECIPES, SEEDS, Recipe
from course_lib.runs import write_run_file

# The order of the museum: the lesson, one thing changed at a time, other seeds and sizes, short runs.
NAMES = """
    lesson-64 lesson-128 no-warmup no-warmup-high-lr high-lr no-clipping bad-batch bad-batch-no-clipping
    last-position unshifted shifted-twice constant-lr linear stable-decay shuffled-windows default-init sgd dropout
    lesson-64-seed-2 lesson-64-seed-3 batch-8 batch-256 context-16 no-weight-decay
    short short-last-position short-warmup short-no-warmup short-warmup-high-lr short-no-warmup-high-lr
""".split()
TOKENS = torch.randint(9, (200,), generator=torch.Generator().manual_seed(0))
SETTINGS = {field.name for field in dataclasses.fields(Recipe)} - {"name", "change"}


def generator(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def starts(n_starts: int, batch_size: int) -> list[int]:
    return torch.randint(n_starts, (batch_size,), generator=generator()).tolist()


def make(seed: int = 0) -> GPT:
    torch.manual_seed(seed)
    return GPT(GPTConfig(9, 6, n_layer=2, n_head=2, d_model=8))


def test_names_and_order() -> None:
    assert list(RECIPES) == NAMES
    assert all(name == recipe.name and recipe.change for name, recipe in RECIPES.items())


def test_the_lesson_is_the_default_recipe_of_the_library() -> None:
    lesson = RECIPES["lesson-64"]
    assert lesson.config() == TrainConfig()
    assert (lesson.d_model, lesson.n_layer, lesson.context_length, lesson.dropout) == (64, 4, 64, 0.0)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(("short", "batch-", "lesson-64"))])
def test_a_recipe_changes_one_thing(name: str) -> None:
    lesson, other = RECIPES["lesson-64"].describe(), RECIPES[name].describe()
    changed = {setting for setting in SETTINGS if lesson[setting] != other[setting]}
    assert len(changed) == (2 if name == "bad-batch-no-clipping" else 1)


def test_seeds_are_those_fixed_in_advance() -> None:
    assert {recipe.seed for recipe in RECIPES.values()} == set(SEEDS) == {1337, 2024, 31415}


def test_batch_sizes_are_compared_at_equal_tokens() -> None:
    seen = {RECIPES[name].batch_size * RECIPES[name].max_steps for name in ("lesson-64", "batch-8", "batch-256")}
    assert seen == {64 * 5000}
    for name in ("batch-8", "batch-256"):  # the same schedule of tokens, too
        schedule, factor = RECIPES[name].schedule, RECIPES[name].batch_size / 64
        assert schedule.warmup_steps * factor == 100 and schedule.decay_steps * factor == 5000


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_as_plain_data_survives_json(name: str) -> None:
    described = RECIPES[name].describe()
    assert json.loads(json.dumps(described, allow_nan=False)) == described


def test_recipes_differ_in_their_descriptions() -> None:
    assert len({recipe.digest() for recipe in RECIPES.values()}) == len(NAMES)


OTHER_SETTINGS = {
    "name": "x", "change": "x", "d_model": 32, "n_layer": 3, "context_length": 8, "dropout": 0.1, "max_steps": 7,
    "batch_size": 2, "schedule": dataclasses.replace(LESSON_SCHEDULE, warmup_steps=101), "weight_decay": 0.2,
    "max_norm": math.inf, "seed": 1, "loss_fn": faults.last_position_loss, "optimizer_fn": faults.make_sgd,
    "batch_fn_at": lambda done: faults.StuckReader(2, 3, done), "shuffle_windows": True,
    "initialise": faults.default_initialisation,
}  # fmt: skip


@pytest.mark.parametrize("setting", [field.name for field in dataclasses.fields(Recipe)])
def test_any_changed_setting_changes_description_and_digest(setting: str) -> None:
    recipe = RECIPES["lesson-64"]
    changed = dataclasses.replace(recipe, **{setting: OTHER_SETTINGS[setting]})
    assert {key for key, value in changed.describe().items() if value != recipe.describe()[key]} == {setting}
    assert changed.digest() != recipe.digest()


def test_settings_inside_a_batch_function_count_and_its_place_in_the_run_does_not() -> None:
    def described(**changes: int) -> object:
        settings = {"at_step": 2, "symbol": 3} | changes
        recipe = Recipe("x", "x", batch_fn_at=lambda done: faults.StuckReader(**settings, done=done))
        return recipe.describe()["batch_fn_at"]

    assert described() == {"StuckReader": {"at_step": 2, "symbol": 3}}
    assert described() != described(at_step=4) != described(symbol=4)


def test_the_settings_reach_the_loop() -> None:
    config = RECIPES["lesson-64"].config(max_steps=7, checkpoint_path="x.pt")
    assert (config.max_steps, config.checkpoint_path, config.batch_size) == (7, "x.pt", 64)
    odd = dataclasses.replace(RECIPES["lesson-64"], batch_size=3, weight_decay=0.5, max_norm=2.0, seed=9).config()
    assert (odd.batch_size, odd.weight_decay, odd.max_norm, odd.seed) == (3, 0.5, 2.0, 9)


def test_a_recipe_changed_without_recording_again_is_reported(monkeypatch, tmp_path) -> None:
    write_run_file(example(), tmp_path)
    assert state(NAME, tmp_path) == "recorded"
    monkeypatch.setitem(RECIPES, NAME, dataclasses.replace(RECIPES[NAME], weight_decay=0.2))
    assert state(NAME, tmp_path) == "out of date"


def test_last_position_alone() -> None:
    logits, targets = torch.randn(3, 4, 5, generator=generator()), torch.tensor([[0, 1, 2, 3]] * 2 + [[3, 2, 1, 0]])
    by_hand = [-math.log(logits[row, 3].softmax(0)[targets[row, 3]]) for row in range(3)]
    assert faults.last_position_loss(logits, targets).item() == pytest.approx(sum(by_hand) / 3, rel=1e-6)


def test_targets_that_are_not_shifted() -> None:
    x, y = faults.unshifted_batch(TOKENS, 4, 6, generator=generator(), device="cpu")
    expected = torch.stack([TOKENS[i : i + 6] for i in starts(200 - 6, 4)])
    assert torch.equal(x, expected) and torch.equal(y, expected)


def test_targets_shifted_twice() -> None:
    x, y = faults.twice_shifted_batch(TOKENS, 4, 6, generator=generator(), device="cpu")
    at = starts(200 - 7, 4)  # a window and two more tokens
    assert torch.equal(x, torch.stack([TOKENS[i : i + 6] for i in at]))
    assert torch.equal(y, torch.stack([TOKENS[i + 2 : i + 8] for i in at]))
    assert x.is_contiguous() and y.is_contiguous()


def batches(reader: faults.StuckReader, n: int, drawn: torch.Generator) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [reader(TOKENS, 2, 6, generator=drawn, device="cpu") for _ in range(n)]


@pytest.mark.parametrize("done", [0, 2, 3])
def test_a_reader_is_stuck_at_one_step_also_after_a_resume(done: int) -> None:
    drawn, plain = generator(), generator()
    for _ in range(done):  # a checkpoint restores the generator of the batches
        get_batch(TOKENS, 2, 6, generator=drawn), get_batch(TOKENS, 2, 6, generator=plain)
    for step, (x, y) in enumerate(batches(faults.StuckReader(3, 7, done), 6 - done, drawn), start=done):
        right_x, right_y = get_batch(TOKENS, 2, 6, generator=plain)
        if step == 3:
            right_x, right_y = torch.full_like(right_x, 7), torch.full_like(right_y, 7)
        assert torch.equal(x, right_x) and torch.equal(y, right_y)


def test_the_stuck_symbol_is_rare(corpus) -> None:
    reader = RECIPES["bad-batch"].batch_fn_at(0)
    assert sorted(set(corpus.text))[reader.symbol] == "$"
    assert corpus.is_stand_in or corpus.text.count("$") == 1


def test_windows_from_given_starts() -> None:
    given = torch.tensor([3, 50, 90])
    x, y = faults.WindowsFrom(TOKENS, given)(None, 5, 6, generator=generator(), device=torch.device("cpu"))
    at = [given[i].item() for i in starts(3, 5)]
    assert torch.equal(x, torch.stack([TOKENS[i : i + 6] for i in at]))
    assert torch.equal(y, torch.stack([TOKENS[i + 1 : i + 7] for i in at]))


def test_default_initialisation() -> None:
    torch.manual_seed(0)
    model = GPT(GPTConfig(200, 50, n_layer=2, n_head=2, d_model=64))
    norms = [p for name, p in model.named_parameters() if "norm" in name]
    faults.default_initialisation(model)
    assert model.head.weight is model.token_embedding.weight
    for weight in (model.token_embedding.weight, model.position_embedding.weight):
        n = weight.numel()  # five standard errors of N(0, 1)
        assert abs(weight.mean().item()) < 5 / math.sqrt(n) and abs(weight.std().item() - 1) < 5 / math.sqrt(2 * n)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and name != "head":
            bound = 1 / math.sqrt(module.in_features)  # PyTorch's default is uniform within it
            assert 0.95 * bound < module.weight.abs().max().item() <= bound
    assert all(torch.equal(p, torch.ones_like(p)) for p in norms)


def test_plain_sgd() -> None:
    config = TrainConfig(max_steps=3, batch_size=4, schedule=lambda step: 0.5, max_norm=math.inf, weight_decay=0.1)
    model, twin = make(), make()
    list(train(model, TOKENS, config, optimizer_fn=faults.make_sgd))
    offsets = generator(config.seed)
    for _ in range(3):  # more than one, where momentum would show
        x, y = get_batch(TOKENS, 4, 6, generator=offsets)
        gradients = torch.autograd.grad(nn.functional.cross_entropy(twin(x).view(-1, 9), y.view(-1)), twin.parameters())
        with torch.no_grad():
            for parameter, gradient in zip(twin.parameters(), gradients):
                parameter -= 0.5 * gradient
    for moved, parameter in zip(model.parameters(), twin.parameters()):
        assert torch.allclose(moved, parameter, atol=1e-6)


def test_schedules_by_hand() -> None:
    lr = {name: recipe.schedule for name, recipe in RECIPES.items()}
    assert lr["no-warmup"](0) == 1e-3 and lr["no-warmup-high-lr"](0) == 1e-2 and lr["high-lr"](0) == 0
    assert lr["high-lr"](100) == 1e-2 and lr["high-lr"](5000) == pytest.approx(1e-4)
    assert [lr["constant-lr"](step) for step in (50, 100, 2500, 4999)] == pytest.approx([5e-4, 1e-3, 1e-3, 1e-3])
    assert lr["linear"](2550) == pytest.approx(5.5e-4)
    assert [lr["stable-decay"](step) for step in (4000, 4500, 5000)] == pytest.approx([1e-3, 5.5e-4, 1e-4])
    assert lr["short"] == WarmupCosine(1e-3, 1e-4, 100, 1500)

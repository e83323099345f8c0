"""The recorder, with tiny models on a short text: what it measures, and that a killed recording loses nothing."""

import ast
import dataclasses
import json
import math
import multiprocessing
import random
import re
import shutil
import signal
import time
from itertools import count, islice
from pathlib import Path

import pytest
import torch

from course_lib import (
    GPT,
    CharTokenizer,
    Corpus,
    GPTConfig,
    StepRecord,
    WarmupCosine,
    evaluate,
    generate,
    next_token_loss,
    split,
    train,
)
from course_lib import corpus_figures, standin
from course_lib.corpus_figures import StandInError
from course_lib.museum import faults, partial, recorder
from course_lib.museum.partial import Partial
from course_lib.museum.recipes import Recipe
from course_lib.museum.recorder import Recorder, evaluation_steps, moment_steps, record, update_to_weight
from course_lib.runs import Run, load_run, read_run_file

T, STEPS, CHARACTERS = 8, 24, 20
TINY = Recipe(
    "tiny", "everything is small", d_model=16, n_layer=2, context_length=T, max_steps=STEPS, batch_size=4,
    schedule=WarmupCosine(1e-2, 1e-3, 2, STEPS), max_norm=0.8, dropout=0.2,
)  # fmt: skip
TEXT = standin.make_stand_in()[:6_000]


def short_text() -> Corpus:
    return Corpus(TEXT, "a short text", "0" * 64, is_stand_in=False)


def make_all_short(patch: pytest.MonkeyPatch) -> None:
    """Record on a short text, and sample few characters, which takes longest."""
    patch.setattr(recorder, "load_real_corpus", short_text)
    patch.setattr(recorder, "SAMPLE_CHARACTERS", CHARACTERS)


@pytest.fixture(autouse=True)
def short(monkeypatch) -> None:
    make_all_short(monkeypatch)


def halves() -> tuple[torch.Tensor, torch.Tensor]:
    return split(CharTokenizer.from_text(TEXT).encode(TEXT))


def fresh_model(dropout: float = TINY.dropout) -> GPT:
    torch.manual_seed(TINY.seed)
    return GPT(GPTConfig(len(set(TEXT)), T, n_layer=2, n_head=4, d_model=16, dropout=dropout))


def recorded(recipe: Recipe, folder: Path) -> Run:
    list(record(recipe, folder, folder / "partial"))
    return load_run(recipe.name, folder)


def without_time(path: Path) -> dict:
    content = read_run_file(path)
    del content["sha256"], content["provenance"]["wall_seconds"]
    return content


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> tuple[Run, Path]:
    """A recorded run of TINY and its file."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        make_all_short(patch)
        return recorded(TINY, folder), folder / "tiny.json.gz"


def test_steps_of_the_lesson() -> None:
    assert moment_steps(5000) == [0, 10, 30, 100, 250, 500, 1000, 1500, 2000, 3000, 4000, 5000]
    assert evaluation_steps(5000) == sorted({0, 10, 30, 100, *range(0, 5001, 250)})
    assert evaluation_steps(3) == moment_steps(3) == [0, 1, 2, 3]


def test_where_it_was_made(tiny) -> None:
    run, path = tiny
    assert run.provenance["parameters"] == fresh_model().count_parameters()
    assert run.provenance["corpus"] == {"name": "a short text", "sha256": "0" * 64}
    assert run.provenance["device"] == "CPU, 1 thread" and run.provenance["versions"]["torch"] == torch.__version__
    assert run.provenance["wall_seconds"] > 0 and run.stopped is None
    assert [file.name for file in path.parent.iterdir()] == ["tiny.json.gz"]  # the partial state is gone


def digits(value: float) -> float:
    return float(f"{value:.6g}")


def test_measuring_does_not_disturb_the_training(tiny) -> None:
    """With dropout, which draws from the global generator: the records are those of a plain run of train."""
    run, _ = tiny
    plain = list(train(fresh_model(), halves()[0], TINY.config()))
    assert run.loss.tolist() == [digits(r.loss) for r in plain]
    assert run.lr.tolist() == [digits(r.lr) for r in plain]
    assert run.grad_norm.tolist() == [digits(r.grad_norm) for r in plain]
    assert run.clipped.tolist() == [r.clipped for r in plain] and 0 < run.clipped.mean() < 1


def model_at(step: int) -> GPT:
    model = fresh_model()
    list(train(model, halves()[0], TINY.config(max_steps=step)))
    return model


@pytest.mark.parametrize("step", [0, 10, STEPS])
def test_losses_are_those_of_evaluate(tiny, step: int) -> None:
    run, _ = tiny
    model, losses = model_at(step), run.at(step)
    evaluation = evaluate(model, halves()[1])
    assert losses.val == digits(evaluation.loss)
    assert losses.val_by_position.tolist() == [digits(loss) for loss in evaluation.loss_by_position.tolist()]
    # The training half is shorter than the sample would be: every whole window of it counts.
    assert losses.train == pytest.approx(evaluate(model, halves()[0][: 5399 // T * T + 1]).loss, rel=1e-5)


def test_the_train_sample_is_spread_evenly_over_disjoint_windows() -> None:
    starts = recorder._spread(n_tokens=1_003_854, T=64, n_predictions=recorder.TRAIN_SAMPLE_TOKENS)
    gaps = starts.diff()
    assert len(starts) == 57_344 // 64 and starts[0] == 0 and (starts % 64 == 0).all()
    assert gaps.max() - gaps.min() <= 64 < gaps.min() and starts[-1] + 2 * gaps.max() > 1_003_854 - 64
    assert recorder._spread(n_tokens=25, T=8, n_predictions=10_000).tolist() == [0, 8, 16]


def test_samples_come_from_one_prompt_and_seed(tiny) -> None:
    run, _ = tiny
    tokenizer = CharTokenizer.from_text(TEXT)
    for step in (0, STEPS):
        generator = torch.Generator().manual_seed(1337)
        ids = generate(model_at(step), tokenizer.encode("\n"), CHARACTERS, generator=generator)
        assert run.samples[run.moment_steps.tolist().index(step)] == tokenizer.decode(ids[1:])
    assert {len(text) for text in run.samples} == {CHARACTERS}


@pytest.mark.parametrize("step", [10, STEPS])
def test_update_to_weight_by_hand(tiny, step: int) -> None:
    """Of the last update alone: step 10 is the second one since the losses were measured before."""
    run, _ = tiny
    assert run.evaluation_steps[run.evaluation_steps < 10].max() == 8
    before, after = model_at(step - 1), model_at(step)
    mlp = [(a, b) for (name, a), b in zip(before.named_parameters(), after.parameters()) if ".mlp." in name]
    change = math.sqrt(sum((a - b).pow(2).sum().item() for a, b in mlp))
    weight = math.sqrt(sum(a.pow(2).sum().item() for a, _ in mlp))
    at = run.moment_steps.tolist().index(step)
    assert run.update_to_weight["mlp"][at] == pytest.approx(change / weight, rel=1e-4)


def test_ratios_by_kind_of_layer(tiny) -> None:
    ratios = tiny[0].update_to_weight
    assert set(ratios) == {"token_embedding", "position_embedding", "attention", "mlp", "norm"}
    assert tiny[0].moment_steps[:3].tolist() == [0, 1, 2]
    for of_kind in ratios.values():  # none before the first update, whose learning rate is 0
        assert math.isnan(of_kind[0]) and of_kind[1] == 0 and (of_kind[2:] > 0).all()


def test_a_kind_of_layer_counts_its_own_parameters() -> None:
    model = fresh_model()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    with torch.no_grad():
        for block in model.blocks:
            block.attention_norm.weight.mul_(1.5)
            block.attention.qkv.weight.mul_(3.0)
            block.attention.projection.weight.mul_(3.0)
    ratios = update_to_weight(model, before)
    assert ratios["attention"] == pytest.approx(2.0) and ratios["mlp"] == ratios["token_embedding"] == 0.0
    assert ratios["norm"] == pytest.approx(0.5 * math.sqrt(2 / 5))  # two of five vectors of equal length


def test_dropout_left_on_is_measured_and_disturbs_nothing(tiny) -> None:
    run, _ = tiny
    off = run.val_loss
    assert len(run.val_loss_dropout_on) == len(off) and (run.val_loss_dropout_on[-3:] > off[-3:]).all()
    kept, state = Recorder(TINY), torch.get_rng_state()
    kept.model.eval()
    assert kept.measure() == kept.measure()
    assert torch.equal(torch.get_rng_state(), state)
    without = Recorder(dataclasses.replace(TINY, dropout=0.0)).measure()
    assert "val_loss_dropout_on" not in without


def test_recorded_twice_it_is_equal(tiny, tmp_path) -> None:
    _, path = tiny
    recorded(TINY, tmp_path)
    assert without_time(tmp_path / "tiny.json.gz") == without_time(path)


def test_a_recording_of_another_machine_is_not_continued(tmp_path) -> None:
    run = record(TINY, tmp_path, tmp_path / "partial")
    for _ in range(10):
        next(run)
    run.close()
    log = tmp_path / "partial" / "log.json"
    log.write_text(log.read_text().replace("CPU, 1 thread", "CPU, 7 threads"))
    assert next(record(TINY, tmp_path, tmp_path / "partial")).step == 0


def test_a_recording_of_other_sources_is_not_continued(tmp_path, monkeypatch) -> None:
    library = tmp_path / "library"
    for name in partial.SOURCES:
        copy = library / f"{name}.py"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((partial.LIBRARY / f"{name}.py").read_text())

    def five_updates() -> list[int]:
        return [step_record.step for step_record in islice(record(TINY, tmp_path, tmp_path / "partial"), 5)]

    assert five_updates() == [0, 1, 2, 3, 4]
    assert five_updates() == [4, 5, 6, 7, 8], "the same code goes on from the last measured step"
    monkeypatch.setattr(partial, "LIBRARY", library)
    assert five_updates() == [8, 9, 10, 11, 12], "it may lie elsewhere"
    with open(library / "loss.py", "a") as file:
        file.write("# other\n")
    assert five_updates() == [0, 1, 2, 3, 4]
    log = tmp_path / "partial" / "log.json"
    state = json.loads(log.read_text())
    del state["sources"]
    log.write_text(json.dumps(state))
    assert five_updates() == [0, 1, 2, 3, 4], "an older log does not name its sources"


def library_imports(module: str) -> set[str]:
    """The modules of course_lib that one of them imports at its top, as `museum/faults`."""
    tree = ast.parse((partial.LIBRARY / f"{module}.py").read_text())
    found = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "course_lib":
            parts = node.module.split(".")[1:]
            found |= {"/".join([*parts, alias.name]) for alias in node.names} | {"/".join(parts)}
    return {name for name in found if (partial.LIBRARY / f"{name}.py").is_file()}


def test_every_module_that_decides_the_numbers_is_among_the_sources() -> None:
    reached, new = set(), {"museum/recorder"}
    while new:
        reached |= new
        new = set().union(*map(library_imports, new)) - reached
    # What writes files, names the device, keeps the corpus whole, or counts on it decides no number of a run.
    others = {"files", "environment", "standin", "corpus_figures", "landmarks", "runs", "run_checks"}
    assert reached - others == set(partial.SOURCES) and others < reached


def record_in_a_process(folder: Path, four_more) -> None:
    torch.set_num_threads(1)
    make_all_short(pytest.MonkeyPatch())
    for number, _ in enumerate(record(TINY, folder, folder / "partial"), start=1):
        if number == 4:
            four_more.set()


def test_killed_at_random_moments_and_resumed_it_is_equal(tiny, tmp_path) -> None:
    _, path = tiny
    context, moments, done = multiprocessing.get_context("forkserver"), random.Random(0), []
    context.set_forkserver_preload(["course_lib", "pytest", "torch._dynamo"])
    for _ in range(3):
        four_more = context.Event()
        process = context.Process(target=record_in_a_process, args=(tmp_path, four_more))
        process.start()
        assert four_more.wait(100)
        time.sleep(moments.random() * 0.1)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        done.append(Partial(tmp_path / "partial", Recorder(TINY).provenance()).done)
    assert done == sorted(done) and 0 < done[0] < done[-1] < STEPS
    rest = list(record(TINY, tmp_path, tmp_path / "partial"))
    assert [step_record.step for step_record in rest] == list(range(done[-1], STEPS))
    assert without_time(tmp_path / "tiny.json.gz") == without_time(path)


@pytest.mark.parametrize("damage", ["an empty log", "half a log", "another log", "no checkpoint", "half a checkpoint"])
def test_what_is_left_of_a_recording_is_damaged(damage: str, tmp_path) -> None:
    left = tmp_path / "left"
    list(islice(record(TINY, tmp_path, left), STEPS - 1))
    log = left / "log.json"
    checkpoint = left / f"checkpoint-{len(json.loads(log.read_text())['steps']['loss'])}.pt"
    if "log" in damage:
        log.write_text({"an empty log": "", "half a log": log.read_text()[:200], "another log": "[]"}[damage])
    elif damage == "no checkpoint":
        checkpoint.unlink()
    else:
        checkpoint.write_bytes(checkpoint.read_bytes()[:2000])
    with pytest.raises(ValueError, match=re.escape(f"elete the folder {left}")):
        next(record(TINY, tmp_path, left))
    shutil.rmtree(left)
    assert len(recorded(TINY, tmp_path).loss) == STEPS


def test_shuffled_windows_are_those_of_the_recorded_run() -> None:
    starts = Recorder(dataclasses.replace(TINY, shuffle_windows=True)).shuffled[0].starts
    expected = torch.randperm(len(TEXT) - T, generator=torch.Generator().manual_seed(0))
    assert torch.equal(starts, expected[: len(starts)])


class Poisoned:
    """The library's loss, but NaN at one step."""

    __name__ = "poisoned"

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        self.left -= 1
        return next_token_loss(logits, targets) * (math.nan if self.left < 0 else 1.0)


def test_a_stop_on_a_loss_that_is_not_finite(tmp_path) -> None:
    run = recorded(dataclasses.replace(TINY, loss_fn=Poisoned(at=11)), tmp_path)
    assert run.stopped["step"] == 11 == len(run.loss)
    assert "nan at step 11" in run.stopped["reason"]
    assert run.evaluation_steps.max() <= 11


def test_a_measured_loss_that_is_not_finite_ends_the_run(tmp_path, monkeypatch) -> None:
    measure = Recorder.measure
    late = iter([False] * 4 + [True] * 9)
    monkeypatch.setattr(Recorder, "measure", lambda self: measure(self) | ({"val_loss": math.inf} if next(late) else {}))
    run = recorded(TINY, tmp_path)
    at = evaluation_steps(STEPS)[4]
    assert run.stopped == {"step": at, "reason": f"A loss measured at step {at:,} is not finite."}
    assert len(run.loss) == at and run.evaluation_steps.max() < at


def test_the_stand_in_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.undo()
    generated = Corpus(TEXT, "tiny-shakespeare stand-in", "0", is_stand_in=True)
    monkeypatch.setattr(corpus_figures, "load_corpus", lambda: generated)
    with pytest.raises(StandInError, match="COURSE_CORPUS"):
        next(record(TINY, tmp_path, tmp_path / "partial"))
    assert list(tmp_path.iterdir()) == []


def test_windows_are_shuffled_before_the_split() -> None:
    kept = Recorder(dataclasses.replace(TINY, shuffle_windows=True))
    windows, held_out = kept.shuffled
    train_tokens, val_tokens = halves()
    n_starts = len(TEXT) - T
    assert len(windows.starts) == int(0.9 * n_starts) and len(held_out) == len(val_tokens) // T
    assert set(windows.starts.tolist()) & set(held_out.tolist()) == set()
    assert windows.starts.max() >= len(train_tokens)  # it trains on what the honest split keeps back
    rows = kept.tokenizer.encode(TEXT)[held_out[:, None] + torch.arange(T + 1)]
    with torch.no_grad():
        expected = next_token_loss(kept.model.eval()(rows[:, :-1]), rows[:, 1:]).item()
    assert kept.measure()["val_loss"] == pytest.approx(expected, rel=1e-6)


def test_a_fault_reaches_the_run(tmp_path) -> None:
    numbers = count()

    def first_three(**changes: object) -> list[StepRecord]:
        recipe = dataclasses.replace(TINY, dropout=0.0, **changes)
        return list(islice(record(recipe, tmp_path, tmp_path / str(next(numbers))), 3))

    honest = first_three()
    for change in (
        {"loss_fn": faults.last_position_loss}, {"batch_fn_at": lambda done: faults.unshifted_batch},
        {"optimizer_fn": faults.make_sgd}, {"initialise": faults.default_initialisation}, {"shuffle_windows": True},
        {"batch_fn_at": lambda done: faults.StuckReader(1, 3, done)}, {"seed": 2024}, {"batch_size": 3},
    ):  # fmt: skip
        assert first_three(**change) != honest, change
    assert first_three() == honest

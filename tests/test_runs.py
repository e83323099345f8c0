"""Run files: what goes in comes out, and a file that cannot be trusted is refused with the remedy."""

import dataclasses
import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from run_examples import NAME, example

from course_lib.museum.recipes import RECIPES, Recipe
from course_lib.run_checks import RECIPE_FIELDS, find_problem
from course_lib.runs import FOLDER, RunFileError, digest, load_run, read_run_file, run_names, write_run_file

Change = Callable[[dict], object]
NAN = math.nan


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_run_file(example(), tmp_path)


def rewrite(path: Path, change: Change, *, honest_hash: bool = True) -> None:
    """Change what a run file holds, with a hash that fits again or with the old one."""
    content = json.loads(gzip.decompress(path.read_bytes()))
    change(content)
    if honest_hash:
        content["sha256"] = digest(content)
    path.write_bytes(gzip.compress(json.dumps(content).encode()))


def test_what_goes_in_comes_out(path: Path) -> None:
    content, run = example(), load_run(NAME, path.parent)
    assert read_run_file(path) == content | {"sha256": digest(content)}
    assert (run.name, run.recipe, run.provenance, run.stopped) == (
        NAME, RECIPES[NAME].describe(), content["provenance"], None
    )  # fmt: skip
    for field in ("loss", "lr", "grad_norm", "clipped"):
        assert getattr(run, field).tolist() == content["steps"][field]
    assert (run.loss.dtype, run.clipped.dtype, run.evaluation_steps.dtype) == (np.float64, bool, np.int64)
    assert run.evaluation_steps.tolist() == run.moment_steps.tolist() == [0, 200, 400]
    for field in ("train_loss", "val_loss", "val_loss_by_position"):
        assert getattr(run, field).tolist() == content["evaluations"][field]
    assert run.val_loss_by_position.shape == (3, 32)
    assert run.samples == ("a\n", "b", "c")
    assert run.val_loss_dropout_on is None


def test_ratios_are_nan_before_the_first_update(path: Path) -> None:
    ratios = load_run(NAME, path.parent).update_to_weight
    assert set(ratios) == {"mlp", "norm"}
    assert np.isnan(ratios["mlp"][0]) and ratios["mlp"][1:].tolist() == [0.01, 0.001]


def test_the_loss_with_dropout_on(tmp_path: Path) -> None:
    content = example()
    content["evaluations"]["val_loss_dropout_on"] = [4.5, 3.5, 2.75]
    write_run_file(content, tmp_path)
    assert load_run(NAME, tmp_path).val_loss_dropout_on.tolist() == [4.5, 3.5, 2.75]


def test_a_run_that_stopped_early(tmp_path: Path) -> None:
    write_run_file(example(stopped_at=7), tmp_path)
    run = load_run(NAME, tmp_path)
    assert len(run.loss) == run.stopped["step"] == 7 and run.stopped["reason"] == "The loss is nan."


def test_losses_at_a_step(path: Path) -> None:
    run = load_run(NAME, path.parent)
    losses = run.at(200)
    assert (losses.step, losses.train, losses.val, losses.gap) == (200, 3.0, 3.25, 0.25)
    assert losses.val_by_position[31] == 3.0 + 31
    assert run.at(-1).step == 400 and run.at(-1).val == 2.5
    with pytest.raises(ValueError, match=f"{NAME} was not measured at step 310; the nearest is 400"):
        run.at(310)


def test_a_run_cannot_be_written_to(path: Path) -> None:
    run = load_run(NAME, path.parent)
    arrays = [value for value in vars(run).values() if isinstance(value, np.ndarray)] + [*run.update_to_weight.values()]
    assert len(arrays) == 11
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        run.loss = None


def test_the_same_content_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    turned = dict(reversed(example().items()))
    assert write_run_file(turned, tmp_path / "again").read_bytes() == path.read_bytes()


def test_names_are_listed_and_others_are_refused(path: Path) -> None:
    (path.parent / "corpus.json").write_text("{}")
    write_run_file(example(RECIPES["short-no-warmup"]), path.parent)
    assert run_names(path.parent) == ["short-no-warmup", NAME]
    with pytest.raises(FileNotFoundError, match=f"no recorded run 'nix'. Recorded: short-no-warmup, {NAME}."):
        load_run("nix", path.parent)
    with pytest.raises(FileNotFoundError, match="Recorded: none."):
        load_run("nix", path.parent / "nowhere")


def test_a_replaced_file_is_read_again(path: Path) -> None:
    first = load_run(NAME, path.parent)
    assert load_run(NAME, path.parent) is first
    content = example()
    content["evaluations"]["val_loss"][-1] = 9.0
    write_run_file(content, path.parent)
    assert load_run(NAME, path.parent).at(-1).val == 9.0


def refused(path: Path, problem: str) -> None:
    with pytest.raises(RunFileError, match=problem) as error:
        load_run(path.name.removesuffix(".json.gz"), path.parent)
    assert str(path) in str(error.value)
    assert f"record it again: course record {path.name.removesuffix('.json.gz')}" in str(error.value)


@pytest.mark.parametrize("keep", [0, 1, 9, 100, -9, -1])
def test_a_truncated_file(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    refused(path, "cannot be read")


def test_a_file_with_one_other_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for position in range(12, len(data), 97):
        data[position] ^= 4
        path.write_bytes(data)
        refused(path, "cannot be read|own hash|schema")
        data[position] ^= 4


@pytest.mark.parametrize("text", [b"", b"no JSON", b"\xff\xfe", b"[1, 2]", b"null", b'{"schema": 1}'])
def test_a_file_that_holds_something_else(path: Path, text: bytes) -> None:
    path.write_bytes(gzip.compress(text))
    refused(path, "cannot be read|schema|own hash")


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_another_schema(path: Path, schema: object) -> None:
    rewrite(path, lambda content: content.update(schema=schema))
    refused(path, f"its schema is {schema!r}, and this version of course_lib reads 1; update course_lib")


EDITS: dict[str, Change] = {
    "a loss": lambda content: content["evaluations"]["val_loss"].__setitem__(-1, 1.5),
    "the seed": lambda content: content["recipe"].update(seed=1),
    "the corpus": lambda content: content["provenance"]["corpus"].update(sha256="0" * 64),
    "a sample": lambda content: content["moments"]["sample"].__setitem__(0, "better"),
    "the hash": lambda content: content.update(sha256="0" * 64),
    "no hash": lambda content: content.pop("sha256"),
}


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS)
def test_a_file_edited_by_hand(path: Path, change: Change) -> None:
    rewrite(path, change, honest_hash=False)
    refused(path, "own hash")


def put(*way_and_value: object) -> Change:
    """The change that puts a value where the way through the content ends."""
    *way, last, value = way_and_value

    def change(content: dict) -> None:
        for key in way:
            content = content[key]
        content[last] = value

    return change


def empty(group: str) -> Change:
    """The change that takes every row out of a table."""

    def emptied(table: dict) -> dict:
        return {name: emptied(column) if isinstance(column, dict) else [] for name, column in table.items()}

    return lambda content: content.update({group: emptied(content[group])})


BROKEN: dict[str, tuple[Change, str]] = {
    "field missing": (lambda content: content.pop("stopped"), "its fields are"),
    "field too many": (lambda content: content.update(comment="x"), "its fields are"),
    "column missing": (lambda content: content["steps"].pop("lr"), "its steps have"),
    "column too many": (lambda content: content["moments"].update(mood=[1, 2, 3]), "its moments have"),
    "column short": (lambda content: content["evaluations"]["val_loss"].pop(), "evaluations have columns of different"),
    "ratio short": (lambda content: content["moments"]["update_to_weight"]["mlp"].pop(), "moments have columns of"),
    "step missing": (lambda content: [column.pop() for column in content["steps"].values()], "399 steps, not 400"),
    "position missing": (lambda content: content["evaluations"]["val_loss_by_position"][1].pop(), "not of 32 positions"),
    "stopped elsewhere": (lambda content: content.update(stopped={"step": 9, "reason": ""}), "400 steps, not 9"),
    "stopped after the end": (
        lambda content: content.update(stopped={"step": 400, "reason": ""}) or content["recipe"].update(max_steps=399),
        "stopped at step 400, after its recipe's last, 399",
    ),
    "stopped without a reason": (put("stopped", {"step": 400}), r"its stopped has \['step'\]"),
    "stopped is a word": (put("stopped", "early"), "its stopped is 'early', not a table"),
    "stopped for a number": (put("stopped", {"step": 400, "reason": 3}), "its stopped's reason is 3, which is no"),
    "a name that is none": (put("name", 7), "its name is 7"),
    # Settings
    "no recipe": (put("recipe", {}), r"its recipe has \[\], not"),
    "a recipe that is a list": (put("recipe", []), r"its recipe is \[\], not a table"),
    "an unknown setting": (put("recipe", "mood", "good"), "its recipe has .*'mood'"),
    "a setting missing": (lambda content: content["recipe"].pop("seed"), "its recipe has "),
    "recipe of another run": (put("recipe", "name", "short"), "its recipe is of 'short'"),
    "as many steps as wanted": (put("recipe", "max_steps", "400"), "max_steps is '400', not a whole number from 1 on"),
    "no context": (put("recipe", "context_length", 0), "context_length is 0, not a whole number from 1 on"),
    "no provenance": (put("provenance", {}), r"its provenance has \[\], not"),
    "no corpus": (put("provenance", "corpus", None), "provenance's corpus is None, not a table"),
    "no versions": (put("provenance", "versions", {"python": "3"}), r"its provenance's versions have \['python'\]"),
    "no parameters": (put("provenance", "parameters", None), "provenance's parameters is None, not a whole number"),
    "no seconds": (put("provenance", "wall_seconds", NAN), "provenance's wall_seconds is nan, not a finite number"),
    # Numbers
    "loss is NaN": (put("steps", "loss", 3, NAN), "its steps: loss holds nan, not a finite number"),
    "loss is infinite": (put("steps", "loss", 3, math.inf), "its steps: loss holds inf, not a finite number"),
    "loss is null": (put("steps", "loss", 3, None), "its steps: loss holds None, not a finite number"),
    "loss is a word": (put("steps", "loss", 3, "4.0"), "its steps: loss holds '4.0', not a finite number"),
    "loss is a truth": (put("steps", "loss", 3, True), "its steps: loss holds True, not a finite number"),
    "norm beyond floats": (put("steps", "grad_norm", 3, 10**400), "grad_norm holds 1000+…, not a finite number"),
    "clipped twice": (put("steps", "clipped", 3, 2), "clipped holds 2, not 0 or 1"),
    "clipped is null": (put("steps", "clipped", 3, None), "clipped holds None, not 0 or 1"),
    "validation is NaN": (put("evaluations", "val_loss", 1, NAN), "its evaluations: val_loss holds nan"),
    "training is null": (put("evaluations", "train_loss", 2, None), "its evaluations: train_loss holds None"),
    "position is NaN": (put("evaluations", "val_loss_by_position", 2, 31, NAN), "val_loss_by_position holds nan"),
    "positions are a number": (put("evaluations", "val_loss_by_position", 2, 3.0), "not of 32 positions each"),
    "dropout loss is null": (put("evaluations", "val_loss_dropout_on", [4.0, None, 2.0]), "dropout_on holds None"),
    "ratio is NaN": (put("moments", "update_to_weight", "mlp", 1, NAN), "update_to_weight: mlp holds nan"),
    "ratio is null": (put("moments", "update_to_weight", "mlp", 2, None), "update_to_weight: mlp holds None"),
    "ratio before any update": (put("moments", "update_to_weight", "mlp", 0, 0.1), "not null at step 0"),
    "ratios are a list": (put("moments", "update_to_weight", []), r"update_to_weight is \[\], not a table"),
    "sample is a number": (put("moments", "sample", 1, 7), "its moments' sample holds 7"),
    "steps are a number": (put("steps", 3), "its steps is 3, not a table"),
    "losses are a word": (put("steps", "loss", "x" * 400), "its steps' loss is 'x+…, not a list"),
    # Where it was measured
    "measured nowhere": (empty("evaluations"), "its evaluations do not begin at step 0"),
    "sampled nowhere": (empty("moments"), "its moments do not begin at step 0"),
    "first one missing": (put("evaluations", "step", [1, 200, 400]), "its evaluations do not begin at step 0"),
    "last one missing": (put("evaluations", "step", [0, 200, 399]), "its evaluations end at step 399, not at 400"),
    "last sample missing": (put("moments", "step", [0, 200, 300]), "its moments end at step 300, not at 400"),
    "one step twice": (put("evaluations", "step", [0, 0, 400]), "its evaluations' steps do not rise"),
    "steps that fall": (put("moments", "step", [0, 400, 200]), "its moments' steps do not rise"),
    "after the end": (put("evaluations", "step", [0, 200, 401]), "step holds 401, not a whole number from 0 to 400"),
    "before the start": (put("evaluations", "step", [-1, 200, 400]), "step holds -1, not a whole number"),
    "between two steps": (put("moments", "step", [0, 0.5, 400]), "step holds 0.5, not a whole number"),
}


@pytest.mark.parametrize(("change", "problem"), BROKEN.values(), ids=BROKEN)
def test_what_the_schema_does_not_have_is_neither_read_nor_written(path: Path, change: Change, problem: str) -> None:
    content = example()
    change(content)
    (path.parent / "new").mkdir()
    with pytest.raises(RunFileError, match=problem):
        write_run_file(content, path.parent / "new")
    assert list((path.parent / "new").iterdir()) == []
    rewrite(path, change)
    refused(path, problem)


def test_a_renamed_file(path: Path) -> None:
    refused(path.rename(path.with_name("lesson-64.json.gz")), f"it holds another run, '{NAME}'")


def test_a_file_nested_too_deep(path: Path) -> None:
    path.write_bytes(gzip.compress(b"[" * 200_000))
    refused(path, "cannot be read")


def test_the_settings_are_those_of_a_recipe_and_every_recorded_run_obeys() -> None:
    assert {field.name for field in dataclasses.fields(Recipe)} == RECIPE_FIELDS
    problems = {name: find_problem(read_run_file(FOLDER / f"{name}.json.gz")) for name in run_names()}
    assert set(problems.values()) == {None}


@pytest.mark.parametrize("measured", [1, 2])
def test_a_run_that_stopped_need_not_be_measured_where_it_did(tmp_path: Path, measured: int) -> None:
    content = example(stopped_at=7)
    for group in ("evaluations", "moments"):
        table = content[group]
        for column in [*table.values(), *table.get("update_to_weight", {}).values()]:
            if isinstance(column, list):
                del column[measured:]
    write_run_file(content, tmp_path)
    run = load_run(NAME, tmp_path)
    assert (len(run.loss), run.at(-1).step) == (7, [0, 3][measured - 1])

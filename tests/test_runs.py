"""Run files: what goes in comes out, and a file that cannot be trusted is refused with the remedy."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from run_examples import NAME, example

from course_lib.museum.recipes import RECIPES
from course_lib.runs import RunFileError, digest, load_run, read_run_file, run_names, write_run_file

Change = Callable[[dict], object]


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
}


@pytest.mark.parametrize(("change", "problem"), BROKEN.values(), ids=BROKEN)
def test_missing_and_uneven_parts_are_neither_read_nor_written(path: Path, change: Change, problem: str) -> None:
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


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_not_written(tmp_path: Path, value: float) -> None:
    content = example()
    content["steps"]["grad_norm"][3] = value
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_run_file(content, tmp_path)
    assert list(tmp_path.iterdir()) == []

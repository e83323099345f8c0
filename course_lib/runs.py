"""Recorded runs: what a run file holds, and a loader that refuses what it does not understand.

A run file is gzipped JSON, one object with these fields (schema 1):

- `schema`: 1.
- `name`: the recipe's name, and the file's.
- `recipe`: every setting of the recipe as plain data; its `name` is the run's.
- `provenance`: `parameters` (trained values), `corpus` (`name`, `sha256`), `versions`, `device`,
  `wall_seconds` (training and measuring, on a machine that may have done other work as well).
- `stopped`: null, or `{"step", "reason"}` of a run that ended on a number that is not finite.
- `steps`: four lists, one entry an update, all before clipping and before the update:
  `loss` (nats, of the batch, as the recipe's own loss function has it), `lr`, `grad_norm` (global
  L2), `clipped` (0 or 1).
- `evaluations`: lists, one entry a measured step, before the update of that step: `step`,
  `train_loss` (nats; all predictions of windows spread evenly over the training half), `val_loss`
  (nats; all predictions of the validation half), `val_loss_by_position` (T values each), and with
  dropout also `val_loss_dropout_on`. Of a recipe with `shuffle_windows` the validation losses are
  of windows held out of the whole text, which share text with those that it trains on.
- `moments`: lists, one entry a moment: `step`, `sample` (text from one prompt and seed) and
  `update_to_weight` (by kind of layer: the L2 norm of the update that led to this step, over that
  of the weights before it; null at step 0).
- `sha256`: of all the other fields, so that a file edited by hand is noticed.

Every number is finite: a run that stopped ends before the one that is not. The steps of evaluations
and moments rise from 0 to the last one; of a run that stopped, as far as it was measured.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from course_lib.files import atomic_path
from course_lib.run_checks import find_problem

SCHEMA = 1
FOLDER = Path(__file__).parent / "recorded"
SUFFIX = ".json.gz"


class RunFileError(ValueError):
    """A recorded file is damaged, edited, or of a kind that this version does not understand."""


@dataclass(frozen=True)
class Losses:
    """The exact losses of a run at one step, before the update of that step.

    Args:
        step: the step.
        train, val: nats.
        val_by_position: `(T,)` float64, nats.
    """

    step: int
    train: float
    val: float
    val_by_position: np.ndarray

    @property
    def gap(self) -> float:
        """Validation loss less training loss, in nats."""
        return self.val - self.train


@dataclass(frozen=True)
class Run:
    """A recorded run, read only.

    Args:
        name: the recipe's name.
        recipe: its settings as plain data.
        provenance: parameters, corpus, versions, device and wall seconds.
        stopped: None, or the step and the reason of a run that ended early.
        loss, lr, grad_norm: `(steps,)` float64, one an update.
        clipped: `(steps,)` bool.
        evaluation_steps: `(E,)` int64, where the exact losses were measured.
        train_loss, val_loss: `(E,)` float64, nats; where windows were shuffled before the split
            (`recipe["shuffle_windows"]`), `val_loss` is not of the validation half.
        val_loss_by_position: `(E, T)` float64, nats; of the same predictions as `val_loss`.
        val_loss_dropout_on: `(E,)` float64, or None for a run without dropout.
        moment_steps: `(M,)` int64, where samples were drawn.
        samples: M texts.
        update_to_weight: kind of layer to `(M,)` float64, NaN at step 0.
    """

    name: str
    recipe: Mapping[str, object]
    provenance: Mapping[str, object]
    stopped: Mapping[str, object] | None
    loss: np.ndarray
    lr: np.ndarray
    grad_norm: np.ndarray
    clipped: np.ndarray
    evaluation_steps: np.ndarray
    train_loss: np.ndarray
    val_loss: np.ndarray
    val_loss_by_position: np.ndarray
    val_loss_dropout_on: np.ndarray | None
    moment_steps: np.ndarray
    samples: tuple[str, ...]
    update_to_weight: Mapping[str, np.ndarray]

    def at(self, step: int) -> Losses:
        """Return the losses measured at `step`; -1 is the last measured one.

        Raises:
            ValueError: nothing was measured there; the message names the nearest step.
        """
        steps = self.evaluation_steps
        i = len(steps) - 1 if step == -1 else int(np.abs(steps - step).argmin())
        if step not in (-1, steps[i]):
            raise ValueError(f"{self.name} was not measured at step {step:,}; the nearest is {steps[i]:,}.")
        return Losses(int(steps[i]), float(self.train_loss[i]), float(self.val_loss[i]), self.val_loss_by_position[i])

    def __repr__(self) -> str:
        return f"Run({self.name!r}, {len(self.loss):,} steps, validation loss {self.val_loss[-1]:.3f})"


def run_names(folder: Path | None = None) -> list[str]:
    """Return the names of the recorded runs, sorted."""
    return sorted(path.name.removesuffix(SUFFIX) for path in (folder or FOLDER).glob(f"*{SUFFIX}"))


def load_run(name: str, folder: Path | None = None) -> Run:
    """Load a recorded run by its recipe's name; no network is needed.

    A run is read once, and again only when its file was replaced.

    Raises:
        FileNotFoundError: no such run; the message lists the ones there are.
        RunFileError: the file is damaged, was edited, is of another schema, or a field is not as the
            schema has it; the message names the file, the field and the remedy.
    """
    path = (folder or FOLDER) / f"{name}{SUFFIX}"
    if not path.is_file():
        there = ", ".join(run_names(folder)) or "none"
        raise FileNotFoundError(f"There is no recorded run {name!r}. Recorded: {there}.")
    found = path.stat()
    return _load(path, found.st_mtime_ns, found.st_ino)


@cache
def _load(path: Path, changed_ns: int, inode: int) -> Run:
    return _to_run(read_run_file(path))


def read_run_file(path: Path) -> dict:
    """Read a run file as plain data and check it.

    Raises:
        RunFileError: as `load_run`; the message says how to mend it.
    """
    name = path.name.removesuffix(SUFFIX)
    remedy = f"Restore it from the repository, or record it again: course record {name}"
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
        raise RunFileError(f"{path} cannot be read ({type(error).__name__}: {error}). {remedy}") from error
    if problem := find_damage(content) or find_problem(content):
        raise RunFileError(f"{path}: {problem}. {remedy}")
    if content["name"] != name:
        raise RunFileError(f"{path}: it holds another run, {content['name']!r}. {remedy}")
    return content


def write_run_file(content: Mapping[str, object], folder: Path) -> Path:
    """Write a run atomically, with its hash, and return its path; the same content gives the same bytes.

    Raises:
        RunFileError: a field is missing, too many, or not as the schema has it.
        OSError: the folder cannot be written.
    """
    content = {**content, "sha256": digest(content)}
    if problem := find_problem(content):
        raise RunFileError(f"{content.get('name')}: {problem}; nothing was written.")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    path = folder / f"{content['name']}{SUFFIX}"
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


def digest(content: Mapping[str, object]) -> str:
    """Return the SHA-256, in hexadecimal, of all fields but `sha256`."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def find_damage(content: object) -> str | None:
    """Return why recorded data cannot be trusted, its schema or its hash, or None."""
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        return f"its schema is {schema!r}, and this version of course_lib reads {SCHEMA}; update course_lib"
    if content.get("sha256") != digest(content):
        return "it does not match its own hash, so it was edited or damaged"
    return None


def _to_run(content: Mapping) -> Run:
    def array(values: list, kind: type = np.float64) -> np.ndarray:
        result = np.array([np.nan if value is None else value for value in values], dtype=kind)
        result.flags.writeable = False
        return result

    steps, evaluations, moments = content["steps"], content["evaluations"], content["moments"]
    dropout_on = evaluations.get("val_loss_dropout_on")
    return Run(
        name=content["name"], recipe=content["recipe"], provenance=content["provenance"],
        stopped=content["stopped"],
        loss=array(steps["loss"]), lr=array(steps["lr"]), grad_norm=array(steps["grad_norm"]),
        clipped=array(steps["clipped"], bool),
        evaluation_steps=array(evaluations["step"], np.int64),
        train_loss=array(evaluations["train_loss"]), val_loss=array(evaluations["val_loss"]),
        val_loss_by_position=array(evaluations["val_loss_by_position"]),
        val_loss_dropout_on=None if dropout_on is None else array(dropout_on),
        moment_steps=array(moments["step"], np.int64), samples=tuple(moments["sample"]),
        update_to_weight={kind: array(values) for kind, values in moments["update_to_weight"].items()},
    )  # fmt: skip

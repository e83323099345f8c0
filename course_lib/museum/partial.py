"""What is on disk of a run that is still being recorded."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from course_lib.files import atomic_path
from course_lib.training import StepRecord

SIGNIFICANT_DIGITS = 6
LIBRARY = Path(__file__).parents[1]
SOURCES = (
    "corpus", "batches", "model", "loss", "clipping", "schedule", "evaluation", "sampling", "checkpoint",
    "train_config", "training", "rng", "museum/faults", "museum/recipes", "museum/partial", "museum/recorder",
)  # fmt: skip
"""The modules that decide the numbers of a run."""


def sources_digest() -> str:
    """Return the SHA-256, in hexadecimal, of the text of the modules that decide the numbers of a run.

    Raises:
        OSError: a module cannot be read.
    """
    texts = {name: (LIBRARY / f"{name}.py").read_text(encoding="utf-8") for name in SOURCES}
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()


def _rounded(value: Any) -> Any:
    """Round to what a run file keeps: more digits would differ between machines and help nobody."""
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if isinstance(value, float) else value


class Partial:
    """The log of a run so far, and the checkpoint that belongs to it.

    The log names the step up to which it goes, and a checkpoint carries its step in its name. The
    log is replaced only after its checkpoint is complete, and older checkpoints go only after that:
    whenever a recording is killed, a matching pair is left.

    A log of another device, of other versions or of other sources is not gone on with: the run starts anew.

    Raises:
        ValueError: the log is damaged.
    """

    def __init__(self, folder: Path, provenance: dict[str, object]) -> None:
        self.folder, self._log = folder, folder / "log.json"
        self._state: dict[str, Any] = {
            "sources": sources_digest(), "stopped": None, "provenance": provenance | {"wall_seconds": 0.0},
            "steps": {"loss": [], "lr": [], "grad_norm": [], "clipped": []},
            "evaluations": {"step": []},
            "moments": {"step": [], "sample": [], "update_to_weight": {}},
        }  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        if self._log.exists():
            state = self._read()
            # On another device, under other versions or by other code the rest would not be the same run.
            same_code = state.get("sources") == self._state["sources"]
            if same_code and state["provenance"] | {"wall_seconds": 0.0} == self._state["provenance"]:
                self._state = state

    def _read(self) -> dict[str, Any]:
        try:
            state = json.loads(self._log.read_text(encoding="utf-8"))
            if not isinstance(state, dict) or not {"provenance", "steps", "evaluations", "moments"} <= state.keys():
                raise ValueError("fields are missing")
        except ValueError as error:
            raise ValueError(f"{self._log} is damaged ({error}). Delete the folder {self.folder}, and the "
                             "run is recorded from its start.") from error  # fmt: skip
        return state

    @property
    def done(self) -> int:
        """The updates in the log."""
        return len(self._state["steps"]["loss"])

    @property
    def last_measured(self) -> int:
        """The last step whose losses are in the log; -1 before the first."""
        return max(self._state["evaluations"]["step"], default=-1)

    @property
    def checkpoint(self) -> Path | None:
        """The checkpoint to go on from; None at the start."""
        return self.checkpoint_at(self.done) if self.done else None

    def checkpoint_at(self, step: int) -> Path:
        """Return where the checkpoint of `step` lies."""
        return self.folder / f"checkpoint-{step}.pt"

    def add(self, record: StepRecord) -> None:
        """Add one update; it is on disk after the next `save`."""
        row = {"loss": record.loss, "lr": record.lr, "grad_norm": record.grad_norm, "clipped": int(record.clipped)}
        _extend(self._state["steps"], row)

    def save(self, losses: dict[str, Any], moment: dict[str, Any] | None, seconds: float) -> None:
        """Add what was measured at this step and write the log.

        Args:
            losses: field of `evaluations` to its new value, in nats.
            moment: `sample` and `update_to_weight`, where this step is one of the moments.
            seconds: what training and measuring took since the last call.
        """
        _extend(self._state["evaluations"], {"step": self.done} | losses)
        if moment is not None:
            _extend(self._state["moments"]["update_to_weight"], moment["update_to_weight"])
            _extend(self._state["moments"], {"step": self.done, "sample": moment["sample"]})
        self._state["provenance"]["wall_seconds"] = round(self._state["provenance"]["wall_seconds"] + seconds, 1)
        with atomic_path(self._log) as temporary:
            temporary.write_text(json.dumps(self._state), encoding="utf-8")
        for path in self.folder.glob("checkpoint-*.pt"):
            if path != self.checkpoint:
                path.unlink()

    def stop(self, reason: str) -> None:
        """Note that the run ended before its last step, on a number that is not finite."""
        self._state["stopped"] = {"step": self.done, "reason": reason}

    def content(self) -> dict[str, Any]:
        """Return the fields of the run file that come from training."""
        return {name: value for name, value in self._state.items() if name != "sources"}

    def remove(self) -> None:
        """Delete the folder: the run file has everything."""
        shutil.rmtree(self.folder)


def _extend(table: dict[str, list], row: dict[str, Any]) -> None:
    for name, value in row.items():
        table.setdefault(name, []).append(_rounded(value))

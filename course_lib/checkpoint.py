"""Checkpoints: everything that a run needs to go on as if it had never stopped."""

import dataclasses
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from course_lib.files import atomic_path

FORMAT_VERSION = 1


class CheckpointError(ValueError):
    """A file is no checkpoint of this course, is damaged, or belongs to another model."""


def save_checkpoint(
    path: str | os.PathLike,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    generator: torch.Generator,
) -> None:
    """Write the state of a run to `path`, whole or not at all.

    Saved are the parameters, the model's sizes (`model.config`, where it is a dataclass), the
    optimizer's moments, the number of updates done, the state of the batch generator and the
    states of PyTorch's global generators, which dropout draws from.
    Nothing else is needed: the learning rate follows from the step. The folder is made if it is
    missing. A kill at any moment leaves the previous file at `path` intact.

    Args:
        path: the file to write or replace.
        model, optimizer: what is being trained.
        step: how many updates were done.
        generator: the generator that draws the batches.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "format": FORMAT_VERSION,
        "step": step,
        "model": model.state_dict(),
        "config": _sizes(model),
        "optimizer": optimizer.state_dict(),
        "generator": generator.get_state(),
        "torch_rng": torch.get_rng_state(),
        "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    with atomic_path(path) as temporary:
        try:
            torch.save(state, temporary)
        except RuntimeError as error:  # so PyTorch's writer reports a full disk
            raise OSError(f"{path} cannot be written ({error}). Is the disk full?") from error


def load_checkpoint(
    path: str | os.PathLike,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    generator: torch.Generator | None = None,
) -> int:
    """Restore what `save_checkpoint` wrote and return the number of updates done.

    The file is read with `weights_only=True`: a checkpoint from a stranger can hold wrong
    numbers but cannot run code. Everything is checked before anything is changed.

    Args:
        path: the file to read.
        model: receives the parameters; must have the sizes of the saved one. Dropout may differ.
        optimizer: receives the moments, if given.
        generator: receives the state of the batch generator, if given; PyTorch's global
            generators are then restored too, so that dropout goes on as well.

    Raises:
        FileNotFoundError: there is no file at `path`.
        CheckpointError: the file is damaged, of another format, or belongs to another model.
    """
    state = _read(Path(path))
    _check_model(path, model.state_dict() | _sizes(model), state["model"] | state["config"])
    if optimizer is not None:
        _check_optimizer(path, optimizer, state["optimizer"])
    if generator is not None:
        _check_generators(path, generator, state)

    model.load_state_dict(state["model"])
    if optimizer is not None:
        optimizer.load_state_dict(state["optimizer"])
    if generator is not None:
        generator.set_state(state["generator"])
        torch.set_rng_state(state["torch_rng"])
        if _fits_gpus(state):
            torch.cuda.set_rng_state_all(state["cuda_rng"])
    return state["step"]


def saved_step(path: str | os.PathLike) -> int:
    """Return the number of updates done at `path` and restore nothing. Errors: load_checkpoint's."""
    return _read(Path(path))["step"]


def _read(path: Path) -> dict:
    if not path.is_file():
        raise FileNotFoundError(f"No checkpoint at {path}. Check the path, or start a new run.")
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:  # PyTorch does not compare the checksums itself
                raise zipfile.BadZipFile("a checksum does not match")
        # On the CPU first: the generators' states must lie there, and the model copies the rest.
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises a dozen kinds for damaged files
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}): it is damaged, cut "
            "short or something else. Use an older checkpoint or start again."
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT_VERSION:
        found = state.get("format") if isinstance(state, dict) else type(state).__name__
        raise CheckpointError(
            f"{path} has checkpoint format {found!r}; this version of course_lib reads "
            f"{FORMAT_VERSION}. Load it with the version that wrote it."
        )
    _check_fields(path, state)
    return state


def _check_fields(path: Path, state: dict) -> None:
    kinds = {
        "step": int, "model": Mapping, "config": Mapping, "optimizer": Mapping,
        "generator": Tensor, "torch_rng": Tensor, "cuda_rng": list,
    }  # fmt: skip
    for name, kind in kinds.items():
        usable = isinstance(state.get(name), kind)
        if name == "step":
            usable = usable and state["step"] is not True and state["step"] >= 0
        if name == "cuda_rng":
            usable = usable and all(isinstance(rng, Tensor) for rng in state["cuda_rng"])
        if not usable:
            raise CheckpointError(
                f"{path} has no usable {name!r}; it was not written by save_checkpoint."
            )


def _check_model(path: str | os.PathLike, own: Mapping, saved: Mapping) -> None:
    for name in own.keys() | saved.keys():
        here, there = _describe(own.get(name)), _describe(saved.get(name))
        if here != there:
            raise CheckpointError(
                f"{path} belongs to another model: {name} is {there} there and {here} here. "
                "Build the model with the saved sizes first."
            )


def _describe(value: object) -> str:
    if value is None:
        return "absent"
    if not isinstance(value, Tensor):
        return repr(value)
    return f"{tuple(value.shape)} {value.dtype}" if _is_plain(value) else "no dense tensor"


def _is_plain(tensor: Tensor) -> bool:
    """Whether the tensor holds a value for each entry: sparse and meta tensors do not."""
    return tensor.layout is torch.strided and not tensor.is_meta


def _sizes(model: nn.Module) -> dict[str, object]:
    """Return the settings that decide what the parameters mean: heads, for one, leave no shape."""
    config = getattr(model, "config", None)
    if not dataclasses.is_dataclass(config):
        return {}
    return {k: v for k, v in dataclasses.asdict(config).items() if k != "dropout"}


def _check_optimizer(
    path: str | os.PathLike, optimizer: torch.optim.Optimizer, saved: Mapping
) -> None:
    own = optimizer.state_dict()["param_groups"]
    try:
        here = [(group.keys(), group["params"]) for group in own]
        there = [(group.keys(), group["params"]) for group in saved["param_groups"]]
        fits = here == there and _moments_fit(optimizer, saved["state"])
    except (AttributeError, KeyError, TypeError, IndexError):  # not even built like a state
        fits = False
    if not fits:
        raise CheckpointError(
            f"{path} belongs to another optimizer: its groups, parameters or moments differ from "
            f"this one's {[len(group['params']) for group in own]} parameters a group. "
            "Build the optimizer as the saved run did."
        )


def _moments_fit(optimizer: torch.optim.Optimizer, saved: Mapping) -> bool:
    """Whether all parameters have the same kinds of moments, each of its parameter's shape."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    names = {tuple(sorted(moments)) for moments in saved.values()}
    return len(names) <= 1 and all(
        _is_plain(value) and value.shape == (() if name == "step" else parameters[index].shape)
        for index, moments in saved.items()
        for name, value in moments.items()
        if not (name == "momentum_buffer" and value is None)  # SGD's, where momentum is off
    )


def _check_generators(path: str | os.PathLike, generator: torch.Generator, state: Mapping) -> None:
    trials = [(generator.device, state["generator"]), ("cpu", state["torch_rng"])]
    if _fits_gpus(state):
        trials += [("cuda", rng) for rng in state["cuda_rng"]]
    for device, rng in trials:
        try:
            torch.Generator(device).set_state(rng)
        except (RuntimeError, TypeError) as error:
            raise CheckpointError(
                f"{path} has a generator state that does not fit a {device} generator ({error}). "
                "Use an older checkpoint or start again."
            ) from error


def _fits_gpus(state: Mapping) -> bool:
    """Whether the saved run had as many GPUs as this machine, and at least one."""
    return 0 < len(state["cuda_rng"]) == torch.cuda.device_count()

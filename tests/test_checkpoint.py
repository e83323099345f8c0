"""Checkpoints: whole or not at all, exact, and safe to load from a stranger."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import GPT, CheckpointError, GPTConfig, TrainConfig, load_checkpoint, save_checkpoint
from course_lib.training import make_optimizer


class Run:
    """A small model with an optimizer and a generator, some updates into a run."""

    def __init__(self, seed=0, updates=3, **changes) -> None:
        sizes = {"vocab_size": 7, "context_length": 4, "n_layer": 1, "n_head": 2, "d_model": 8}
        torch.manual_seed(seed)
        self.model = GPT(GPTConfig(**sizes | changes))
        self.optimizer = make_optimizer(self.model, TrainConfig())
        self.generator = torch.Generator().manual_seed(seed)
        for _ in range(updates):
            self.update()

    def update(self) -> None:
        ids = torch.randint(7, (2, 4), generator=self.generator)
        self.optimizer.zero_grad()
        self.model(ids).square().mean().backward()
        for group in self.optimizer.param_groups:
            group["lr"] = 1e-2
        self.optimizer.step()

    @property
    def parts(self) -> dict:
        return {"model": self.model, "optimizer": self.optimizer, "generator": self.generator}

    def fingerprint(self) -> bytes:
        """All that a checkpoint restores, as bytes."""
        found = [p.detach().numpy().tobytes() for p in self.model.parameters()]
        for p in self.model.parameters():
            state = self.optimizer.state.get(p, {})
            found += [str(name).encode() + value.numpy().tobytes() for name, value in sorted(state.items())]
        found += [self.generator.get_state().numpy().tobytes(), torch.get_rng_state().numpy().tobytes()]
        return b"|".join(found)


@pytest.fixture
def saved(tmp_path):
    """A run and the path of its checkpoint."""
    run = Run()
    path = tmp_path / "run.pt"
    save_checkpoint(path, step=3, **run.parts)
    return run, path


def test_everything_comes_back_and_the_next_update_is_the_same_to_the_bit(saved):
    run, path = saved
    expected = run.fingerprint()
    other = Run(seed=9, updates=5)
    assert other.fingerprint() != expected
    assert load_checkpoint(path, **other.parts) == 3
    assert other.fingerprint() == expected
    run.update(), other.update()
    assert run.fingerprint() == other.fingerprint()


def test_a_fresh_optimizer_receives_its_moments(saved):
    run, path = saved
    other = Run(seed=9, updates=0)
    load_checkpoint(path, **other.parts)
    assert other.fingerprint() == run.fingerprint()


def test_only_what_is_asked_for_is_restored(saved):
    run, path = saved
    other = Run(seed=9)
    moments = {p: s["exp_avg"].clone() for p, s in other.optimizer.state.items()}
    generator, rng = other.generator.get_state(), torch.get_rng_state()
    assert load_checkpoint(path, model=other.model) == 3
    assert all(map(torch.equal, run.model.state_dict().values(), other.model.state_dict().values()))
    assert all(torch.equal(s["exp_avg"], moments[p]) for p, s in other.optimizer.state.items())
    assert torch.equal(other.generator.get_state(), generator)
    assert torch.equal(torch.get_rng_state(), rng)


def test_saving_changes_nothing_and_loads_without_numpy_state(saved):
    run, path = saved
    before = run.fingerprint()
    save_checkpoint(path, step=3, **run.parts)
    assert run.fingerprint() == before
    torch.load(path, weights_only=True)  # raises if anything but tensors and plain values is inside


def test_the_folder_is_made_and_nothing_else_is_left(tmp_path):
    save_checkpoint(tmp_path / "a" / "b" / "run.pt", step=0, **Run().parts)
    assert [f.name for f in (tmp_path / "a" / "b").iterdir()] == ["run.pt"]
    save_checkpoint(str(tmp_path / "a" / "b" / "run.pt"), step=0, **Run().parts)
    assert [f.name for f in (tmp_path / "a" / "b").iterdir()] == ["run.pt"]


# PyTorch's own writer reports a full disk as a RuntimeError.
@pytest.mark.parametrize("error", [OSError("No space left"), RuntimeError("unexpected pos")])
def test_a_failing_save_keeps_the_previous_file(saved, monkeypatch, error):
    run, path = saved
    before = path.read_bytes()

    def fails_half_way(state, target):
        with open(target, "wb") as file:
            file.write(before[:100])
        raise error

    monkeypatch.setattr(torch, "save", fails_half_way)
    with pytest.raises(OSError, match=str(error)):
        save_checkpoint(path, step=4, **run.parts)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_path_that_cannot_be_written_is_an_os_error(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.pt").mkdir()
    for path in (tmp_path / "file" / "run.pt", tmp_path / "folder.pt"):
        with pytest.raises(OSError):
            save_checkpoint(path, step=0, **Run().parts)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.pt"):
        load_checkpoint(tmp_path / "absent.pt", model=Run().model)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path, model=Run().model)


def assert_refused(path, match="run.pt"):
    run = Run(seed=5)
    before = run.fingerprint()
    with pytest.raises(CheckpointError, match=match):
        load_checkpoint(path, **run.parts)
    assert run.fingerprint() == before, "something was changed before the file was refused"


def test_a_file_cut_short_anywhere(saved):
    _, path = saved
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert_refused(path)


def test_a_damaged_file(saved):
    """Flipped bytes in the structure, and a single flipped bit in a weight."""
    run, path = saved
    whole = path.read_bytes()
    for start in (0, whole.index(b"data.pkl"), len(whole) - 60):
        damaged = bytearray(whole)
        damaged[start : start + 40] = bytes(255 - byte for byte in damaged[start : start + 40])
        path.write_bytes(damaged)
        assert_refused(path)
    damaged = bytearray(whole)
    damaged[whole.index(run.model.head.weight.detach().numpy().tobytes())] ^= 1
    path.write_bytes(damaged)
    assert_refused(path)


def test_dropout_may_differ(tmp_path):
    save_checkpoint(tmp_path / "run.pt", step=1, **Run(dropout=0.5).parts)
    assert load_checkpoint(tmp_path / "run.pt", **Run().parts) == 1


def foreign_files() -> dict[str, bytes]:
    def torch_bytes(value) -> bytes:
        torch.save(value, buffer := io.BytesIO())
        return buffer.getvalue()

    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("hello.txt", "hello")
    return {
        "text": b"to be or not to be", "zip": zipped.getvalue(), "pickle": pickle.dumps({"format": 1}),
        "tensor": torch_bytes(torch.ones(3)), "list": torch_bytes([1, 2]), "empty": torch_bytes({}),
        "weights alone": torch_bytes(Run().model.state_dict()),
        "other format": torch_bytes({"format": 2, "step": 1}),
        "numpy": torch_bytes({"format": 1, "step": np.float64(1)}),
    }  # fmt: skip


@pytest.mark.parametrize("kind", foreign_files())
def test_a_foreign_file(tmp_path, kind):
    path = tmp_path / "foreign.pt"
    path.write_bytes(foreign_files()[kind])
    assert_refused(path, "foreign.pt")


class Malicious:
    """Its pickle asks whoever loads it to make a folder."""

    def __init__(self, path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_malicious_pickle_is_refused_and_runs_nothing(saved, tmp_path):
    _, path = saved
    trap = tmp_path / "trap"
    state = torch.load(path, weights_only=True)
    for place in ("step", "model", "extra"):
        torch.save(state | {place: Malicious(trap)}, path)
        assert_refused(path)
    path.write_bytes(pickle.dumps(Malicious(trap)))
    assert_refused(path)
    assert not trap.exists()
    pickle.loads(path.read_bytes())
    assert trap.exists()  # the trap was armed


def change(state: dict, *path_and_value) -> dict:
    *path, last, value = path_and_value
    inner = state
    for key in path:
        inner = inner[key]
    inner[last] = value
    return state


DAMAGED_FIELDS = [
    ("step", -1), ("step", "3"), ("step", 2.0), ("step", True), ("step", None),
    ("model", {}), ("model", []), ("model", {"head.weight": torch.ones(7, 8)}),
    ("model", "head.weight", None), ("model", "head.weight", 3.0), ("model", "head.weight", torch.ones(8, 7)),
    ("model", "extra.weight", torch.ones(2)), ("model", "head.weight", torch.ones(7, 8, dtype=torch.complex64)),
    ("optimizer", {}), ("optimizer", "param_groups", None), ("optimizer", "param_groups", []),
    ("optimizer", "param_groups", [1, 2]), ("optimizer", "param_groups", 0, {"lr": 1.0}),
    ("optimizer", "state", None), ("optimizer", "state", 0, None),
    ("optimizer", "state", 0, "exp_avg", torch.ones(3)), ("optimizer", "state", 0, "exp_avg_sq", "no"),
    ("optimizer", "state", 0, {"exp_avg": torch.ones(7, 8)}),
    ("generator", torch.zeros(3, dtype=torch.uint8)), ("generator", torch.ones(5056)), ("generator", None),
    ("torch_rng", torch.zeros(3, dtype=torch.uint8)), ("torch_rng", torch.ones(5056)), ("cuda_rng", None),
    ("cuda_rng", [1, "x"]), ("config", None), ("model", "head.weight", torch.ones(7, 8).to_sparse()),
    ("optimizer", "state", 0, "exp_avg", torch.ones(())), ("optimizer", "state", 0, "exp_avg", None),
    ("optimizer", "state", 0, "exp_avg", torch.ones(7, 8).to_sparse()),
]  # fmt: skip


@pytest.mark.parametrize("where", DAMAGED_FIELDS, ids=lambda where: "/".join(map(str, where))[:60])
def test_a_damaged_field_is_refused_before_anything_is_changed(saved, where):
    _, path = saved
    torch.save(change(torch.load(path, weights_only=True), *where), path)
    assert_refused(path)


OTHER_SIZES = [{"d_model": 16}, {"n_layer": 2}, {"vocab_size": 8}, {"context_length": 5}, {"n_head": 4}]


@pytest.mark.parametrize("changes", OTHER_SIZES)
def test_a_checkpoint_of_another_model(tmp_path, changes):
    save_checkpoint(tmp_path / "run.pt", step=1, **Run(updates=0, **changes).parts)
    assert_refused(tmp_path / "run.pt", "another model")


def test_a_checkpoint_of_another_optimizer(tmp_path):
    run = Run()
    one_group = torch.optim.AdamW(run.model.parameters())
    save_checkpoint(tmp_path / "run.pt", model=run.model, optimizer=one_group, step=1, generator=run.generator)
    assert_refused(tmp_path / "run.pt", "another optimizer")


def test_a_checkpoint_before_the_first_update(tmp_path):
    # No moments yet: that is no damage.
    run, other = Run(updates=0), Run(seed=4)
    save_checkpoint(tmp_path / "run.pt", step=0, **run.parts)
    assert load_checkpoint(tmp_path / "run.pt", **other.parts) == 0
    assert other.fingerprint() == run.fingerprint()


def test_any_module_can_be_saved(tmp_path):
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    parts = {"model": net, "optimizer": optimizer, "generator": torch.Generator()}
    save_checkpoint(tmp_path / "net.pt", step=11, **parts)
    assert load_checkpoint(tmp_path / "net.pt", **parts) == 11

"""get_batch: which windows, how likely, in what shape, and what is read of a large file."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from course_lib import get_batch


def works(device: str) -> bool:
    """True if the device can hold a tensor. GitHub's macOS machines report MPS and cannot allocate."""
    try:
        return torch.ones(1, device=device).item() == 1
    except (AssertionError, RuntimeError):  # PyTorch was built without it, or it fails
        return False


DEVICES = ["cpu", *filter(works, ["cuda", "mps"])]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_device_that_cannot_allocate_is_left_out(monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("MPS backend out of memory")

    assert works("cpu") and not works("meta")
    monkeypatch.setattr(torch, "ones", fails)
    assert not works("mps")


@pytest.mark.parametrize("T", [1, 7, 64])
@pytest.mark.parametrize("B", [1, 4, 64])
def test_shapes_types_and_the_shift_by_one(B, T):
    tokens = torch.arange(1000, 2000)
    x, y = get_batch(tokens, B, T, generator=seeded())
    for part in (x, y):
        assert part.shape == (B, T) and part.dtype == torch.int64 and part.is_contiguous()
    assert torch.equal(y, x + 1)
    assert torch.equal(x, x[:, :1] + torch.arange(T))


@pytest.mark.parametrize("B", [1, 3])
def test_inputs_and_targets_share_no_memory(B):
    x, y = get_batch(torch.arange(50), B, 8, generator=seeded())
    before = y.clone()
    x.fill_(-7)
    assert torch.equal(y, before)


def test_the_stream_is_not_written_to():
    tokens = torch.arange(9)
    x, y = get_batch(tokens, 1, 8, generator=seeded())
    x.zero_(), y.zero_()
    assert torch.equal(tokens, torch.arange(9))


def test_all_starts_are_equally_likely_the_first_and_the_last_too():
    """13 starts; chi-square with 12 degrees of freedom exceeds 50.8 once in a million."""
    N, T, per_start = 20, 7, 2000
    starts = N - T
    x, y = get_batch(torch.arange(N), starts * per_start, T, generator=seeded(1))
    counts = torch.bincount(x[:, 0], minlength=starts)
    assert len(counts) == starts and y.max() == N - 1
    assert ((counts - per_start) ** 2 / per_start).sum() < 50.8


def test_rows_are_drawn_independently_with_replacement():
    """Pairs of neighbouring rows over 5 x 5 starts: chi-square, 24 degrees of freedom, 1e-6: 73.6."""
    x, _ = get_batch(torch.arange(9), 50_000, 4, generator=seeded(2))
    pairs = torch.bincount(x[0::2, 0] * 5 + x[1::2, 0], minlength=25)
    assert ((pairs - 1000) ** 2 / 1000).sum() < 73.6


def test_the_shortest_stream_has_one_window():
    x, y = get_batch(torch.arange(9), 3, 8)
    assert x.tolist() == [list(range(8))] * 3 and y.tolist() == [list(range(1, 9))] * 3


@pytest.mark.parametrize("device", DEVICES)
def test_a_cpu_generator_gives_the_same_offsets_everywhere(device):
    tokens = torch.arange(5000)
    expected = get_batch(tokens, 16, 8, generator=seeded(3))
    for stream in (tokens, tokens.to(device), tokens.numpy().astype(np.uint16)):
        for target in (None, device, torch.device(device)):
            x, y = get_batch(stream, 16, 8, generator=seeded(3), device=target)
            assert torch.equal(x.cpu(), expected[0]) and torch.equal(y.cpu(), expected[1])
            lies_at = stream.device.type if target is None and isinstance(stream, torch.Tensor) else None
            assert x.device.type == y.device.type == (lies_at or ("cpu" if target is None else device))
    # The offsets are those of randint itself: N - T of them, drawn once.
    starts = torch.randint(5000 - 8, (16,), generator=seeded(3))
    assert torch.equal(expected[0][:, 0], starts)


def test_the_generator_is_used_and_nothing_else():
    tokens, generator = torch.arange(5000), seeded(4)
    state = torch.get_rng_state()
    first, second = (get_batch(tokens, 8, 8, generator=generator)[0] for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first, get_batch(tokens, 8, 8, generator=seeded(4))[0])
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_generator_the_global_seed_decides():
    tokens = torch.arange(5000)
    torch.manual_seed(5)
    first = get_batch(tokens, 8, 8)[0]
    torch.manual_seed(5)
    assert torch.equal(first, get_batch(tokens, 8, 8)[0])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, ">u2"])
def test_every_integer_type(dtype):
    array = np.arange(200).astype(dtype)
    expected = get_batch(torch.arange(200), 4, 8, generator=seeded())
    assert all(map(torch.equal, get_batch(array, 4, 8, generator=seeded()), expected))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.uint16])
def test_every_tensor_type(dtype):
    expected = get_batch(torch.arange(200), 4, 8, generator=seeded())
    assert all(map(torch.equal, get_batch(torch.arange(200).to(dtype), 4, 8, generator=seeded()), expected))


def test_streams_that_are_not_contiguous_or_not_writable():
    expected = get_batch(torch.arange(200), 4, 8, generator=seeded())
    frozen = np.arange(200)
    frozen.flags.writeable = False
    for stream in (torch.arange(200).repeat_interleave(2)[::2], np.repeat(np.arange(200), 2)[::2], frozen):
        assert all(map(torch.equal, get_batch(stream, 4, 8, generator=seeded()), expected))


def test_no_python_loop_over_rows(tmp_path):
    def calls(tokens, B: int) -> int:
        count = 0

        def profiler(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(profiler)
        try:
            get_batch(tokens, B, 8)
        finally:
            sys.setprofile(None)
        return count

    path = tmp_path / "tokens.bin"
    np.arange(500, dtype=np.uint16).tofile(path)
    for tokens in (torch.arange(500), np.arange(500), np.memmap(path, np.uint16, "r")):
        assert calls(tokens, 2) == calls(tokens, 2000)


LARGE_FILE = """
import resource, sys
import numpy as np, torch
from course_lib import get_batch

torch.set_num_threads(1)
N, B, T = 2**32, 64, 64
path = sys.argv[1]
with open(path, "wb") as file:
    file.truncate(2 * N)  # 8 GiB, sparse: takes no room on the disk
starts = torch.randint(N - T, (B,), generator=torch.Generator().manual_seed(0)).tolist()
writable = np.memmap(path, np.uint16, "r+")
for row, start in enumerate(starts):
    writable[start : start + T + 1] = np.arange(T + 1) + 700 * row
del writable
tokens = np.memmap(path, np.uint16, "r")
resource.setrlimit(resource.RLIMIT_DATA, (2**32, 2**32))  # 4 GiB
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
x, y = get_batch(tokens, B, T, generator=torch.Generator().manual_seed(0))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert torch.equal(x, torch.arange(T) + 700 * torch.arange(B)[:, None])
assert torch.equal(y, x + 1)
print((after - before) * unit)
"""


def test_of_a_file_larger_than_memory_only_the_windows_are_read(tmp_path):
    """An 8 GiB file, 4 GiB of memory allowed, and below 64 MiB of it used."""
    run = subprocess.run(
        [sys.executable, "-c", LARGE_FILE, str(tmp_path / "train.bin")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 64 * 2**20
    (tmp_path / "train.bin").unlink()


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ("text", "str.*CharTokenizer"),
        ([1, 2, 3], "list"),
        (torch.rand(20), "float32"),
        (np.zeros(20), "float64"),
        (torch.ones(20, dtype=torch.bool), "bool"),
        (np.ones(20, dtype=bool), "bool"),
    ],
)
def test_what_is_no_stream_of_integers_is_a_type_error(tokens, message):
    with pytest.raises(TypeError, match=message):
        get_batch(tokens, 2, 4)


@pytest.mark.parametrize(
    ("tokens", "B", "T", "message"),
    [
        (torch.arange(20).view(2, 10), 2, 4, r"\(2, 10\)"),
        (torch.tensor(3), 2, 4, r"\(\)"),
        (torch.arange(8), 2, 8, "8 ids.*at least 9"),
        (torch.arange(0), 2, 8, "0 ids"),
        (torch.arange(20), 0, 4, "batch_size is 0"),
        (torch.arange(20), 2, 0, "context_length is 0"),
    ],
)
def test_sizes_that_cannot_be_are_value_errors(tokens, B, T, message):
    with pytest.raises(ValueError, match=message):
        get_batch(tokens, B, T)

"""Looking at an answer safely: whatever has crossed from a student's code, none of these fails or lies.

Each `expect…` ends the check, with a message for the student, when the answer is not as asked.
"""

import math
from collections.abc import Sequence
from typing import NoReturn, TypeAlias

import torch
from torch import Tensor

# What crosses, in both directions; rebuilt outside as exactly these types, never a subclass of them.
Value: TypeAlias = "None | bool | int | float | str | list[Value] | tuple[Value, ...] | dict[str, Value] | Tensor"


class CheckFailed(Exception):
    """The answer is not what the check asks for. The message is for the student."""


def fail(message: str) -> NoReturn:
    """End the check: no points, and `message` for the student."""
    raise CheckFailed(message)


def expect(condition: bool, message: str) -> None:
    """End the check with `message` unless `condition` holds.

    Raises:
        CheckFailed: it is False.
        TypeError: it is no plain bool; an answer compared with == may be a tensor.
    """
    if type(condition) is not bool:
        raise TypeError(f"expect was given a {type(condition).__name__}; compare answers by expect_close or equal.")
    if not condition:
        fail(message)


def kind_of(value: Value) -> str:
    """Say what an answer is, for a message: "a float32 tensor of shape (3, 4)", "a list of 2 items"."""
    if value is None:
        return "None"
    if type(value) is Tensor:
        return f"a {str(value.dtype).removeprefix('torch.')} tensor of shape {tuple(value.shape)}"
    if type(value) in (list, tuple, dict):
        return f"a {type(value).__name__} of {len(value)} item{'s' if len(value) != 1 else ''}"
    if type(value) is str:
        return "a str"
    return f"{'an' if type(value) is int else 'a'} {type(value).__name__} ({value})"


def expect_tensor(
    value: Value, what: str, *, shape: Sequence[int] | None = None,
    dtype: torch.dtype | Sequence[torch.dtype] | None = None, finite: bool = False,
) -> Tensor:  # fmt: skip
    """Return `value` if it is a tensor of this shape and (one of) this dtype; otherwise end the check.

    Args:
        what: names the answer at the start of the message, such as "next_batch(...)[0]".
        finite: whether NaN and infinities end the check too.
    """
    if type(value) is not Tensor:
        fail(f"{what} is {kind_of(value)}; it must be a tensor.")
    if shape is not None and tuple(value.shape) != tuple(shape):
        fail(f"{what} has shape {tuple(value.shape)}; it must have shape {tuple(shape)}.")
    allowed = (dtype,) if isinstance(dtype, torch.dtype) else tuple(dtype or ())
    if allowed and value.dtype not in allowed:
        names = " or ".join(str(each).removeprefix("torch.") for each in allowed)
        fail(f"{what} is {kind_of(value)}; its dtype must be {names}.")
    if finite and value.is_floating_point() and not bool(torch.isfinite(value).all()):
        fail(f"{what} holds NaN or infinity.")
    return value


def expect_number(value: Value, what: str, *, finite: bool = True) -> float:
    """Return an int, a float or a tensor of one element as a float; otherwise end the check. A bool is no number."""
    if type(value) is Tensor and value.numel() == 1 and value.dtype != torch.bool:
        value = value.item()
    if type(value) not in (int, float):
        fail(f"{what} is {kind_of(value)}; it must be a number.")
    if finite and not math.isfinite(value):
        fail(f"{what} is {value}; it must be finite.")
    return float(value)


def expect_integer(value: Value, what: str) -> int:
    """Return an int, or a tensor of one integer, as an int; otherwise end the check."""
    if type(value) is Tensor and value.numel() == 1 and not (value.is_floating_point() or value.dtype == torch.bool):
        value = value.item()
    if type(value) is not int:
        fail(f"{what} is {kind_of(value)}; it must be an integer.")
    return value


def expect_items(value: Value, what: str, length: int | None = None) -> list[Value]:
    """Return the items of a list or tuple (of this length); otherwise end the check."""
    if type(value) not in (list, tuple) or length not in (None, len(value)):
        wanted = "a list or a tuple" if length is None else f"a list or a tuple of {length}"
        fail(f"{what} is {kind_of(value)}; it must be {wanted}.")
    return list(value)


def expect_dict(value: Value, what: str, keys: Sequence[str] = ()) -> dict[str, Value]:
    """Return a dict that has these keys (and perhaps more); otherwise end the check."""
    if type(value) is not dict:
        fail(f"{what} is {kind_of(value)}; it must be a dict.")
    if missing := [key for key in keys if key not in value]:
        fail(f"{what} has no key {missing[0]!r}.")
    return value


def expect_close(answer: Value, expected: Value, *, rtol: float = 1e-5, atol: float = 1e-8, message: str) -> None:
    """End the check with `message` unless every number of `answer` is within atol + rtol * |expected|."""
    if not close(answer, expected, rtol=rtol, atol=atol):
        fail(message)


def close(answer: Value, expected: Value, *, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """Whether an answer has the form of `expected` and each of its numbers is as close as that.

    Tensors must agree in shape; their dtype is free, but a bool is never a number. Integers and bools
    are compared exactly. A one-element tensor of no dimension counts as a number, a tuple as a list.
    NaN is close to NaN, an infinity to itself.
    """
    if type(expected) is dict:
        return (type(answer) is dict and answer.keys() == expected.keys()
                and all(close(answer[key], expected[key], rtol=rtol, atol=atol) for key in expected))  # fmt: skip
    if type(expected) in (list, tuple):
        return (type(answer) in (list, tuple) and len(answer) == len(expected)
                and all(close(a, e, rtol=rtol, atol=atol) for a, e in zip(answer, expected)))  # fmt: skip
    if expected is None or type(expected) is str:
        return type(answer) is type(expected) and answer == expected
    if type(answer) not in (bool, int, float, Tensor):
        return False
    a, e = _as_tensor(answer), _as_tensor(expected)
    if a.shape != e.shape or (a.dtype == torch.bool) != (e.dtype == torch.bool):
        return False
    if not a.is_floating_point() and not e.is_floating_point():
        return bool((a == e).all())
    return bool(torch.isclose(a.double(), e.double(), rtol=rtol, atol=atol, equal_nan=True).all())


def _as_tensor(number: "bool | int | float | Tensor") -> Tensor:
    # PyTorch itself would make a float32 of a Python float, in which 1.00000001 is 1.
    return torch.as_tensor(number, dtype=torch.float64 if type(number) is float else None)


def equal(answer: Value, expected: Value) -> bool:
    """Whether an answer has the form and exactly the values of `expected`; as `close`, with no tolerance."""
    return close(answer, expected, rtol=0.0, atol=0.0)

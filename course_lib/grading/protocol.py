"""What crosses between the grader and the box: JSON for the structure, raw bytes for the tensors, nothing else.

A message is one value. In JSON, None, bools, numbers and texts stand for themselves and everything else is
a list with its kind in front: `["list", item…]`, `["tuple", item…]`, `["dict", [key, item]…]`,
`["tensor", dtype, shape]`. The tensors' bytes follow the JSON in the order in which the tensors stand in it.

Both sides use this module. The grader's side believes nothing: what it decodes has been built anew from
exactly None, bool, int, float, str, list, tuple, dict and torch.Tensor, within the limits below, or it is
a `ProtocolError`. No pickle anywhere: whoever unpickles what the box wrote hands the grader to the box.
"""

import json
import math
from typing import Any

import torch
from torch import Tensor

from course_lib.grading.answers import Value

MAX_TENSOR_BYTES = 8 * 2**20
MAX_JSON_BYTES = 2 * 2**20
MAX_ITEMS = 100_000  # of all lists, tuples and dicts of a message together
MAX_DEPTH = 16
MAX_TEXT = 200_000  # characters of one str
MAX_INT = 2**63
MAX_DIMENSIONS = 8
_MAX_DIGITS = 40  # of a number: repr of an int below 2**63 or of a float has at most 24
DTYPES = {
    name: getattr(torch, name)
    for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
# Taken before any student's code runs: in the box, that code may replace them in their modules.
_dumps, _loads, _numel = json.dumps, json.loads, Tensor.numel
_detach, _contiguous, _cpu, _view, _reshape = Tensor.detach, Tensor.contiguous, Tensor.cpu, Tensor.view, Tensor.reshape
_to_numpy, _as_subclass = Tensor.numpy, Tensor.as_subclass


class ProtocolError(ValueError):
    """A value that does not cross; the message says which and why, after "it …"."""


def encode(value: Value) -> tuple[bytes, bytes]:
    """Return a value's JSON and its tensors' bytes.

    What is plainly one of the kinds that cross is taken for it: a subclass such as nn.Parameter or
    OrderedDict, a NumPy array or number. Gradients and devices stay behind.

    Raises:
        ProtocolError: it is of another kind or beyond a limit.
    """
    encoder = _Encoder()
    text = _dumps(encoder.node(value, 0), separators=(",", ":")).encode()
    if len(text) > MAX_JSON_BYTES:
        raise ProtocolError(f"holds more than {MAX_JSON_BYTES:,} bytes besides its tensors")
    return text, b"".join(encoder.parts)


class _Encoder:
    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.bytes = 0
        self.items = 0

    def node(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ProtocolError(f"is nested more than {MAX_DEPTH} deep")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            if not -MAX_INT <= value < MAX_INT:
                raise ProtocolError("holds an int of more than 64 bits")
            return int(value)
        if isinstance(value, float):
            return float(value)
        if isinstance(value, str):
            return _checked_text(str(value))
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, (list, tuple)):
            self._count(len(value))
            return ["tuple" if isinstance(value, tuple) else "list", *(self.node(item, depth + 1) for item in value)]
        if isinstance(value, dict):
            self._count(len(value))
            return ["dict", *([_checked_key(key), self.node(item, depth + 1)] for key, item in value.items())]
        if type(value).__module__ == "numpy":
            return self._tensor(torch.as_tensor(value)) if value.ndim else self.node(value.item(), depth)
        raise ProtocolError(f"holds a {type(value).__name__}, which is neither a number, a text, a tensor, a list, "
                            "a tuple nor a dict")  # fmt: skip

    def _tensor(self, tensor: Tensor) -> list:
        if tensor.dtype not in _NAMES or tensor.layout != torch.strided or tensor.device.type == "meta":
            raise ProtocolError(f"holds a tensor of {tensor.dtype}, {tensor.layout} on {tensor.device}; one of "
                                f"{', '.join(DTYPES)} with plain storage can cross")  # fmt: skip
        if tensor.dim() > MAX_DIMENSIONS:
            raise ProtocolError(f"holds a tensor of {tensor.dim()} dimensions; at most {MAX_DIMENSIONS} can cross")
        self.bytes += _numel(tensor) * tensor.element_size()
        if self.bytes > MAX_TENSOR_BYTES:
            raise ProtocolError(f"holds more than {MAX_TENSOR_BYTES:,} bytes of tensors")
        plain = _cpu(_detach(_as_subclass(tensor, Tensor)).resolve_neg())
        flat = _reshape(_contiguous(plain), (-1,))
        self.parts.append(_to_numpy(_view(flat, torch.uint8)).tobytes())
        return ["tensor", _NAMES[tensor.dtype], list(tensor.shape)]

    def _count(self, items: int) -> None:
        self.items += items
        if self.items > MAX_ITEMS:
            raise ProtocolError(f"holds more than {MAX_ITEMS:,} items")


def decode(text: bytes, raw: bytes | bytearray) -> Value:
    """Build a message's value anew from its JSON and its tensors' bytes.

    Raises:
        ProtocolError: it is no message, or beyond a limit.
    """
    if len(text) > MAX_JSON_BYTES or len(raw) > MAX_TENSOR_BYTES:
        raise ProtocolError("is larger than an answer may be")
    try:
        hooks = {"parse_int": _parse_int, "parse_float": _parse_float, "object_pairs_hook": _no_object}
        node = _loads(text.decode("utf-8"), **hooks)
    except ProtocolError:
        raise
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise ProtocolError("is not in the grader's format") from error
    decoder = _Decoder(memoryview(raw))
    value = decoder.value(node, 0)
    if decoder.used != len(raw):
        raise ProtocolError("has bytes that belong to no tensor")
    return value


class _Decoder:
    def __init__(self, raw: memoryview) -> None:
        self.raw = raw
        self.used = 0
        self.items = 0

    def value(self, node: Any, depth: int) -> Value:
        if type(node) is str:
            return _checked_text(node)
        if type(node) is not list:
            return node  # None, a bool, or a number that _parse_int or _parse_float has let through
        if depth > MAX_DEPTH:
            raise ProtocolError(f"is nested more than {MAX_DEPTH} deep")
        kind, *items = node or [None]
        if kind == "tensor":
            return self._tensor(items)
        self.items += len(items)
        if self.items > MAX_ITEMS:
            raise ProtocolError(f"holds more than {MAX_ITEMS:,} items")
        if kind == "list":
            return [self.value(item, depth + 1) for item in items]
        if kind == "tuple":
            return tuple([self.value(item, depth + 1) for item in items])
        if kind == "dict":
            return self._dict(items, depth)
        raise ProtocolError("is not in the grader's format")

    def _dict(self, items: list, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for pair in items:
            if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str or pair[0] in found:
                raise ProtocolError("holds a dict with a key twice, or with one that is no str")
            found[_checked_text(pair[0])] = self.value(pair[1], depth + 1)
        return found

    def _tensor(self, items: list) -> Tensor:
        if len(items) != 2 or type(items[0]) is not str or items[0] not in DTYPES or type(items[1]) is not list:
            raise ProtocolError("holds a tensor without dtype or shape")
        dtype, shape = DTYPES[items[0]], items[1]
        if len(shape) > MAX_DIMENSIONS or not all(type(size) is int and 0 <= size < 2**31 for size in shape):
            raise ProtocolError("holds a tensor of an impossible shape")
        if math.prod(max(size, 1) for size in shape) >= MAX_INT:  # an empty tensor has strides too
            raise ProtocolError("holds a tensor of an impossible shape")
        size = math.prod(shape) * dtype.itemsize
        if size > len(self.raw) - self.used:
            raise ProtocolError("holds a tensor with too few bytes")
        piece = bytearray(self.raw[self.used : self.used + size])  # its own memory, aligned, and nobody else's
        self.used += size
        if not size:
            return torch.empty(shape, dtype=dtype)
        if dtype is torch.bool:  # a byte other than 0 and 1 would be a bool that is neither
            return (torch.frombuffer(piece, dtype=torch.uint8) != 0).reshape(shape)
        return torch.frombuffer(piece, dtype=dtype).reshape(shape)


def _checked_text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ProtocolError(f"holds a text of more than {MAX_TEXT:,} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # half a surrogate pair, which no file could hold
        raise ProtocolError("holds a text that is not valid Unicode") from error
    return text


def _checked_key(key: Any) -> str:
    if not isinstance(key, str):
        raise ProtocolError(f"holds a dict with a key of type {type(key).__name__}; keys must be str")
    return _checked_text(str(key))


def _parse_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS or not -MAX_INT <= (number := int(digits)) < MAX_INT:
        raise ProtocolError("holds an int of more than 64 bits")
    return number


def _parse_float(digits: str) -> float:
    if len(digits) > _MAX_DIGITS:
        raise ProtocolError("holds a number of too many digits")
    return float(digits)


def _no_object(pairs: list) -> None:
    raise ProtocolError("is not in the grader's format")

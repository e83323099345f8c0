"""What crosses between box and grader arrives as it was, and nothing else arrives at all."""

import json
import math
import random
import socket
import threading
import time
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
import torch

from course_lib.grading import protocol
from course_lib.grading.answers import close
from course_lib.grading.frames import Channel, Closed, Late
from course_lib.grading.protocol import DTYPES, MAX_DEPTH, MAX_ITEMS, MAX_TENSOR_BYTES, ProtocolError, decode, encode

PLAIN = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 0.1, -0.0, 1e308, 5e-324, math.inf, -math.inf,
    "", "a\n\"\\\u2028é𝄞\0",
    [], (), {}, [1, [2.5, ("x", None)]], {"a": 1, "": {"b": (True,)}}, ["list", "tensor"], ("dict", ["list"]),
]  # fmt: skip


def same(a: object, b: object) -> bool:
    """Equal, and of the same types all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and close(a, b, rtol=0, atol=0)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b and math.copysign(1, a) == math.copysign(1, b) if isinstance(a, float) else a == b


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_arrive_as_they_were(value: object) -> None:
    assert same(decode(*encode(value)), value)


def test_nan_arrives() -> None:
    assert math.isnan(decode(*encode(math.nan)))
    assert decode(*encode(torch.tensor([math.nan, math.inf]))).isnan().tolist() == [True, False]


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)], ids=str)
def test_tensors_of_every_dtype_and_shape_arrive(name: str, shape: tuple[int, ...]) -> None:
    tensor = (torch.arange(math.prod(shape)).reshape(shape) % 2).to(DTYPES[name])
    assert same(decode(*encode({"t": [tensor, tensor]})), {"t": [tensor, tensor]})


def test_what_is_nearly_plain_is_taken_for_it() -> None:
    point = namedtuple("point", "x y")
    mixed = [np.float32(0.5), np.int64(3), np.arange(3), OrderedDict(a=1), point(1, 2), np.bool_(True), np.float64(2.5)]
    assert same(decode(*encode(mixed)), [0.5, 3, torch.arange(3), {"a": 1}, (1, 2), True, 2.5])
    parameter = torch.nn.Parameter(torch.ones(2, 2))
    arrived = decode(*encode([parameter.T, torch.ones(4)[::2]]))
    assert same(arrived, [torch.ones(2, 2), torch.ones(2)]) and not arrived[0].requires_grad


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (2**63, "64 bits"), (object(), "a object"), ({1: 2}, "key of type int"), (b"x", "a bytes"), ({1}, "a set"),
        (torch.ones(2, dtype=torch.complex64), "complex64"), (torch.ones(2).to_sparse(), "sparse"),
        (torch.empty(3, device="meta"), "meta"), (torch.ones([1] * 9), "9 dimensions"),
        (torch.zeros(MAX_TENSOR_BYTES + 1, dtype=torch.uint8), "bytes of tensors"),
        ([torch.zeros(MAX_TENSOR_BYTES // 2 + 1, dtype=torch.uint8)] * 2, "bytes of tensors"),
        (torch.zeros(1).expand(2**40), "bytes of tensors"), ([0] * (MAX_ITEMS + 1), "items"),
        (nested(MAX_DEPTH + 2), "deep"), ("x" * 200_001, "characters"), ("\ud800", "Unicode"),
        ({"\udcff": 1}, "Unicode"),
        (["x" * 150_000] * 15, "besides"), (1 + 2j, "complex"), (torch.ones(2).numpy().dtype, "holds a"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)  # fmt: skip
def test_what_does_not_cross_is_refused_by_name(value: object, says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        encode(value)


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list = []
    loop.append(loop)
    with pytest.raises(ProtocolError, match="deep"):
        encode(loop)


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{}", b'{"a": 1}', b"[]", b'["set", 1]', b'["LIST"]', b'[["list"]]', b"[null]", b"\xff\xfe",
        b"[" * 100_000,
        b'["list",' * 50 + b"1" + b"]" * 50, b'["dict", ["a", 1], ["a", 2]]', b'["dict", [1, 2]]', b'["dict", ["a"]]',
        b'["dict", "ab"]', b"1" * 100, b"9223372036854775808", b"1." + b"1" * 100, b"1e5" + b"0" * 50, b'"\\ud800"',
        b'["dict", ["\\ud800", 1]]', b"[1,2", b"1 2", b'["tensor"]', b'["tensor", "float32"]',
        b'["tensor", "float32", 3]',
        b'["tensor", "complex64", []]', b'["tensor", "float32", [-1]]', b'["tensor", "float32", [true]]',
        b'["tensor", "float32", [1.0]]', b'["tensor", "float32", [4, "x"]]', b'["tensor", ["float32"], [1]]',
        b'["tensor", "float32", [2147483648]]', b'["tensor", "int8", [0, 2147483647, 2147483647, 2147483647]]',
        b'["tensor", "int8", [1,1,1,1,1,1,1,1,8]]', b'["tensor", "float32", [1000000]]', b'["tensor", "int8", []]',
        b'["list", 1, ["list", 1, NULL]]', b'["list"' + b",1" * (MAX_ITEMS + 1) + b"]", b'"' + b"x" * 200_001 + b'"',
        b"nan", b"Infinityx", b"tensor",
    ],
    ids=lambda text: repr(text[:30]),
)  # fmt: skip
def test_forged_messages_are_refused(text: bytes) -> None:
    # With bytes for the tensors only where there is one: left over, they would be reason enough.
    with pytest.raises(ProtocolError):
        decode(text, bytes(8) if b"tensor" in text else b"")


def test_a_byte_that_is_no_bool_becomes_one() -> None:
    assert decode(b'["tensor","bool",[3]]', b"\x00\x01\xff").tolist() == [False, True, True]


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(ProtocolError, match="larger"):
        decode(b"null", bytearray(MAX_TENSOR_BYTES + 1))
    with pytest.raises(ProtocolError, match="larger"):
        decode(b" " * (protocol.MAX_JSON_BYTES + 1), b"")


def test_random_and_damaged_messages_never_do_more_than_be_refused() -> None:
    draw = random.Random(5)
    whole = encode({"answer": [torch.arange(6.0).reshape(2, 3), {"a": (1, 2.5, None, "é")}, True]})
    refused = 0
    for _ in range(4_000):
        text, raw = bytearray(whole[0]), bytearray(whole[1])
        for _ in range(draw.randrange(1, 4)):
            victim = draw.choice([text, text, raw])
            place = draw.randrange(len(victim) or 1)
            victim[place : place + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
        if draw.random() < 0.2:
            text = bytearray(draw.randbytes(draw.randrange(40)))
        try:
            json.dumps(decode(bytes(text), raw), default=torch.Tensor.tolist).encode()  # whatever it is, it is usable
        except ProtocolError:
            refused += 1
    assert refused > 2_000


@pytest.mark.parametrize(
    "text", [b"[" * 2_000_000, b'["list"' + b",[]" * 600_000 + b"]", b'"' + b"\\u0041" * 300_000 + b'"']
)
def test_the_largest_forgeries_are_refused_soon(text: bytes) -> None:
    started = time.process_time()
    with pytest.raises(ProtocolError):
        decode(text, b"")
    assert time.process_time() - started < 5


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield Channel(ours), theirs
    ours.close()
    theirs.close()


def test_a_large_message_in_small_pieces_takes_linear_time(pair) -> None:
    channel, other = pair
    sender = threading.Thread(target=lambda: Channel(other).send(torch.zeros(2_000_000)))
    other.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
    started = time.process_time()
    sender.start()
    assert channel.receive(time.monotonic() + 60).shape == (2_000_000,)
    sender.join()
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    "data", [b"\xff" * 8, b"\x00\x00\x00\x02\x00\x00\x00\x00{}", b"\x00\x00\x00\x04\x00\x80\x00\x01null"]
)
def test_forged_lengths_and_frames_are_refused(pair, data: bytes) -> None:
    channel, other = pair
    other.sendall(data)
    with pytest.raises(ProtocolError):
        channel.receive(time.monotonic() + 5)


def test_half_a_message_is_late_or_closed(pair) -> None:
    channel, other = pair
    other.sendall(b"\x00\x00\x00\x09\x00")
    with pytest.raises(Late):
        channel.receive(time.monotonic() + 0.05)
    other.close()
    with pytest.raises(Closed):
        channel.receive(time.monotonic() + 5)


def test_a_receiver_that_does_not_read_makes_sending_late(pair) -> None:
    channel, _ = pair
    with pytest.raises(Late):
        channel.send(torch.zeros(2_000_000), time.monotonic() + 0.05)

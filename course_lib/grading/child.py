"""Inside a child: run a notebook's cells, then call its functions as the grader asks.

Nothing here protects anybody: the student's code shares this process and can change all of it. It can
forge any answer, which is no more than returning it. What decides lies outside.
"""

import builtins
import linecache
import random
import sys
import types
from collections.abc import Callable
from typing import Any

import torch

from course_lib.grading.frames import Channel, Closed
from course_lib.grading.protocol import MAX_TEXT, ProtocolError

CELL = "code cell "
_MAX_MESSAGE = 2_000
_MAX_FAILURES = 20
# References from before the student's code, which may replace them.
_compile, _exec = builtins.compile, builtins.exec


class _NoKernel:
    """What get_ipython() returns: its methods take anything and do nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **kwargs: None


class _Names:
    """A notebook's names as attributes, for a driver."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.__dict__ = namespace

    def __getattr__(self, name: str) -> Any:
        raise NameError(f"the notebook defines no name {name!r}")


def serve(channel: Channel) -> None:
    """Answer the grader's messages until it hangs up."""
    receive, send = channel.receive, channel.send
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    namespace = module.__dict__
    namespace.update(get_ipython=_NoKernel, display=print, In=[""], Out={})
    while True:
        try:
            message = receive()
        except Closed:
            return
        try:
            try:
                reply = {"answer": _handle(message, namespace)}
            finally:
                _flush()  # now: whoever has the reply may end this process
            send(reply)
        except ProtocolError as error:
            send({"error": ["answer", f"its answer {error}", None, None]})
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: a function that exits has failed
            send({"error": describe(error)})


def _handle(message: dict[str, Any], namespace: dict[str, Any]) -> Any:
    if message.get("seed") is not None:
        seed_everything(message["seed"])
    if message["do"] == "load":
        return load(message, namespace)
    if message["do"] == "call":
        return getattr(_Names(namespace), message["function"])(*message["args"], **message["kwargs"])
    names: dict[str, Any] = {}
    _exec(_compile(message["driver"], "the check", "exec"), names)
    return names["drive"](_Names(namespace), *message["args"])


def seed_everything(seed: int) -> None:
    """Give random, NumPy and PyTorch a known state, so that a grade can be reproduced."""
    import numpy

    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def load(message: dict[str, Any], namespace: dict[str, Any]) -> dict[str, Any]:
    """Run the cells in order; return which of the functions there are, and which cells failed.

    A cell that fails does not stop the next. Cells that failed for a missing name are tried again at the
    end: their order may have been changed. Later definitions replace earlier ones, as in a kernel.
    """
    failures: dict[int, tuple[list, bool]] = {}
    cells = message["cells"]
    bound = {0: _run_cell(0, message["prelude"], namespace, failures)}
    for number, source in cells:
        bound[number] = _run_cell(number, source, namespace, failures)
    _try_again(cells, namespace, failures, bound)
    present = [name for name in message["functions"] if callable(namespace.get(name))]
    listed = [failures[number][0] for number in sorted(failures) if number > 0]
    return {"functions": present, "failures": listed[:_MAX_FAILURES]}


def _try_again(
    cells: list[list], namespace: dict[str, Any], failures: dict[int, tuple[list, bool]], bound: dict[int, set[str]]
) -> None:
    """Run cells that lacked a name until that changes nothing more: each may bind what another one waits for.

    What a later cell has bound stays: a first try that comes to run only now is no later definition.
    """
    for _ in cells:
        waiting = [(number, source) for number, source in cells if number in failures and failures[number][1]]
        known = len(namespace)
        for number, source in waiting:
            later = {name for other, names in bound.items() if other > number for name in names}
            kept = {name: namespace[name] for name in later & namespace.keys()}
            bound[number] |= _run_cell(number, source, namespace, failures)
            namespace.update(kept)
        still = [number for number, _ in waiting if number in failures and failures[number][1]]
        if len(still) == len(waiting) and len(namespace) == known:
            return


def _run_cell(number: int, source: str, namespace: dict[str, Any], failures: dict[int, tuple[list, bool]]) -> set[str]:
    """Run one cell, note whether it failed, and return the names that it has bound."""
    before = dict(namespace)
    name = f"{CELL}{number}"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    failures.pop(number, None)
    try:
        _exec(_compile(source, name, "exec"), namespace)
    except BaseException as error:
        cause = describe(error)
        if cause[2] is None:
            cause[2] = number
        failures[number] = (cause, isinstance(error, NameError))
    _flush()
    return {key for key, value in dict(namespace).items() if key not in before or before[key] is not value}


def describe(error: BaseException) -> list:
    """Return [class name, message, cell or None, line or None] of where the student's own code failed."""
    cell = line = None
    if isinstance(error, SyntaxError) and str(error.filename).startswith(CELL):
        cell, line = int(error.filename.removeprefix(CELL)), error.lineno
    trace = error.__traceback__
    while trace is not None and not isinstance(error, SyntaxError):
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(CELL):
            cell, line = int(name.removeprefix(CELL)), trace.tb_lineno
        trace = trace.tb_next
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except BaseException:  # its own __str__ may fail as well
        text = "(the exception cannot be printed)"
    return [_clean(type(error).__name__, 100), _clean(text, _MAX_MESSAGE), cell, line]


def _clean(text: Any, most: int) -> str:
    assert most <= MAX_TEXT
    return str(text)[:most].encode("utf-8", "backslashreplace").decode()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass  # the student's code may have closed or replaced it

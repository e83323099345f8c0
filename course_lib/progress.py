"""How far a training run is: a bar that leaves nothing behind, or a line now and then in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from html import escape
from typing import Protocol, TypeVar

SECONDS_BETWEEN_DRAWINGS = 0.2
SECONDS_BETWEEN_LINES = 60.0  # in a log, which keeps them all


class Record(Protocol):
    """What the bar reads of a record."""

    @property
    def step(self) -> int: ...

    @property
    def loss(self) -> float: ...


R = TypeVar("R", bound=Record)


def track(records: Iterable[R], total: int) -> Iterator[R]:
    """Yield `records` unchanged and show how far they are, with the last loss in nats.

    In a notebook the bar is one HTML output, updated in place and emptied at the end: stored
    outputs hold no trace of it, and a page without a kernel has nothing to render. On a terminal it
    is tqdm's, on stderr, cleared at the end as well. Where stderr goes to a file or a pipe, a line
    a minute tells the step, the loss and the minutes that are left.

    Args:
        records: what `course_lib.train` yields, or anything with `step` and `loss`.
        total: the number of updates of the whole run; a resumed run starts part of the way.

    Raises:
        ValueError: `total` is below 1; raised at the call.
    """
    if total < 1:
        raise ValueError(f"total is {total}; it must be at least 1.")
    if _has_kernel():
        return _in_notebook(records, total)
    return _on_terminal(records, total) if sys.stderr.isatty() else _in_log(records, total)


def _has_kernel() -> bool:
    """Return whether this is a notebook's kernel (JupyterLab, Colab), not a terminal or a script."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _in_notebook(records: Iterable[R], total: int) -> Iterator[R]:
    from IPython.display import display

    # The first and the last content are the same empty string, so that a stored notebook is the
    # same whether its reader keeps the first version of an output (nbval) or the last (nbclient).
    handle = display({"text/html": ""}, raw=True, display_id=True)
    drawn = -SECONDS_BETWEEN_DRAWINGS
    try:
        for record in records:
            now = time.monotonic()
            if now - drawn >= SECONDS_BETWEEN_DRAWINGS:
                handle.update({"text/html": _bar(record, total)}, raw=True)
                drawn = now
            yield record
    finally:
        handle.update({"text/html": ""}, raw=True)


def _bar(record: Record, total: int) -> str:
    done = record.step + 1
    words = escape(_words(record, total))
    return (
        f'<progress value="{done}" max="{total}" aria-label="{words}" style="width: 16em">'
        f"</progress> {words}"
    )


def _words(record: Record, total: int) -> str:
    return f"step {record.step + 1:,} of {total:,}, loss {record.loss:.2f}"


def _on_terminal(records: Iterable[R], total: int) -> Iterator[R]:
    from tqdm import tqdm

    with tqdm(total=total, leave=False, unit="step") as bar:
        for record in records:
            if not bar.n:  # the steps before a resume took none of this time, nor are they a pace to redraw at
                bar.initial = bar.n = bar.last_print_n = record.step
            bar.update(record.step + 1 - bar.n)
            bar.set_postfix_str(f"loss {record.loss:.2f}", refresh=False)
            yield record


def _in_log(records: Iterable[R], total: int) -> Iterator[R]:
    started = said = time.monotonic()
    first = None
    for record in records:
        first = record.step if first is None else first
        now = time.monotonic()
        if now - said >= SECONDS_BETWEEN_LINES:
            said = now
            minutes = (now - started) / (record.step + 1 - first) * (total - record.step - 1) / 60
            print(f"{_words(record, total)}, {minutes:.0f} min left", file=sys.stderr, flush=True)
        yield record

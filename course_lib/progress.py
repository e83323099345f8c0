"""A progress bar for a training run that leaves nothing behind."""

import sys
import time
from collections.abc import Iterable, Iterator
from html import escape
from typing import Protocol, TypeVar

SECONDS_BETWEEN_DRAWINGS = 0.2


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
    outputs hold no trace of it, and a page without a kernel has nothing to render. Elsewhere it
    is tqdm's, on stderr, cleared at the end as well.

    Args:
        records: what `course_lib.train` yields, or anything with `step` and `loss`.
        total: the number of updates of the whole run; a resumed run starts part of the way.

    Raises:
        ValueError: `total` is below 1; raised at the call.
    """
    if total < 1:
        raise ValueError(f"total is {total}; it must be at least 1.")
    return _in_notebook(records, total) if _has_kernel() else _on_terminal(records, total)


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
    words = escape(f"step {done:,} of {total:,}, loss {record.loss:.2f}")
    return (
        f'<progress value="{done}" max="{total}" aria-label="{words}" style="width: 16em">'
        f"</progress> {words}"
    )


def _on_terminal(records: Iterable[R], total: int) -> Iterator[R]:
    from tqdm import tqdm

    with tqdm(total=total, leave=False, unit="step") as bar:
        for record in records:
            bar.update(record.step + 1 - bar.n)
            bar.set_postfix_str(f"loss {record.loss:.2f}", refresh=False)
            yield record

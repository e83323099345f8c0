"""Quizzes: numeric and multiple-choice questions with an answer at once and memory in the browser."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import traitlets
from IPython.display import display

from course_lib.widgets.base import Picture, module, style


@dataclass(frozen=True)
class Numeric:
    """A question with a number for an answer.

    Args:
        question: the question; `code` in backticks is set in the code font.
        answer: the right number, computed in the notebook.
        tolerance: largest absolute difference that still counts as right.
        rtol: the same relative to the answer; the larger of the two allowances holds.
        right: a sentence for a right answer that adds something.
        wrong: a sentence for each typical wrong number, naming the mistake. A wrong number is
            recognised within the same allowance.
        unit: written after the box, for example "nats".
    """

    question: str
    answer: float
    tolerance: float = 0.0
    rtol: float = 1e-9
    right: str = ""
    wrong: Mapping[float, str] = field(default_factory=dict)
    unit: str = ""

    def as_state(self) -> dict[str, Any]:
        """Return the question as the module reads it."""
        wrong = [[float(value), sentence] for value, sentence in self.wrong.items()]
        return asdict(self) | {"kind": "numeric", "answer": float(self.answer), "wrong": wrong}


@dataclass(frozen=True)
class Choice:
    """A question with one right option.

    Args:
        question: the question; `code` in backticks is set in the code font.
        options: the options in the order in which they are shown.
        answer: the position of the right one.
        right: a sentence for a right answer that adds something.
        wrong: a sentence for each wrong option, by position, naming the mistake.
    """

    question: str
    options: Sequence[str]
    answer: int
    right: str = ""
    wrong: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.answer < len(self.options):
            raise ValueError(f"answer is {self.answer}; it must be the position of one of the options")
        if strangers := [i for i in self.wrong if i == self.answer or not 0 <= i < len(self.options)]:
            raise ValueError(f"there is a hint for option {strangers[0]}, which is not one of the wrong options")

    def as_state(self) -> dict[str, Any]:
        """Return the question as the module reads it."""
        wrong = [[position, sentence] for position, sentence in self.wrong.items()]
        return asdict(self) | {"kind": "choice", "options": list(self.options), "wrong": wrong}


class Quiz(Picture):
    """The questions of one chapter. `solved` holds the positions of those answered right."""

    _esm = module("quiz")
    _css = style()

    chapter = traitlets.Unicode().tag(sync=True)
    questions = traitlets.List().tag(sync=True)
    solved = traitlets.List(traitlets.Int()).tag(sync=True)

    def __repr__(self) -> str:
        # What was solved is the reader's and would differ between runs.
        return f"Quiz({self.chapter!r}, {len(self.questions)} questions)"


def quiz(chapter: str, questions: Sequence[Numeric | Choice]) -> Quiz:
    """Show questions that are checked at once; progress is kept in the reader's browser only.

    Args:
        chapter: the chapter's short name, under which its progress is kept.
        questions: at least one.

    Returns:
        The quiz; `solved` follows the answers.

    Raises:
        ValueError: there are no questions.
    """
    if not questions:
        raise ValueError("a quiz needs at least one question")
    picture = Quiz(
        chapter=chapter,
        questions=[question.as_state() for question in questions],
        text_alternative=" ".join(f"{i}. {q.question}" for i, q in enumerate(questions, 1)),
        height_hint=_height(questions, 76),
        height_hint_narrow=_height(questions, 40),
    )
    display(picture)
    return picture


def _height(questions: Sequence[Numeric | Choice], line: int) -> int:
    """Return about how high the quiz is, in CSS pixels, at `line` characters a line."""
    height = 58
    for question in questions:
        options = question.options if isinstance(question, Choice) else ()
        lines = sum(-(-len(text) // line) for text in (question.question, *options))
        height += 117 + 26 * lines + 10 * len(options) + 7 * bool(options)
    return height

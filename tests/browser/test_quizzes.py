"""Every question of every chapter, answered wrong and right; progress, its overview, and its reset."""

import json
from fractions import Fraction

import pytest

from tools import project

CHAPTERS = [path.relative_to(project.ROOT).with_suffix("").as_posix() for path in project.chapters()]
STATE = "() => document.querySelector('script[type=\"application/vnd.jupyter.widget-state+json\"]').textContent"
# What a browser does that keeps nothing for a site: reading the property throws.
DENIED = """for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name,
  { configurable: true, get() { throw new DOMException('denied', 'SecurityError') } })"""
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"


class Asked:
    """The quiz of an open page: its stored questions and their forms."""

    def __init__(self, page, address: str, name: str) -> None:
        page.set_default_timeout(10_000)
        page.goto(f"{address}/{name}.html")
        self.page = page
        self.ready()
        models = json.loads(page.evaluate(STATE))["state"].values()
        (self.state,) = [model["state"] for model in models if "questions" in model["state"]]
        self.questions = self.state["questions"]
        self.forms = page.locator("form.quiz-question")

    def ready(self) -> None:
        self.page.wait_for_selector("form.quiz-question")

    def answer(self, number: int, given: str | int, by_enter: bool) -> str:
        """Answer a question with a number as written, or an option's position; return the verdict."""
        form = self.forms.nth(number)
        field = form.locator("input[type=text]") if isinstance(given, str) else form.locator("input[type=radio]").nth(given)
        field.fill(given) if isinstance(given, str) else field.check()
        field.press("Enter") if by_enter else form.get_by_role("button", name="Check").click()
        return self.verdict(number)

    def verdict(self, number: int) -> str:
        return self.forms.nth(number).locator(".quiz-feedback").inner_text()

    def count(self) -> str:
        return self.page.locator(".quiz-count [aria-hidden]").inner_text()

    def complete(self) -> bool:
        return "Chapter complete" in self.page.locator(".quiz-done").inner_text()

    def answer_all(self, only: int | None = None) -> None:
        for number, question in enumerate(self.questions[:only]):
            answer = question["answer"]
            assert self.answer(number, answer if question["kind"] == "choice" else repr(answer), True).startswith("✓ Right.")


def said(mark: str, sentence: str) -> str:
    """The verdict as a reader sees it; backticks set code."""
    return f"{mark} {sentence.replace('`', '')}".strip()


def spellings(answer: float, allowed: float) -> list[str]:
    """The ways in which readers write a number, those that are near enough to the answer."""
    fraction = Fraction(answer).limit_denominator(1000)
    mantissa, exponent = f"{answer:.9e}".split("e")
    written = {
        repr(answer): answer, f"{answer:,.4f}".rstrip("0").rstrip("."): round(answer, 4),
        f"{fraction.numerator}/{fraction.denominator}": float(fraction),
        f"{float(mantissa):g}e{int(exponent)}": float(f"{float(mantissa):g}e{int(exponent)}"),
        f"{float(mantissa):.9g}·10^{int(exponent)}": answer, f" {answer:+_.9g} ": float(f"{answer:.9g}"),
    }  # fmt: skip
    return [text for text, value in written.items() if abs(value - answer) <= allowed]


@pytest.mark.parametrize("by_enter", [True, False], ids=["Enter", "button"])
@pytest.mark.parametrize("name", CHAPTERS)
def test_each_wrong_answer_gets_its_own_sentence(page, site_address: str, name: str, by_enter: bool) -> None:
    quiz = Asked(page, site_address, name)
    for number, question in enumerate(quiz.questions):
        sentences = [sentence for _, sentence in question["wrong"]]
        assert sentences and all(sentences) and len(set(sentences)) == len(sentences)
        if question["kind"] == "choice":
            others = set(range(len(question["options"]))) - {question["answer"]}
            assert {position for position, _ in question["wrong"]} == others, "an option without a sentence"
        for wrong, sentence in question["wrong"]:
            given = wrong if question["kind"] == "choice" else repr(wrong)
            assert quiz.answer(number, given, by_enter) == said("✗ Not yet.", sentence)
        if question["kind"] == "numeric":
            assert quiz.answer(number, "123456.789", by_enter) == "✗ Not yet."
            assert "is not read as a number" in quiz.answer(number, "about ten", by_enter)
            assert quiz.answer(number, " ", by_enter) == "Type a number first."
    assert quiz.count() == f"0 / {len(quiz.questions)}" and not quiz.complete()
    page.record.assert_clean()


@pytest.mark.parametrize("name", CHAPTERS)
def test_right_answers_count_and_are_remembered(page, site_address: str, name: str) -> None:
    quiz = Asked(page, site_address, name)
    total = len(quiz.questions)
    for number, question in enumerate(quiz.questions):
        assert quiz.count() == f"{number} / {total}" and not quiz.complete()
        answer, right = question["answer"], question["right"]
        assert right, "a right answer adds something"
        if question["kind"] == "choice":
            assert quiz.answer(number, answer, number % 2 == 0) == said("✓ Right.", right)
            continue
        written = spellings(answer, max(question["tolerance"], question["rtol"] * abs(answer)))
        assert len(written) >= 3
        for turn, text in enumerate(written):
            assert quiz.answer(number, text, turn % 2 == 0) == said("✓ Right.", right), text
    assert quiz.count() == f"{total} / {total}" and quiz.complete()
    page.reload()
    quiz.ready()
    assert quiz.count() == f"{total} / {total}" and quiz.complete()
    assert [quiz.verdict(n) for n in range(total)] == [said("✓ Right.", q["right"]) for q in quiz.questions]
    page.get_by_role("button", name="Start over").press("Enter")
    assert quiz.count() == f"0 / {total}" and not quiz.complete()
    page.reload()
    quiz.ready()
    assert quiz.count() == f"0 / {total}" and "".join(quiz.verdict(n) for n in range(total)) == ""
    page.record.assert_clean()


# ---- the overview of the whole course


def overview(page) -> dict[str, str]:
    """What the introduction shows behind each chapter's title, as it is seen and as it is said."""
    rows = page.locator(".course-progress li")
    return {
        row.get_attribute("data-chapter"): " | ".join(row.locator(".course-progress-count span").all_inner_texts())
        for row in rows.all()
    }


@pytest.fixture
def introduction(site_address: str) -> str:
    return f"{site_address}/{project.pages()[0]}.html"


def test_the_overview_lists_every_quiz_once(page, site_address: str, introduction: str) -> None:
    quizzes = [Asked(page, site_address, name) for name in CHAPTERS]
    expected = {quiz.state["chapter"]: f"0 / {(n := len(quiz.questions))} | 0 of {n} answered" for quiz in quizzes}
    page.goto(introduction)
    assert list(overview(page).items()) == list(expected.items()), "in reading order"
    links = [link.evaluate("a => a.href") for link in page.locator(".course-progress li a").all()]
    assert links == [f"{site_address}/{name}.html" for name in CHAPTERS]
    assert not page.get_by_role("button", name="Reset progress").is_visible()
    page.record.assert_clean()


def test_the_overview_follows_resets_and_takes_back(page, site_address: str, introduction: str) -> None:
    quiz = Asked(page, site_address, CHAPTERS[0])
    quiz.answer_all()
    first, all_of_first = quiz.state["chapter"], len(quiz.questions)
    quiz = Asked(page, site_address, CHAPTERS[1])
    quiz.answer_all(only=1)
    second = quiz.state["chapter"]
    page.goto(introduction)
    before = overview(page)
    assert before[first] == f"✓ {all_of_first} / {all_of_first} | complete, {all_of_first} of {all_of_first} answered"
    assert before[second].startswith("1 / ")
    status = page.locator(".course-progress [role=status]")
    assert status.inner_text().startswith(f"{all_of_first + 1} of ")
    button = page.locator(".course-progress button")
    button.focus()
    page.keyboard.press("Enter")
    assert status.inner_text() == "Progress is reset." and button.inner_text() == "Undo"
    assert all(shown.startswith("0 / ") for shown in overview(page).values())
    assert button.evaluate("b => b === document.activeElement"), "the focus stays where it was"
    page.keyboard.press("Space")
    assert overview(page) == before and button.inner_text() == "Reset progress"
    page.reload()
    assert overview(page) == before
    button.click()
    page.reload()
    assert all(shown.startswith("0 / ") for shown in overview(page).values()) and not button.is_visible()
    assert Asked(page, site_address, CHAPTERS[0]).count() == f"0 / {all_of_first}"
    page.record.assert_clean()


@pytest.mark.parametrize("stored", ["{", "null", "[]", '{"version": 2}', '{"version": 1, "quizzes": {"corpus": 7, "batches": {"total": 99, "right": [0]}}}'])
def test_a_strange_memory_is_an_empty_one(page, site_address: str, introduction: str, stored: str) -> None:
    page.goto(introduction)
    key = page.locator(".course-progress").get_attribute("data-memory")
    page.evaluate("entry => localStorage.setItem(...entry)", [key, stored])
    page.reload()
    assert all(shown.startswith("0 / ") for shown in overview(page).values())
    for name in CHAPTERS[:2]:
        quiz = Asked(page, site_address, name)
        assert quiz.count().startswith("0 / ")
        quiz.answer_all(only=1)
        assert quiz.count().startswith("1 / ")
    page.goto(introduction)
    assert [shown[:3] for shown in overview(page).values()][:2] == ["1 /", "1 /"]
    page.record.assert_clean()

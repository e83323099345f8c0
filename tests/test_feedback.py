"""Feedback: it teaches, both forms say the same, and nothing that a student wrote can act in it."""

import html.parser
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from course_lib.grading import feedback
from course_lib.grading.results import read_results
from result_files import check, grader_error, result, write_results

ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "section", "h1", "h2", "h3", "p", "ul", "li", "span",
    "strong", "bdi", "pre", "br", "details", "summary",
}  # fmt: skip


class Page(html.parser.HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.text = set(), [], ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def written(folder: Path, *results: dict) -> tuple[str, str]:
    """The Markdown and the HTML of the one student."""
    feedback.write_feedback(write_results(folder, *results))
    [markdown], [page] = folder.glob("*/feedback.md"), folder.glob("*/feedback.html")
    return markdown.read_text(), page.read_text()


def rendered(markdown: str) -> Page:
    return Page(MarkdownIt("commonmark").enable("table").render(markdown))


def test_each_check_gives_points_message_and_line(tmp_path):
    checks = [
        check("adds", 3, 3),
        check("keeps order", 0, 1, "student_error", "ValueError: no such key\nSee the hint.", 7),
    ]
    values = result(checks=checks, notes=["Code cell 2, line 3 stopped with NameError: x"], late=True, log="epoch 1")
    for page in (rendered((texts := written(tmp_path, values))[0]), Page(texts[1])):
        for words in (
            "Feedback for ada", "clipping: 3 of 4 points", "passed, 3 of 3 points",
            "error in your code, 0 of 1 points, line 7", "ValueError: no such key", "See the hint.",
            "Code cell 2, line 3 stopped with NameError: x", "handed in late", "A person grades 2 more points",
            "why-clipping", "Because.", "epoch 1", "If you disagree", "submission abababababab, seed c0ffee",
        ):  # fmt: skip
            assert words in page.text


def test_several_exercises_share_one_file(tmp_path):
    for text in written(tmp_path, result(exercise="loss"), result(exercise="clipping")):
        assert text.index("clipping: 3 of 4") < text.index("loss: 3 of 4")


def test_no_grade_is_said_and_is_no_zero(tmp_path):
    values = grader_error() | {"checks": [check("adds", 0, 3, "not_run")]}
    for text in written(tmp_path, values):
        assert "clipping: no grade yet" in text and "This is not a zero." in text
        assert "0 of" not in text


@pytest.mark.parametrize("status", ["student_error", "time_out"])
def test_the_student_hears_what_kind_of_end_it_was(tmp_path, status):
    for text in written(tmp_path, result(status=status, points=0)):
        assert feedback.SENTENCES[status] in text


HOSTILE = [
    "<script>alert(1)</script>",
    "</pre><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "<!--",
    "]]>",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "<https://evil.example>",
    "https://evil.example/a",
    "```\n<b>out</b>\n```",
    "````\n# out",
    "~~~\nout",
    "# heading",
    "\n\n---\n\n",
    "| a | b |\n|---|---|",
    "    code",
    "* item",
    "a\u202egnp.exe",
    "a\u2066b\u2069",
    "\x1b[31mred",
    "[x]: https://evil.example\n\n[x]",
    "&lt;b&gt;",
    "\\<b>",
    "`<b>`",
    "*bold* _it_ ~~no~~ $x$ :smile: @user",
    "1. one",
    "<style>*{display:none}</style>",
    "<meta http-equiv=refresh>",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_student_wrote_can_act(tmp_path, text):
    values = result(
        notes=[text],
        log=text,
        checks=[check("adds", 0, 3, "failed", text), check(text[:40], 1, 1)],
        manual=[{"id": text, "max_points": 2, "answer": text}],
    )
    checks = [check("adds", 0, 3, "failed", "m"), check("k", 1, 1)]
    plain = written(tmp_path / "plain", result(notes=["n"], log="l", checks=checks))
    markdown, page = written(tmp_path / "hostile", values)
    assert Page(page).tags <= ALLOWED
    assert rendered(markdown).tags <= rendered(plain[0]).tags
    assert not {name for name, _ in rendered(markdown).attributes} - {"class"}
    for content in (markdown, page):
        assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", content)
    headings = re.findall(r"<h[123]>", MarkdownIt("commonmark").render(markdown))
    assert headings == re.findall(r"<h[123]>", MarkdownIt("commonmark").render(plain[0]))


@pytest.mark.parametrize(
    "text", ["a < b & c > d", "x_1 * x_2 = [3](4)", "`tick` and \\ and $", "1. not a list", "naïve 名前"]
)
def test_what_a_student_wrote_is_shown_as_it_was(tmp_path, text):
    values = result(notes=[text], log=text, manual=[{"id": "q", "max_points": 1, "answer": text}])
    markdown, page = written(tmp_path, values)
    assert rendered(markdown).text.count(text) == Page(page).text.count(text) == 3


def test_the_page_loads_nothing_and_runs_nothing(tmp_path):
    page = written(tmp_path, result())[1]
    attributes = dict(Page(page).attributes)
    assert "default-src 'none'" in page and not {"src", "href", "onclick"} & set(attributes)
    assert "url(" not in page and "@import" not in page and "<script" not in page
    assert 'name="viewport"' in page and "prefers-color-scheme:dark" in page


def test_feedback_is_written_for_each_student_and_again_the_same(tmp_path):
    write_results(tmp_path, result("ada"), result("ada", "loss"), result("bob"))
    paths = feedback.write_feedback(tmp_path)
    first = [path.read_bytes() for path in paths]
    assert [str(path.relative_to(tmp_path)) for path in paths] == [
        "ada/feedback.html", "ada/feedback.md", "bob/feedback.html", "bob/feedback.md",
    ]  # fmt: skip
    assert [path.read_bytes() for path in feedback.write_feedback(tmp_path)] == first
    assert len(read_results(tmp_path)) == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_legible_on_a_phone_in_light_and_dark(tmp_path, page, scheme):
    from axe_playwright_python.sync_playwright import Axe

    long = "x" * 500 + " " + "y " * 300
    written(tmp_path, result(notes=[long], log=long, checks=[check("adds", 3, 3), check("b", 0, 1, "failed", long)]))
    page.set_viewport_size({"width": 360, "height": 700})
    page.emulate_media(color_scheme=scheme)
    page.goto((tmp_path / "ada/feedback.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) > 380) == (scheme == "light")
    page.locator("summary").click()
    # The page's own policy forbids scripts; axe is put in by the browser's debugger, which stands above it.
    found = Axe().run(page).response
    assert [violation["id"] for violation in found["violations"]] == []
    page.record.assert_clean()

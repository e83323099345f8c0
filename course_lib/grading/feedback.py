"""Feedback for each student, as Markdown and as one HTML file, made from the results.

What a student wrote, and every message that may quote it, passes through `text`: nothing in a
submission can become a tag, a link or a command in the page of whoever reads the feedback.
"""

from pathlib import Path

from course_lib.files import atomic_path
from course_lib.grading.results import CheckResult, ManualAnswer, Result, format_points, read_results
from course_lib.grading.text import html_block, html_text, markdown_block, markdown_text
from course_lib.palette import PALETTE

MARKDOWN_NAME = "feedback.md"
HTML_NAME = "feedback.html"

OUTCOMES = {
    "passed": "passed",
    "failed": "not passed",
    "student_error": "error in your code",
    "time_out": "stopped at the time limit",
    "not_run": "not run",
}
SENTENCES = {
    "graded": "Your notebook was graded.",
    "student_error": "Your notebook could not be checked as it stands. The reason is below.",
    "time_out": "Your code was stopped at a time limit. Which one is below.",
    "grader_error": (
        "There is no grade yet. The grader failed, not your notebook, and it will be graded again. "
        "This is not a zero."
    ),
}
APPEAL = (
    "If you think that a check judged wrongly, say so. Name the check, what you expect, and why. "
    "Quote the line below: with it your teachers repeat the grading exactly, on the same random numbers."
)


def write_feedback(folder: Path) -> list[Path]:
    """Write `STUDENT/feedback.md` and `.html` below a folder of results; return the paths, sorted.

    Raises:
        ResultError: as `results.read_results`.
    """
    by_student: dict[str, list[Result]] = {}
    for result in read_results(folder):
        by_student.setdefault(result.student, []).append(result)
    written = []
    for student, results in by_student.items():
        for name, content in ((HTML_NAME, html(results)), (MARKDOWN_NAME, markdown(results))):
            path = Path(folder) / student / name
            with atomic_path(path) as temporary:
                temporary.write_bytes(content.encode("utf-8", "backslashreplace"))
            written.append(path)
    return sorted(written)


def points_of(result: Result) -> str:
    """Return "7 of 10 points", or that there is no grade yet."""
    if not result.is_graded:
        return "no grade yet"
    return f"{format_points(result.points)} of {format_points(result.max_points)} points"


def reference(result: Result) -> str:
    """Return what identifies one grading: exercise, submission and seed."""
    return f"{result.exercise}, submission {result.submission_sha256[:12]}, seed {result.seed}"


def open_by_hand(result: Result) -> str:
    """Return the sentence about questions that a person grades, or "" without any."""
    points = sum(question.max_points for question in result.manual)
    return f"A person grades {format_points(points)} more points below." if result.manual else ""


def head_sentences(result: Result) -> list[str]:
    """Return what stands above the checks: outcome, lateness, what is graded by hand."""
    late = "It was handed in late." if result.late else ""
    return [sentence for sentence in (SENTENCES[result.status], late, open_by_hand(result)) if sentence]


def outcome_of(check: CheckResult) -> str:
    """Return a check's outcome in words, with its points, and the line where there is one."""
    words = f"{OUTCOMES[check.status]}, {format_points(check.points)} of {format_points(check.max_points)} points"
    return words if check.line is None else f"{words}, line {check.line}"


def markdown(results: list[Result]) -> str:
    """Return one student's feedback as CommonMark."""
    parts = [f"# Feedback for {markdown_text(results[0].student)}"]
    for result in results:
        parts.append(f"## {markdown_text(result.exercise)}: {points_of(result)}")
        parts.append(" ".join(head_sentences(result)))
        parts += [f"*Note:* {markdown_text(note)}" for note in result.notes]
        if result.is_graded and result.checks:
            parts.append("\n".join(_markdown_check(check) for check in result.checks))
        for question in result.manual:
            title = f"### Graded by hand: {markdown_text(question.id)} ({format_points(question.max_points)} points)"
            parts += [title, "You wrote:", markdown_block(_answer(question))]
        if result.log.strip():
            parts += ["### What your notebook printed", markdown_block(result.log)]
        parts += ["### If you disagree", APPEAL, markdown_block(reference(result))]
    return "\n\n".join(parts) + "\n"


def _markdown_check(check: CheckResult) -> str:
    mark = "x" if check.status == "passed" else " "
    line = f"- [{mark}] **{markdown_text(check.name)}**: {outcome_of(check)}"
    paragraphs = [text for text in check.message.splitlines() if text.strip()]
    return "\n".join([line, *(f"\n  {markdown_text(text)}" for text in paragraphs)])


def _answer(question: ManualAnswer) -> str:
    return question.answer if question.answer.strip() else "(nothing)"


def html(results: list[Result]) -> str:
    """Return one student's feedback as a page of its own: no script, nothing loaded, light and dark."""
    student = html_text(results[0].student)
    sections = "\n".join(_html_section(result) for result in results)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Feedback for {student}</title>
<style>
{style()}</style>
</head>
<body>
<main>
<h1>Feedback for <bdi>{student}</bdi></h1>
{sections}
</main>
</body>
</html>
"""


def _html_section(result: Result) -> str:
    parts = [f"<h2>{html_text(result.exercise)}: {points_of(result)}</h2>"]
    parts.append(f"<p>{' '.join(map(html_text, head_sentences(result)))}</p>")
    parts += [f'<p class="note">Note: <bdi>{html_text(note)}</bdi></p>' for note in result.notes]
    if result.is_graded and result.checks:
        parts.append("<ul>" + "\n".join(_html_check(check) for check in result.checks) + "</ul>")
    for question in result.manual:
        title = f"Graded by hand: {html_text(question.id)} ({format_points(question.max_points)} points)"
        parts.append(f'<h3>{title}</h3>\n<p>You wrote:</p>\n<pre dir="auto">{html_block(_answer(question))}</pre>')
    if result.log.strip():
        log = html_block(result.log)
        parts.append(f"<details><summary>What your notebook printed</summary>\n<pre>{log}</pre>\n</details>")
    parts.append(f"<h3>If you disagree</h3>\n<p>{APPEAL}</p>\n<pre>{html_block(reference(result))}</pre>")
    return "<section>\n" + "\n".join(parts) + "\n</section>"


def _html_check(check: CheckResult) -> str:
    kind, sign = ("good", "✓") if check.status == "passed" else ("bad", "✗")
    message = f"<p><bdi>{html_text(check.message)}</bdi></p>" if check.message.strip() else ""
    name = f"<strong>{html_text(check.name)}</strong>"
    return f'<li class="{kind}"><span aria-hidden="true">{sign}</span> {name}: {outcome_of(check)}{message}</li>'


def style() -> str:
    """Return the page's style sheet: the course's colours for light and dark, readable on a phone."""
    names = ("ink", "muted", "paper", "rule", "good", "bad")
    light = "".join(f"--{name}:{PALETTE[name].light};" for name in names)
    dark = "".join(f"--{name}:{PALETTE[name].dark};" for name in names)
    return f""":root{{{light}}}
@media (prefers-color-scheme:dark){{:root{{{dark}}}}}
body{{margin:0;background:var(--paper);color:var(--ink);font:1.0625rem/1.5 system-ui,sans-serif}}
main{{max-width:46rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}}
h1{{font-size:1.6rem;line-height:1.2}}
h2{{font-size:1.3rem;border-top:1px solid var(--rule);padding-top:1rem}}
h3{{font-size:1.1rem}}
ul{{list-style:none;padding:0}}
li{{border-left:.3rem solid var(--bad);padding:.2rem 0 .2rem .8rem;margin:.8rem 0}}
li.good{{border-color:var(--good)}}
li>span{{color:var(--bad)}}
li.good>span{{color:var(--good)}}
li p{{margin:.3rem 0 0}}
.note{{color:var(--muted)}}
pre{{white-space:pre-wrap;border:1px solid var(--rule);padding:.6rem;font-size:.9rem}}
"""

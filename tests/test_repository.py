"""What the repository as a whole promises: one address, no machine paths, no corpus, small modules."""

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

from course_lib.runs import load_run, run_names
from tools import project

TOP_LEVEL = {
    ".ci", ".github", ".gitignore", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "LICENSE-CONTENT.md",
    "Makefile", "README.md", "_config.yml", "_toc.yml", "benchmarks", "book", "course_lib", "deploy",
    "exercises", "notebooks", "pyproject.toml", "requirements-colab.txt", "requirements.txt", "tests", "tools",
}  # fmt: skip
PIECES = ["corpus", "batches", "loss", "clipping", "schedule", "training"]
MODULE_LINES = 250  # a module stays under this many; a file of tests may be longer
MAX_FILE_BYTES = 600_000
QUOTATION = 200  # characters of the corpus in a row that are still a quotation
CPU_BUILD = re.compile(r"^.*PIP_EXTRA_INDEX_URL.*$", re.MULTILINE)
MACHINE_PATH = re.compile(r"/(?:home|root|Users|work|tmp)/[\w.-]+")


@cache
def tracked() -> list[str]:
    """Every file that is or would be committed, relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=project.ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(name for name in listed.split("\0") if name and (project.ROOT / name).is_file())


@cache
def texts() -> dict[str, str]:
    """The text of each of them; pictures and fonts are left out."""
    found = {}
    for name in tracked():
        try:
            found[name] = (project.ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def test_the_address_stands_in_one_place() -> None:
    owner_and_name = project.repository().removeprefix("https://github.com/")
    generated = {name for name in tracked() if name.endswith(".ipynb")}  # test_notebooks compares those cells
    holders = {name for name, text in texts().items() if owner_and_name in text} - generated
    assert holders == {"pyproject.toml"}


def test_the_version_stands_in_one_place() -> None:
    tag = project.tag()
    holders = {name for name, text in texts().items() if re.search(rf"\b{re.escape(tag)}\b", text)}
    assert {name for name in holders if not name.endswith(".ipynb")} == set()
    cited = re.search(r"^version: (.+)$", texts()["CITATION.cff"], re.MULTILINE)
    assert cited and "v" + cited[1] == tag


def test_no_paths_of_a_machine() -> None:
    # These name places inside the grader's box, which they attack.
    inside = ("tests/attacks/", "tests/test_grading_box.py")
    looked = {name: text for name, text in texts().items() if not name.startswith(inside)}
    found = {name: MACHINE_PATH.findall(text) for name, text in looked.items() if MACHINE_PATH.search(text)}
    assert found == {}


def longest_run(text: str, corpus_text: str) -> str:
    """The longest run of the corpus in the text, if it has QUOTATION characters or more, else ""."""
    step = QUOTATION // 2  # a run of QUOTATION covers one of these pieces whole
    pieces = {corpus_text[at : at + step]: at for at in range(0, len(corpus_text) - step, step)}
    longest = ""
    for start in range(len(text) - step):
        at = pieces.get(text[start : start + step])
        if at is None:
            continue
        before, after = 0, step
        while min(at, start) > before and text[start - before - 1] == corpus_text[at - before - 1]:
            before += 1
        while text[start + after : start + after + 1] == corpus_text[at + after : at + after + 1] != "":
            after += 1
        longest = max(longest, text[start - before : start + after], key=len)
    return longest if len(longest) >= QUOTATION else ""


def test_no_corpus_is_committed(corpus) -> None:
    assert longest_run("x" * 50 + corpus.text[12_345:12_600] + "y", corpus.text) == corpus.text[12_345:12_600]
    plain = [text.replace("\\n", "\n").replace('\\"', '"') for text in texts().values()]
    samples = [text for name in run_names() for text in load_run(name).samples]  # compressed, so not among the texts
    assert longest_run("\n\0\n".join(plain + samples), corpus.text) == ""


def test_nothing_large_is_committed() -> None:
    assert [name for name in tracked() if (project.ROOT / name).stat().st_size > MAX_FILE_BYTES] == []


def test_modules_stay_small() -> None:
    modules = [name for name in texts() if name.endswith(".py") and not name.startswith("tests/")]
    lengths = {name: texts()[name].count("\n") for name in modules}
    assert {name: lines for name, lines in lengths.items() if lines >= MODULE_LINES} == {}


def test_top_level_holds_nothing_else() -> None:
    assert {Path(name).parts[0] for name in tracked()} <= TOP_LEVEL


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_has_its_rooms(piece: str) -> None:
    number = PIECES.index(piece) + 1
    for room in (
        f"notebooks/{number:02}_{piece}.ipynb",
        f"course_lib/{piece}.py",
        f"course_lib/widgets/{piece}.py",
        f"course_lib/widgets/{piece}.js",
        f"exercises/{piece}/{piece}.ipynb",
        f"exercises/checks/{piece}.py",
        f"tests/test_{piece}.py",
    ):
        assert room in tracked()


def test_readme_names_the_two_commands() -> None:
    assert "make book" in texts()["README.md"] and "make test" in texts()["README.md"]


def test_readme_shows_a_picture_that_exists() -> None:
    shown = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", texts()["README.md"])
    assert shown and all(words and path in tracked() for words, path in shown)


def test_readme_and_site_give_the_same_line_for_the_cpu_build() -> None:
    lines = [CPU_BUILD.findall(texts()[name]) for name in ("README.md", "book/running.md")]
    assert lines[0] == [f"`{lines[1][0]}`."] and len(lines[1]) == 1
    index = re.escape(lines[1][0].split()[0].split("=")[1])
    for name in ("publish", "test", "weekly"):
        assert re.search(rf"PIP_EXTRA_INDEX_URL(=|: ){index}\b", texts()[f".github/workflows/{name}.yml"])


def test_what_only_authors_and_teachers_need_is_an_extra() -> None:
    described = tomllib.loads(texts()["pyproject.toml"])["project"]
    assert set(described["optional-dependencies"]) == {"site", "grading", "dev"}
    base = {re.match(r"[\w-]+", line)[0] for line in described["dependencies"]}
    assert base & {"jupyter-book", "nbgrader", "playwright"} == set()


def test_the_workflows_test_before_they_publish_and_plant_faults_weekly() -> None:
    published = re.findall(r"run: (.*)", texts()[".github/workflows/publish.yml"])
    assert published[-2:] == ["make test", ".venv/bin/python -m tools.check_site --real-corpus"]
    weekly = re.findall(r"run: (.*)", texts()[".github/workflows/weekly.yml"])
    assert {"make mutants", "make replay"} <= set(weekly)
    assert 'COURSE_REQUIRE_CORPUS: "1"' in texts()[".github/workflows/test.yml"]  # or nothing would be replayed


def test_contributing_names_files_that_exist() -> None:
    named = re.findall(r"`((?:tools|tests|book|course_lib)/[\w/]+\.\w+)`", texts()["CONTRIBUTING.md"])
    assert named and {name for name in named if "NAME" not in name} <= set(tracked())


def test_requirements_are_exact() -> None:
    for name in ("requirements.txt", "requirements-colab.txt"):
        lines = [line for line in texts()[name].splitlines() if line and not line.startswith("#")]
        assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
        assert len({line.split("==")[0].lower() for line in lines}) == len(lines)

"""What make and the authors' tools say and do when they are called in another way, or wrongly."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tools import corpus as corpus_tool
from tools import project, try_install

# Of a make that runs these tests: its command line must not reach the make that is tested.
OF_MAKE = {"MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL", "COURSE_CORPUS", "COURSE_DEVICE", "PYTHON"}
PROBE = """include Makefile
probe:
	@printf '%s\\n' "$$COURSE_CORPUS" "$$COURSE_DEVICE"
"""


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    return subprocess.run(
        ["make", *arguments], cwd=project.ROOT, env=environment | variables,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.fixture
def probe(tmp_path: Path) -> str:
    """A makefile that prints what a recipe of ours finds in its environment."""
    path = tmp_path / "probe.mk"
    path.write_text(PROBE)
    return str(path)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("input.txt", f"{project.ROOT}/input.txt"),
        ("my  texts/the input.txt", f"{project.ROOT}/my  texts/the input.txt"),
        ("../it's/input.txt", f"{project.ROOT}/../it's/input.txt"),
        ("/my texts/input.txt", "/my texts/input.txt"),
        ("~/my texts/input.txt", "/home of mine/my texts/input.txt"),
    ],
)
def test_make_hands_on_the_corpus_from_its_command_line_and_from_the_environment(probe, given, expected):
    for done in (
        make("-f", probe, "probe", f"COURSE_CORPUS={given}", HOME="/home of mine"),
        make("-f", probe, "probe", COURSE_CORPUS=given, HOME="/home of mine"),
    ):
        assert done.stdout.splitlines()[:1] == [expected], done.stderr


def test_make_refuses_a_blank_corpus_and_downloads_without_one(probe):
    for done in (make("-f", probe, "probe", "COURSE_CORPUS="), make("-f", probe, "probe", COURSE_CORPUS=" ")):
        assert done.returncode and "COURSE_CORPUS gives no path" in done.stderr
    for done in (make("-f", probe, "probe"), make("-f", probe, "probe", COURSE_CORPUS="")):
        assert done.stdout.splitlines() == ["", "cpu"]


def test_make_computes_on_the_cpu_unless_told_otherwise(probe):
    assert make("-f", probe, "probe").stdout.splitlines()[1] == "cpu"
    assert make("-f", probe, "probe", "COURSE_DEVICE=cuda").stdout.splitlines()[1] == "cuda"


def test_make_builds_the_site_from_nothing():
    """Sphinx keeps the page of an unchanged notebook, and with it another corpus or library."""
    planned = make("-n", "book").stdout
    assert 0 < planned.index("rm -rf _build/html _build/.doctrees") < planned.index(" build . -W")


def test_make_names_a_python_that_it_cannot_use(tmp_path):
    old = tmp_path / "python 3.10"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    for python in (str(tmp_path / "none"), str(old)):
        done = make("check-python", f"PYTHON={python}")
        assert done.returncode
        assert f"PYTHON is '{python}', which is missing or is no Python 3.11, 3.12 or 3.13." in done.stderr
        assert "not found" not in done.stderr and "Traceback" not in done.stderr
    assert make("check-python", f"PYTHON={sys.executable}").returncode == 0


@pytest.mark.parametrize(("content", "says"), [(None, "which is no file"), ("x", "which is not tiny-shakespeare")])
def test_a_corpus_that_is_none_is_one_line_and_a_failure(tmp_path, monkeypatch, capsys, content, says):
    path = tmp_path / "input.txt"
    if content:
        path.write_text(content)
    monkeypatch.setenv("COURSE_CORPUS", str(path))
    assert corpus_tool.main([]) == 1
    said = capsys.readouterr().err
    assert said.startswith("corpus: COURSE_CORPUS is ") and says in said and said.count("\n") == 1


@pytest.mark.parametrize(("arguments", "says"), [([], "PYTHON"), (["/no/such/python"], "/no/such/python is no program")])
def test_try_install_says_what_it_needs(monkeypatch, capsys, arguments, says):
    monkeypatch.setattr(sys, "argv", ["try_install", *arguments])
    with pytest.raises(SystemExit) as stopped:
        try_install.main()
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and said.startswith("usage:") and says in said.splitlines()[-1]


def test_try_install_does_not_sign_its_commits(tmp_path, monkeypatch):
    """With a signing program that fails, a commit or a tag made by the user's settings would fail."""
    settings = tmp_path / "gitconfig"
    settings.write_text("[commit]\n gpgsign = true\n[tag]\n gpgsign = true\n[gpg]\n program = false\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    bare = try_install.tagged_repository(tmp_path)
    tags = subprocess.run(["git", "tag"], cwd=bare, capture_output=True, text=True, check=True).stdout
    assert tags.split() == [project.tag()]

"""The facts about this project that several tools need, each read from its one place."""

import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
NOTEBOOKS = ROOT / "notebooks"
EXERCISES = ROOT / "exercises"


def repository() -> str:
    """The repository's address, from pyproject.toml."""
    return _pyproject()["project"]["urls"]["Repository"].rstrip("/")


def tag() -> str:
    """The tag of the release that the notebooks install, "v" and the version."""
    return "v" + _pyproject()["project"]["version"]


def pages() -> list[str]:
    """Every page of _toc.yml, without suffix, relative to the root, in reading order."""
    found: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            found.extend(node[key] for key in ("root", "file") if key in node)
            for key in ("parts", "chapters", "sections", "subtrees", "entries"):
                walk(node.get(key))
        elif isinstance(node, list):
            for entry in node:
                walk(entry)

    walk(yaml.safe_load((ROOT / "_toc.yml").read_text()))
    return found


def chapters() -> list[Path]:
    """The course's notebooks in reading order."""
    return sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))


def exercises() -> list[Path]:
    """The sources of the exercises, in the order of their names."""
    return sorted(EXERCISES / path.stem / f"{path.stem}.ipynb" for path in EXERCISES.glob("*.toml"))


def is_exercise(path: Path) -> bool:
    """Whether this is the source of an exercise."""
    return path.resolve().parent.parent == EXERCISES


def _pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())

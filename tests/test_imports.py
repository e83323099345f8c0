"""Imports run one way through the library: from the corpus to the loop, and from there to the pictures."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tools import project

LIBRARY = project.ROOT / "course_lib"
# From low to high. A module may import what stands in a line above, or further left in its own.
ORDER = (
    ("files", "rng", "palette"),
    ("standin",),
    ("corpus",),
    ("batches",),
    ("model", "loss", "clipping", "schedule"),
    ("evaluation", "sampling", "checkpoint"),
    ("train_config", "training"),
    ("environment", "progress", "landmarks", "run_checks", "runs", "corpus_figures"),
    ("plots", "museum"),
    ("widgets",),
    ("grading",),
    ("cli",),
)
MUSEUM = ("faults", "recipes", "partial", "recorder", "commands")  # from low to high as well
PACKAGES = {"widgets", "museum", "grading"}
APART = {"model", "loss", "clipping", "schedule"}  # these are taught, and can be replaced, one by one
PLACE = {name: place for place, name in enumerate(name for line in ORDER for name in line)}


def imported(path: Path) -> set[str]:
    """The parts of course_lib that a file imports anywhere in it, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import, which this test does not follow"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found.update((name.split(".") + ["the package"])[1] for name in names if name.split(".")[0] == "course_lib")
    return found


def wrong(name: str, imports: set[str]) -> set[str]:
    """What the module `name` must not import: later ones, the whole package, a piece beside it."""
    return {
        other for other in imports - {name}
        if PLACE.get(other, len(PLACE)) > PLACE[name] or {name, other} <= APART
    }  # fmt: skip


def test_every_module_has_its_place() -> None:
    assert set(PLACE) == {path.stem for path in LIBRARY.glob("*.py")} - {"__init__"} | PACKAGES
    assert {*MUSEUM, "__init__"} == {path.stem for path in (LIBRARY / "museum").glob("*.py")}


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_a_module_imports_no_later_one(path: Path) -> None:
    assert wrong(path.stem, imported(path)) == set()


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_pictures_museum_and_grading_import_modules_and_never_the_package(package: str) -> None:
    found = {path: wrong(package, imported(path)) for path in (LIBRARY / package).rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize("place", range(len(MUSEUM)), ids=MUSEUM)
def test_a_part_of_the_museum_imports_no_later_one(place: int) -> None:
    text = (LIBRARY / "museum" / f"{MUSEUM[place]}.py").read_text(encoding="utf-8")
    assert [later for later in MUSEUM[place + 1 :] if re.search(rf"import.* {later}\b|museum\.{later}\b", text)] == []


def test_the_grading_has_no_circle() -> None:
    graph = {}
    for path in (LIBRARY / "grading").glob("*.py"):
        graph[path.stem] = inside = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "course_lib.grading":
                inside.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module.startswith("course_lib.grading."):
                inside.add(node.module.removeprefix("course_lib.grading."))
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert order.index("protocol") < order.index("grade") < order.index("commands") and set(order) == set(graph)


def test_the_package_itself_brings_neither_pictures_nor_plots() -> None:
    assert imported(LIBRARY / "__init__.py") & {"widgets", "plots"} == set()


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        ("loss", "from course_lib.model import GPT", {"model"}),
        ("schedule", "from course_lib import clipping", {"clipping"}),
        ("corpus", "import course_lib.training", {"training"}),
        ("training", "def f():\n    from course_lib.plots import curve", {"plots"}),
        ("batches", "from course_lib import widgets", {"widgets"}),
        ("batches", "import course_lib", {"the package"}),
        ("batches", "from course_lib import get_batch", {"get_batch"}),
        ("training", "from course_lib.loss import next_token_loss\nimport torch", set()),
    ],
)
def test_a_wrong_import_is_noticed(tmp_path: Path, name: str, source: str, found: set[str]) -> None:
    (tmp_path / "module.py").write_text(source)
    assert wrong(name, imported(tmp_path / "module.py")) == found

"""Every figure of the prose has a source, and a planted error of any kind is caught and named."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from run_examples import NAME, example

from course_lib import cli, model, runs
from course_lib.train_config import TrainConfig
from tools import claim_values, claims_list, project
from tools.claims import check, check_page, pattern_of, source_of
from tools.claims_list import CLAIMS, Claim
from tools.notebooks import INSTALL_TAG
from tools.prose import HIDDEN_TAG, Page, find_numbers, mask, read_page, read_pages, sentence_at, shown_strings

PAGES = {page.name: page for page in read_pages()}


def problems(page: Page, claims: list[Claim] = ()) -> list[str]:
    return check_page(page, claims)[1]


def page_of(prose: str, *outputs: str, name: str = "book/page.md") -> Page:
    return Page(name, (prose,), outputs)


def numbers(markdown: str) -> list[str]:
    """The numbers of a prose that need a source."""
    return [number.text for number in find_numbers(mask(markdown)) if number.significant >= 3]


# The pages as they are


def test_every_figure_of_the_prose_has_a_source() -> None:
    sources, wrong = check(PAGES.values(), CLAIMS)
    assert wrong == []
    assert {source.kind for source in sources} >= {"claim", "printed"}


def test_pages_of_every_kind_are_read() -> None:
    assert {Path(name).parts[0] for name in PAGES} >= {"README.md", "book", "notebooks"}
    assert all(any(page.prose) for page in PAGES.values())
    assert PAGES["notebooks/01_corpus.ipynb"].printed


@pytest.mark.parametrize("claim", [c for c in CLAIMS if "{" in c.fragment], ids=lambda claim: claim.fragment)
def test_a_changed_figure_is_caught_for_every_claim(claim: Claim) -> None:
    value = claim.value()
    right = claim.fragment.format(*(value if isinstance(value, tuple) else (value,)))
    figures = pattern_of(claim.fragment).fullmatch(right)
    at = max(place for place in range(*figures.span(figures.re.groups)) if right[place].isdigit())
    changed = f"{right[:at]}{(int(right[at]) + 1) % 10}{right[at + 1 :]}"
    page = PAGES[claim.page]
    prose = tuple(" ".join(text.split()).replace(right, changed) for text in page.prose)
    found = [problem for problem in problems(Page(page.name, prose, ()), [claim]) if " gives “" in problem]
    assert len(found) == 1
    assert claim.page in found[0] and changed in found[0] and right in found[0] and source_of(claim) in found[0]


# Planted errors


def test_a_figure_changed_in_a_page_is_caught(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    text = (project.ROOT / "book" / "intro.md").read_text(encoding="utf-8")
    copy = tmp_path / "book" / "intro.md"
    copy.write_text(text.replace("205,440", "205,404"), encoding="utf-8")
    claims = [claim for claim in CLAIMS if claim.page == "book/intro.md"]
    assert problems(read_page(copy, tmp_path), claims) == [
        "book/intro.md: the page says “model** of 205,404 parameters”, "
        "but parameters(d_model=64) gives “model** of 205,440 parameters”. "
        "The sentence: “- **A trained model** of 205,404 parameters ([the recap](recap.md) counts them).”"
    ]


def run_content(val_loss: float) -> dict:
    content = example()
    content["evaluations"]["val_loss"][-1] = val_loss
    return content


def test_a_run_recorded_anew_with_another_value_is_caught(tmp_path: Path) -> None:
    page = page_of("The curve is flat. It ends at\n1.540 nats after 20 epochs. Then it stops.")
    claim = Claim(page.name, "ends at {:.3f} nats", lambda: runs.load_run(NAME, tmp_path).at(-1).val)
    runs.write_run_file(run_content(1.5403), tmp_path)
    assert problems(page, [claim]) == []
    runs.write_run_file(run_content(1.5534), tmp_path)
    assert problems(page, [claim]) == [
        "book/page.md: the page says “ends at 1.540 nats”, but runs.load_run(NAME, tmp_path).at(-1).val gives "
        "“ends at 1.553 nats”. The sentence: “It ends at 1.540 nats after 20 epochs.”"
    ]


def test_a_claim_of_the_table_notices_another_value_in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = runs.read_run_file(runs.FOLDER / "lesson-64.json.gz")
    content["evaluations"]["val_loss"][-1] += 0.01
    monkeypatch.setattr(claims_list, "run", lambda name: runs.load_run(name, tmp_path))
    runs.write_run_file(content, tmp_path)
    claim = next(claim for claim in CLAIMS if claim.fragment.startswith("The model with $d = 64$ ends at {:.3f}"))
    (problem,) = [said for said in problems(PAGES[claim.page], [claim]) if "gives" in said]
    old, new = (f"ends at {content['evaluations']['val_loss'][-1] - more:.3f}" for more in (0.01, 0))
    assert claim.page in problem and problem.index(old) < problem.index(new)


def test_a_run_that_is_not_recorded_is_named(tmp_path: Path) -> None:
    page = page_of("It ends at 1.540 nats.")
    claim = Claim(page.name, "ends at {:.3f} nats", lambda: runs.load_run("lesson-999", tmp_path).at(-1).val)
    (problem,) = problems(page, [claim])
    assert "There is no recorded run 'lesson-999'" in problem
    assert page.name in problem and "“ends at 1.540 nats” cannot be checked" in problem


def test_a_changed_constant_of_the_library_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_list, "LESSON", TrainConfig(seed=1338))
    (problem,) = problems(PAGES["notebooks/04_clipping.ipynb"], [c for c in CLAIMS if "04_" in c.page])
    assert "seed 1337”" in problem and "seed 1338”" in problem and "print the three tensors" in problem


def test_a_changed_model_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "MLP", model.Attention)  # half as large
    wrong = problems(PAGES["book/recap.md"], [claim for claim in CLAIMS if claim.page == "book/recap.md"])
    assert len(wrong) == 2
    assert "131,072 | 524,288 |”" in wrong[0] and "65,536 | 262,144 |”" in wrong[0]
    assert "205,440** | **804,096" in wrong[1] and "139,904** | **541,952" in wrong[1]


def test_a_stale_claim_an_ambiguous_one_and_one_for_no_page_are_caught() -> None:
    page = page_of("It has 205,440 parameters. It has 205,440 parameters.")
    stale = Claim(page.name, "holds {:,} parameters", lambda: 205_440)
    assert "the claim “holds {:,} parameters” is not on the page any more" in problems(page, [stale])[0]
    twice = Claim(page.name, "It has {:,} parameters", lambda: 205_440)
    assert "is 2 times on the page" in problems(page, [twice])[0]
    lost = Claim("book/lost.md", "{:,} parameters", lambda: 205_440)
    assert check([], [lost])[1] == ["book/lost.md: there is no such page. Correct the claim “{:,} parameters”."]


def test_a_number_without_a_source_is_caught() -> None:
    (problem,) = problems(page_of("All is well. It reached 1.57 nats, or so. Nobody knows.", "1.5", "11.57", "1.573e3"))
    assert problem.startswith("book/page.md: 1.57 has no source: “It reached 1.57 nats, or so.”")


def test_two_figures_of_one_claim_are_compared_and_the_rest_of_the_sentence_is_not_held() -> None:
    page = page_of("From 4.174 to 1.540 nats, a gap of 0.312.")
    claim = Claim(page.name, "From {:.3f} to {:.3f} nats", lambda: (4.17439, 1.54012))
    (problem,) = problems(page, [claim])
    assert "0.312 has no source" in problem
    assert "From 4.174 to 1.560" in problems(page, [Claim(page.name, claim.fragment, lambda: (4.174, 1.56))])[0]


def test_a_claim_holds_a_minus_of_either_kind() -> None:
    for minus in "-−":
        page = page_of(f"It changes by {minus}0.312 nats.")
        assert problems(page, [Claim(page.name, "changes by {:.3f} nats", lambda: -0.3121)]) == []
        assert len(problems(page, [Claim(page.name, "changes by {:.3f} nats", lambda: 0.3121)])) == 1


def test_a_claim_in_words_has_to_be_true() -> None:
    page = page_of("Every gradient is cut.")
    assert problems(page, [Claim(page.name, "gradient is cut", lambda: 2 > 1)]) == []
    (problem,) = problems(page, [Claim(page.name, "gradient is cut", lambda: 1 > 2)])
    assert problem == "book/page.md: the page says “gradient is cut”, but 1 > 2 is False"


def test_a_claim_holds_no_number_of_another_cell() -> None:
    page = Page("notebooks/01_x.ipynb", ("It is 1.540 nats.", "Or is 1.540 bits."), ())
    (problem,) = problems(page, [Claim(page.name, "It is {:.3f} nats", lambda: 1.54)])
    assert "1.540 has no source: “Or is 1.540 bits.”" in problem


# What a cell prints, and what is cited


@pytest.mark.parametrize(
    ("prose", "printed", "held"),
    [
        ("2.48 nats", "loss 2.482", True),
        ("2.49 nats", "loss 2.482", False),
        ("2.482 nats", "loss 2.48", False),
        ("2.480 nats", "loss 2.48", False),
        ("385 steps", "1003854", False),
        ("385 steps", "1,385 0.385 385.2", True),
        ("386 steps", "385.2", False),
        ("1,003,854 ids", "(1003854,)", True),
        ("1003854 ids", "1,003,854 ids", True),
        ("1,003,850 ids", "1003854", False),
        ("1.12 million characters", "1,115,394", True),
        ("92.7 % of them", "clipped 92.68%", True),
        ("92.7 %", "0.9268", True),
        ("92.7 %", "92.68 steps", False),
        ("1.25e-4", "1.2500e-04", True),
        ("0.000125", "1.25e-04", True),
        ("−0.312 nats", "-0.312", True),
        ("−0.312 nats", "0.312", False),
        ("0.312 lower", "difference -0.312", True),
        ("0.640 of them", "0.64", False),
        ("1.44MB", "1.44 MB", True),
    ],
)
def test_a_printed_number_holds_itself_and_its_rounding(prose: str, printed: str, held: bool) -> None:
    assert (problems(page_of(prose, printed)) == []) is held


CITED = "It took 1.54 nats <!-- cited: arXiv:1711.05101 --> there ([a paper](https://arxiv.org/abs/1711.05101))."


def test_a_citation_holds_the_number_before_it_and_needs_its_source_on_the_page() -> None:
    assert problems(page_of(CITED)) == []
    assert "1.53 has no source" in problems(page_of(f"1.53 or 1.54 {CITED}"))[0]
    (_, problem) = sorted(problems(page_of(CITED.replace("abs/1711", "abs/1712"))))
    assert "names a source that the page does not name" in problem
    lonely = "1.54.\n\nNothing here <!-- cited: https://a.org/x --> but [a source](https://a.org/x)."
    assert "no number stands before" in problems(page_of(lonely))[0]


# What counts as a number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.640 and 1,115 and 64 and 5,000 and 100 and 0.05 and 0.050", ["0.640", "1,115"]),
        ("1115394 of 1,115,394 (128)", ["1115394", "1,115,394", "128"]),
        ("1.536–1.540 and 1.536-1.541", ["1.536", "1.540", "1.536", "1.541"]),
        ("92.7 %, 92.8% and 100 %; 92.7%-92.9%", ["92.7 %", "92.8%", "92.7%", "92.9%"]),
        ("...1.54, .640 and 0.125,0.126", ["1.54", ".640", "0.125", "0.126"]),
        ("1e-3, 1.25e-3, −0.312 and -0.313", ["1.25e-3", "−0.312", "-0.313"]),
        ("804k or 1.12 million", ["804k", "1.12 million"]),
        ("1.54nats, **1.55**, (1.56), ~1.57, 1.58.", ["1.54", "1.55", "1.56", "1.57", "1.58"]),
        ("| 4,160 | 8,320 |", ["4,160", "8,320"]),
        ("![a curve that ends at 1.54](curves/128.svg)", ["1.54"]),
        ("in 2017, on 2024-05-17, since 1 May 1998", []),
        ("2,017 steps, 2017.5 and 2048 steps", ["2,017", "2017.5", "2048"]),
        ("Python 3.11, 3.12 or 3.13, version 0.125, v1.25, pytest 10.11.12", []),
        ("arXiv:1711.05101 and [arXiv:1711.05102](https://arxiv.org/abs/1711.05102)", []),
        ("[nanoGPT#586](https://github.com/karpathy/nanoGPT/issues/586), #341", []),
        ("<http://localhost:8125/> and https://example.org/128?x=256", []),
        ("SHA-256, UTF-128, fp128, float128", []),
        ("the 128th step and the 1,001st", []),
        ("`x[128]` and ``y`128`` but 129", ["129"]),
        ("$d = 128$ and $$\n1.25\n$$ but 129", ["129"]),
        ("# 1,115 things\n\n## 1.25\n\n1.26", ["1.26"]),
        ("```python\nx = 1.25\n```\n1.26\n~~~\n1.27\n~~~", ["1.26"]),
        ("```{glossary}\nnat\n  About 1.44 bits.\n```\nand 1.26", ["1.44", "1.26"]),
        ("````{note}\n1.25\n```sh\n1.26\n\n1.28\n```\n````\n1.27", ["1.25", "1.27"]),
        ("```{literalinclude} x.py\n:lines: 125-128\n```", []),
        ("12. a step\n<img width=\"395\"> <!-- 1.25 -->", []),
        ("One stray ` here.\n\n1.25 there ` too, and 1 $.\n\n1.26 $", ["1.25", "1.26"]),
    ],
)
def test_numbers_that_need_a_source(text: str, expected: list[str]) -> None:
    assert numbers(text) == expected


def test_masking_keeps_every_place() -> None:
    for page in PAGES.values():
        for text in page.prose:
            masked = mask(text)
            assert len(masked) == len(text) and masked.count("\n") == text.count("\n")
            assert all(masked[at] in (" ", text[at]) for at in range(len(text)))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("One 1.2 is here. The loss\nfell to 1.54 nats, then? No.", "The loss fell to 1.54 nats, then?"),
        ("- one\n- it is 1.54\n  still\n- three", "- it is 1.54 still"),
        ("| a | b |\n| c | 1.54 |\n| d | e |", "| c | 1.54 |"),
        ("# A heading\n\nIt is 1.54 <!-- cited: x -->\n\nAnother.", "It is 1.54"),
    ],
)
def test_the_sentence_around_a_number(text: str, sentence: str) -> None:
    start = text.index("1.54")
    assert sentence_at(text, start, start + 4) == sentence


# Notebooks and the command


def test_a_notebook_gives_its_markdown_its_quiz_and_what_its_cells_print(tmp_path: Path) -> None:
    (tmp_path / "exercises" / "x").mkdir(parents=True)
    outputs = [
        new_output("stream", name="stdout", text="loss 1.251\n«a sample of 1.252»\n"),
        new_output("stream", name="stderr", text="1.253"),
        new_output("display_data", {"text/plain": "IntSlider(value=1254)"}),
        new_output("execute_result", {"text/plain": "1.255"}),
    ]
    quiz = 'Numeric("1.256 nats?", 2, right=f"{2:.3f}, not 1.257", wrong={3: "1.258"})'
    cells = [
        new_code_cell("x = 1.259", metadata={"tags": [INSTALL_TAG]}, outputs=[new_output("stream", text="1.260")]),
        new_markdown_cell("It is 1.261."),
        new_code_cell('print("1.262")', outputs=outputs),
        new_code_cell(quiz),
    ]
    path = tmp_path / "exercises" / "x" / "x.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    nbformat.write(new_notebook(cells=cells), path.with_name("made from x.ipynb"))
    (page,) = read_pages(tmp_path)
    assert page.name == "exercises/x/x.ipynb"
    assert sorted(number for text in page.prose for number in numbers(text)) == ["1.256", "1.257", "1.258", "1.261"]
    assert [number.text for number in page.printed] == ["1.251", "1.255"]


def test_a_page_prints_what_its_examples_print(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("It is 0.333 and 1.25.\n\n```python\n>>> x = 1.25\n>>> 1 / 3\n0.3333333333333333\n```\n")
    (page,) = read_pages(tmp_path)
    (problem,) = problems(page)
    assert problem.startswith("README.md: 1.25 has no source")


def test_only_what_prepares_a_quiz_gives_its_strings() -> None:
    assert shown_strings(new_code_cell('ax.set_title("1.25")')) == []
    question = new_code_cell('Choice(f"{n:,} of {m} ids", options=["1.25"])')
    assert sorted(shown_strings(question)) == ["1.25", "… of … ids"]
    hidden = new_code_cell('cases["bad-batch"] = ("one batch", "at step 1,000")', metadata={"tags": [HIDDEN_TAG]})
    assert sorted(shown_strings(hidden)) == ["at step 1,000", "bad-batch", "one batch"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("In 1993 it was", []),
        ("Hu et al., 2024", []),
        ("ICLR 2017.", []),
        ("*A Title.*\n  2024.", []),
        ("in April 2019, and on 2026-11-22", []),
        ("1993 steps later", ["1993"]),
        ("2017 tokens", ["2017"]),
        ("It ended at step 1927.", ["1927"]),
        ("in 1993 steps, in 1993-step runs", ["1993", "1993"]),
        ("| steps | 1999 | 1927/4096", ["1999", "1927", "4096"]),
    ],
)
def test_a_year_is_no_figure_and_a_count_is(text: str, found: list[str]) -> None:
    assert [number.text for number in find_numbers(mask(text))] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It rests in\n463. Then it acts.", ["463"]),
        ("12. an entry of 1.25", ["1.25"]),
        ("128. a step", ["128"]),
        ("```{admonition} It is 1.25\nand 1.26\n```", ["1.25", "1.26"]),
        ("```{figure} images/125.png\nIt is 1.26\n```", ["1.26"]),
        ("in nats [and bits](1.25 at the end)", ["1.25"]),
        ('[a page](page_125.md "it ends at 1.26")', ["1.26"]),
        ('<img src="125.png" alt="it ends at 1.26"> and <b>1.27</b>', ["1.26", "1.27"]),
        ("{term}`1.25 nats` and `1.26`", ["1.25"]),
        ("`i <T` at 1.25, `T> i`", ["1.25"]),
    ],
)
def test_what_a_reader_is_told_is_prose(text: str, found: list[str]) -> None:
    assert [number.text for number in find_numbers(mask(text)) if number.significant > 2] == found


def test_the_command_lists_sources_from_any_folder(tmp_path: Path) -> None:
    call = [sys.executable, "-I", "-c", "from course_lib.cli import main; main()", "claims", "intro"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "book/intro.md"
    assert re.fullmatch(r"  claim   205,440 +parameters\(d_model=64\) = 205,440", lines[1])


def test_the_command_fails_where_a_figure_is_false(monkeypatch, capsys) -> None:
    monkeypatch.setattr(claim_values, "CONTEXT_LENGTH", 32)
    with pytest.raises(SystemExit) as ended:
        cli.main(["claims", "recap", "running"])
    assert "book/recap.md: the page says “$T d$ | 4,096 | 8,192 |”" in str(ended.value.code)
    assert str(ended.value.code).endswith("2 figures are wrong or have no source.")
    assert "book/running.md\n  claim   1,115,394, 65" in capsys.readouterr().out


def test_the_command_needs_a_checkout(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "course_lib" / "cli.py"))
    with pytest.raises(SystemExit, match="in a checkout of the repository"):
        cli.main(["claims"])


def test_the_command_knows_its_pages() -> None:
    with pytest.raises(SystemExit, match="No page has 99 in its path"):
        cli.main(["claims", "99"])

"""The built website: what has to be there, and what must not be."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tools import check_site, project

CHAPTERS = [path.relative_to(project.ROOT) for path in project.chapters()]


@pytest.mark.site
def test_every_page_of_the_contents_is_built(site: Path) -> None:
    assert list(check_site.missing_pages(site, project.pages())) == []
    assert {path.with_suffix("").as_posix() for path in CHAPTERS} <= set(project.pages())


@pytest.mark.site
def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    assert list(check_site.foreign_loads(site)) == []


@pytest.mark.site
def test_internal_links_resolve(site: Path) -> None:
    assert list(check_site.broken_links(site)) == []


@pytest.mark.site
def test_the_site_says_its_corpus(site: Path) -> None:
    record = json.loads((site / "corpus.json").read_text())
    assert check_site.corpora(site) == {(record["name"], 1_115_394)}
    assert record["is_stand_in"] == ("stand-in" in record["name"])


@pytest.mark.site
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_opens_in_colab_and_downloads(site: Path, chapter: Path) -> None:
    links = check_site.Page.read(site / chapter.with_suffix(".html")).links
    repository = urlsplit(project.repository()).path
    colab = [link for link in links if link.startswith("https://colab.research.google.com/github" + repository + "/blob/")]
    assert colab and colab[0].endswith(f"/{chapter.as_posix()}"), links
    assert any(link.endswith(chapter.name) and "colab" not in link for link in links)


@pytest.mark.parametrize(
    ("html", "loads"),
    [
        ('<script src="https://cdn.example/a.js"></script>', ["https://cdn.example/a.js"]),
        ('<link rel="preconnect" href="//fonts.example">', ["//fonts.example"]),
        ('<img srcset="https://a.example/1.png 1x, b.png 2x">', ["https://a.example/1.png", "b.png"]),
        ("<style>@import 'https://a.example/x.css'; b{background:url(//c.example/d)}</style>",
         ["https://a.example/x.css", "//c.example/d"]),
        ('<p style="background:url(https://a.example/x.png)">', ["https://a.example/x.png"]),
        ('<script type="module">import x from "https://a.example/m.js"</script>', ["https://a.example/m.js"]),
        ('<a href="https://example.org">read on</a>', []),
        ('<link rel="canonical" href="https://example.org">', []),
    ],
)  # fmt: skip
def test_loads_are_recognised(tmp_path: Path, html: str, loads: list[str]) -> None:
    (tmp_path / "page.html").write_text(html)
    assert check_site.Page.read(tmp_path / "page.html").loads == loads
    foreign = [load for load in loads if check_site.FOREIGN.match(load)]
    assert list(check_site.foreign_loads(tmp_path)) == [f"page.html loads {load}" for load in foreign]


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text('<h1 id="there">B</h1>')
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">1</a><a href="b.html#gone">2</a><a href="c.html">3</a><a href="/b.html">4</a>'
    )
    assert sorted(check_site.broken_links(tmp_path)) == [
        "a.html links to /b.html, which breaks below a sub-path",
        "a.html links to b.html#gone, which has no such anchor",
        "a.html links to c.html, which does not exist",
    ]


def test_a_page_that_was_not_built_is_missed(tmp_path: Path) -> None:
    (tmp_path / "thin.html").write_text("<p>")
    assert len(list(check_site.missing_pages(tmp_path, ["thin", "gone"]))) == 2


def test_a_chapter_that_does_not_say_its_corpus_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notebooks").mkdir()
    for chapter in CHAPTERS:
        (tmp_path / chapter.with_suffix(".html")).write_text("<pre>corpus: a corpus, 3,000 characters</pre>")
    assert list(check_site.pages_without_corpus(tmp_path)) == []
    (tmp_path / CHAPTERS[2].with_suffix(".html")).write_text("<p>The cell failed.</p>")
    silent = f"{CHAPTERS[2].with_suffix('.html')} does not say which corpus it was built from"
    assert list(check_site.pages_without_corpus(tmp_path)) == [silent]
    assert check_site.corpora(tmp_path) == {("a corpus", 3000)}  # the others hide it
    # The command fails as well.
    for name in ("missing_pages", "foreign_loads", "broken_links"):
        monkeypatch.setattr(check_site, name, lambda *_: [])
    monkeypatch.setattr(check_site.project, "SITE", tmp_path)
    monkeypatch.setattr("sys.argv", ["check_site"])
    assert check_site.main() == 1

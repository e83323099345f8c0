"""Check the built site, say where it is and which corpus it was built from.

    python -m tools.check_site [--real-corpus]

Every page of _toc.yml exists, every chapter says its corpus, nothing is loaded from elsewhere, every
link inside the site resolves. A wrong pin can build nothing and stay green; this does not. Writes corpus.json beside the pages.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools import project

# Where an attribute makes the browser load something. Links that a reader clicks are not among them.
LOADING = {
    "audio": ("src",),
    "embed": ("src",),
    "frame": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
LOADING_RELATIONS = {
    "stylesheet", "icon", "shortcut", "apple-touch-icon", "preload", "prefetch", "modulepreload",
    "preconnect", "dns-prefetch", "prerender", "manifest", "mask-icon",
}  # fmt: skip
CSS_URL = re.compile(r"""url\(\s*["']?([^"')]+)["']?\s*\)|@import\s+["']([^"']+)["']""")
JS_IMPORT = re.compile(r"""\bimport\s*\(?\s*["'](https?:[^"']+)["']|\bfrom\s*["'](https?:[^"']+)["']""")
CORPUS_LINE = re.compile(r"corpus: ([^,<\n]+), ([\d,]+) characters")
FOREIGN = re.compile(r"^(?:https?:)?//", re.IGNORECASE)


@dataclass
class Page(HTMLParser):
    """What one HTML file loads and links to, and the anchors that it offers."""

    loads: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._inside = ""

    @classmethod
    def read(cls, path: Path) -> "Page":
        page = cls()
        page.feed(path.read_text(encoding="utf-8"))
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._inside = tag
        self.anchors.update(values[name] for name in ("id", "name") if values.get(name))
        for name in LOADING.get(tag, ()):
            for candidate in values.get(name, "").split(",") if name == "srcset" else [values.get(name, "")]:
                if candidate.strip():
                    self.loads.append(candidate.split()[0])
        if tag == "link":
            is_load = LOADING_RELATIONS & set(values.get("rel", "").lower().split())
            (self.loads if is_load else self.links).append(values.get("href", ""))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        self.loads.extend(css_urls(values.get("style", "")))

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.loads.extend(css_urls(data))
        elif self._inside == "script":
            self.loads.extend(first or second for first, second in JS_IMPORT.findall(data))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


def css_urls(css: str) -> list[str]:
    return [first or second for first, second in CSS_URL.findall(css)]


def html_files(site: Path) -> list[Path]:
    """Every page. The theme leaves templates among its scripts, which are none."""
    return sorted(path for path in site.rglob("*.html") if not path.name.endswith("-macros.html"))


def missing_pages(site: Path, pages: list[str]) -> Iterator[str]:
    for page in pages:
        path = site / f"{page}.html"
        if not path.is_file():
            yield f"{page}.html was not built"
        elif path.stat().st_size < 2000:
            yield f"{page}.html holds only {path.stat().st_size} bytes"


def foreign_loads(site: Path) -> Iterator[str]:
    """Every script, style sheet, font, image or frame that a page would fetch from another site."""
    for path in html_files(site):
        for address in Page.read(path).loads:
            if FOREIGN.match(address):
                yield f"{path.relative_to(site)} loads {address}"
    for path in sorted(site.rglob("*.css")):
        for address in css_urls(path.read_text(encoding="utf-8", errors="replace")):
            if FOREIGN.match(address):
                yield f"{path.relative_to(site)} loads {address}"


def broken_links(site: Path) -> Iterator[str]:
    """Every address inside the site that leads to no file, or to no anchor of it."""
    read = {path: Page.read(path) for path in html_files(site)}
    for path, page in read.items():
        for address in sorted(set(page.links + page.loads)):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or address.startswith("data:"):
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            target = target / "index.html" if target.is_dir() else target
            if parts.path.startswith("/"):
                yield f"{path.relative_to(site)} links to {address}, which breaks below a sub-path"
            elif not target.is_file():
                yield f"{path.relative_to(site)} links to {address}, which does not exist"
            elif parts.fragment and target in read and unquote(parts.fragment) not in read[target].anchors:
                yield f"{path.relative_to(site)} links to {address}, which has no such anchor"


def corpora(site: Path) -> set[tuple[str, int]]:
    """Name and characters of every corpus that an executed chapter printed; one, if all is well."""
    found = set()
    for path in project.chapters():
        page = site / path.relative_to(project.ROOT).with_suffix(".html")
        if page.is_file():
            found.update(CORPUS_LINE.findall(page.read_text(encoding="utf-8")))
    return {(name, int(characters.replace(",", ""))) for name, characters in found}


def pages_without_corpus(site: Path) -> Iterator[str]:
    """Every chapter's page whose install cell printed no corpus: it failed, or was not executed."""
    for path in project.chapters():
        page = (site / path.relative_to(project.ROOT)).with_suffix(".html")
        if page.is_file() and not CORPUS_LINE.search(page.read_text(encoding="utf-8")):
            yield f"{page.relative_to(site)} does not say which corpus it was built from"


def describe_corpus(site: Path) -> dict:
    """Write which corpus the site was built from, as corpus.json, and return it.

    The pages themselves are asked: their install cells printed it when they were executed.
    """
    found = corpora(site)
    if len(found) != 1:
        raise SystemExit(f"site: the chapters have to name one corpus, and they name {sorted(found) or 'none'}")
    name, characters = found.pop()
    record = {"name": name, "characters": characters, "is_stand_in": "stand-in" in name}
    (site / "corpus.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return record


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real-corpus", action="store_true", help="fail if the site was built from the stand-in")
    arguments = parser.parse_args()
    site, pages = project.SITE, project.pages()
    found = [
        *missing_pages(site, pages), *pages_without_corpus(site), *foreign_loads(site), *broken_links(site),
    ]  # fmt: skip
    for problem in found:
        print(f"site: {problem}", file=sys.stderr)
    if found:
        return 1
    record = describe_corpus(site)
    stand_in = " (a STAND-IN: the text and the losses are not Shakespeare's)" if record["is_stand_in"] else ""
    print(f"{len(pages)} pages, all there; nothing is loaded from elsewhere; every internal link resolves.")
    print(f"Corpus: {record['name']}, {record['characters']:,} characters{stand_in}.")
    print(f"Open:   {(site / 'index.html').as_uri()}")
    print("Serve:  make serve")
    if arguments.real_corpus and record["is_stand_in"]:
        print("site: built from the stand-in corpus, and --real-corpus was asked for", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

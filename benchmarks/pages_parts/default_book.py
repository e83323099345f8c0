"""A Jupyter Book without any setting of ours, and the npm packages that its pages load from CDNs."""

import gzip
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import anywidget
import ipywidgets
import nbformat
from ipywidgets.embed import dependency_state, embed_data
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PAGES = ("slider", "picture")
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
CDN = re.compile(r"https://(?:cdn\.jsdelivr\.net/npm/|cdnjs\.cloudflare\.com/ajax/libs/)")
MATHJAX = "mathjax@3"


def build(folder: Path) -> dict[str, Path]:
    """Build the default pages in ``folder``; return what to serve, by name.

    "default" is the built book; "cdn" holds the packages, and is missing where npm gave none.
    """
    shutil.rmtree(folder / "book", ignore_errors=True)
    (folder / "book").mkdir(parents=True)
    for name, widget in zip(PAGES, (_slider(), _picture())):
        _write(folder / "book" / f"{name}.ipynb", widget)
    (folder / "book" / "_config.yml").write_text("title: Default\nexecute: {execute_notebooks: 'off'}\n", "utf8")
    (folder / "book" / "_toc.yml").write_text("format: jb-book\nroot: slider\nchapters: [{file: picture}]\n", "utf8")
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(folder / "book"), "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    html = folder / "book" / "_build" / "html"
    if done.returncode or not (html / "picture.html").is_file():
        raise SystemExit(f"The default book was not built:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    addresses = set(re.findall(rf'{CDN.pattern}[^"]+', (html / "picture.html").read_text("utf8")))
    packages = _packages(folder / "packages", addresses)
    if packages is None:
        return {"default": html}
    _use(packages, html)
    return {"default": html, "cdn": packages}


def _slider() -> ipywidgets.Widget:
    return ipywidgets.IntSlider(description="rows", value=8, min=1, max=64)


def _picture() -> ipywidgets.Widget:
    """The batch picture with its sliders, exactly as the chapter shows it."""
    from course_lib import CharTokenizer, split
    from course_lib.widgets import base, explore_batch
    from tools.corpus import find_corpus

    shown: list[ipywidgets.Widget] = []
    base.display, display = shown.append, base.display
    try:
        text = find_corpus().text
        tokenizer = CharTokenizer.from_text(text)
        explore_batch(split(tokenizer.encode(text))[0], tokenizer)
    finally:
        base.display = display
    return shown[0]


def _write(path: Path, widget: ipywidgets.Widget) -> None:
    stored = embed_data(views=[widget], state=dependency_state([widget], drop_defaults=False))["manager_state"]
    data = {"text/plain": "", VIEW: {"model_id": widget.model_id, "version_major": 2, "version_minor": 0}}
    cells = [new_markdown_cell("# A page"), new_code_cell("show()", outputs=[new_output("display_data", data=data)])]
    metadata = {"language_info": {"name": "python"}, "widgets": {STATE: json.loads(json.dumps(stored))}}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)


def _packages(folder: Path, addresses: set[str]) -> Path | None:
    """Fetch the packages behind the CDN addresses, and those that they load; None if npm gives none."""
    wanted = {"@jupyter-widgets/html-manager": "1.0.6", "requirejs": "2.3.4"}
    for address in addresses:
        if found := re.search(r"npm/(@jupyter-widgets/html-manager)@([\d.]+)|libs/(require)\.js/([\d.]+)", address):
            name, version = found.group(1) or "requirejs", found.group(2) or found.group(4)
            wanted[name] = version
    specs = [f"{name}@{version}" for name, version in wanted.items()] + [f"anywidget@{anywidget.__version__}", MATHJAX]
    kept = folder / "packages.txt"
    if kept.is_file() and kept.read_text("utf8").split() == specs:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for spec in specs:
        try:
            done = subprocess.run(["npm", "pack", "--silent", spec], cwd=folder, capture_output=True, timeout=120, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        with tarfile.open(folder / done.stdout.decode().split()[-1]) as archive:
            archive.extractall(folder / "unpacked", filter="data")
        target = folder / spec.rpartition("@")[0]
        target.parent.mkdir(exist_ok=True)
        next((folder / "unpacked").iterdir()).rename(target)
    kept.write_text("\n".join(specs), "utf8")
    return folder


def _use(packages: Path, html: Path) -> None:
    """Point the pages at this machine's copies of the scripts, with the addresses otherwise as they are."""
    source = packages / "requirejs" / "require.js"
    version = json.loads((packages / "requirejs" / "package.json").read_text("utf8"))["version"]
    small = packages / "require.js" / version / "require.min.js"
    if not small.is_file():
        small.parent.mkdir(parents=True, exist_ok=True)
        build = [packages / "requirejs" / "bin" / "r.js", "-o", f"baseUrl={source.parent}", "paths.lib=require", "name=lib",
                 f"out={small}"]
        try:
            subprocess.run(["node", *map(str, build)], capture_output=True, timeout=120, check=True)
        except (OSError, subprocess.SubprocessError):
            shutil.copy(source, small)
    for name in PAGES:
        page = html / f"{name}.html"
        text = CDN.sub("/cdn/", page.read_text("utf8"))
        # The checksum is of the CDN's own minified file.
        page.write_text(re.sub(r' integrity="[^"]*"', "", text), "utf8")


def mathjax(packages: Path) -> str:
    """Say what an equation would add to a default page."""
    script = (packages / "mathjax" / "es5" / "tex-mml-chtml.js").read_bytes()
    size = len(gzip.compress(script, 6)) / 1024
    return f"An equation on a default page would add MathJax, {size:,.0f} KiB of script compressed."

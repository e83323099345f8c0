"""The corpus: counts, where it comes from, downloads that go wrong, the tokenizer and the split.

The downloads are real: pooch fetches from a server on this machine, and only the address and the
expected hash are replaced.
"""

import hashlib
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib import CharTokenizer, Corpus, StandInWarning, load_corpus, split
from course_lib import corpus as module

TEXT = "To test, or not to test:\n" * 4000  # 100 kB, several of pooch's chunks
DATA = TEXT.encode()
HASH = hashlib.sha256(DATA).hexdigest()


class Server:
    """Serves `body` under any path; announces `announced` bytes; counts and can hold requests."""

    def __init__(self) -> None:
        self.body, self.announced, self.status, self.requests = DATA, None, 200, 0
        self.hold = False
        self.holding, self.release = threading.Event(), threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                self.send_response(outer.status)
                announced = len(outer.body) if outer.announced is None else outer.announced
                self.send_header("Content-Length", str(announced))
                self.end_headers()
                self.wfile.write(outer.body)
                self.wfile.flush()
                if outer.hold:
                    outer.holding.set()
                    outer.release.wait(30)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/input.txt"

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch, tmp_path):
    server = Server()
    monkeypatch.delenv("COURSE_CORPUS", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(module, "URL", server.url)
    monkeypatch.setattr(module, "SHA256", HASH)
    monkeypatch.setattr(module.pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    yield server
    server.close()


def kept(tmp_path: Path) -> dict[str, bytes]:
    """Every file below the cache folder."""
    return {f.name: f.read_bytes() for f in (tmp_path / "cache").rglob("*") if f.is_file()}


def test_counts_hold_for_whichever_corpus_this_machine_has(corpus):
    assert isinstance(corpus, Corpus)
    assert corpus.sha256 == hashlib.sha256(corpus.text.encode()).hexdigest()
    assert len(corpus.text) == 1_115_394
    tokenizer = CharTokenizer.from_text(corpus.text)
    assert tokenizer.vocab_size == 65
    train, val = split(tokenizer.encode(corpus.text))
    assert (len(train), len(val)) == (1_003_854, 111_540)
    assert corpus.is_stand_in == (corpus.name != "tiny-shakespeare")
    known = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
    assert corpus.is_stand_in or corpus.sha256 == known


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="no corpus named 'war-and-peace'"):
        load_corpus("war-and-peace")


def test_download_is_checked_kept_and_not_repeated(server, tmp_path, capfd):
    first = load_corpus()
    assert (first.text, first.sha256, first.is_stand_in) == (TEXT, HASH, False)
    assert first.name == "tiny-shakespeare"
    assert "100%" in capfd.readouterr().err  # the progress bar
    second = load_corpus()
    assert second == first and server.requests == 1
    assert capfd.readouterr().err == ""
    assert kept(tmp_path) == {"tiny-shakespeare.txt": DATA}


@pytest.mark.parametrize(
    "damage",
    [lambda d: d[:-1], lambda d: d[: len(d) // 2], lambda d: b"", lambda d: b"X" + d[1:]],
    ids=["one byte short", "half", "empty", "one byte changed"],
)
def test_a_damaged_cache_is_noticed_and_replaced(server, tmp_path, damage):
    load_corpus()
    cache = tmp_path / "cache" / "course_lib" / "tiny-shakespeare.txt"
    cache.write_bytes(damage(DATA))
    assert load_corpus().text == TEXT
    assert server.requests == 2
    assert kept(tmp_path) == {"tiny-shakespeare.txt": DATA}


def cut_short(server):
    server.body, server.announced = DATA[:50_000], len(DATA)


def short_but_complete(server):
    server.body = DATA[:50_000]


def another_file(server):
    server.body = DATA[::-1]


def missing_page(server):
    server.status, server.body = 404, b"no"


@pytest.mark.parametrize("fault", [cut_short, short_but_complete, another_file, missing_page])
@pytest.mark.parametrize("damaged_cache", [False, True])
def test_a_bad_download_is_never_kept(server, monkeypatch, tmp_path, fault, damaged_cache):
    monkeypatch.setattr(module.standin, "make_stand_in", lambda: "a second saved")
    fault(server)
    before = {}
    if damaged_cache:
        before = {"tiny-shakespeare.txt": DATA[:-5]}
        (tmp_path / "cache" / "course_lib").mkdir(parents=True)
        (tmp_path / "cache" / "course_lib" / "tiny-shakespeare.txt").write_bytes(DATA[:-5])
    with pytest.warns(StandInWarning, match="COURSE_CORPUS"):
        assert load_corpus().is_stand_in
    assert kept(tmp_path) == before


def test_nobody_listens(server, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "URL", "http://127.0.0.1:1/input.txt")
    with pytest.warns(StandInWarning, match="losses are not Shakespeare's"):
        corpus = load_corpus()
    assert corpus.is_stand_in and len(corpus.text) == 1_115_394
    assert "stand-in" in corpus.name and "stand-in" in repr(corpus)
    assert corpus.sha256 == hashlib.sha256(corpus.text.encode()).hexdigest()


def test_no_place_to_keep_it(server, monkeypatch, tmp_path):
    """A cache that cannot be written is no reason for the stand-in."""
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setattr(module.tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    assert not load_corpus().is_stand_in


def test_a_server_that_failed_is_not_asked_again_by_this_process(server, monkeypatch):
    monkeypatch.setattr(module, "URL", "http://127.0.0.1:1/again.txt")
    asked = []
    retrieve = module.pooch.retrieve
    monkeypatch.setattr(module.pooch, "retrieve", lambda *a, **k: asked.append(a) or retrieve(*a, **k))
    with pytest.warns(StandInWarning):
        assert load_corpus().is_stand_in and load_corpus().is_stand_in
    assert len(asked) == 1


CHILD = """
import sys
from course_lib import corpus
corpus.URL, corpus.SHA256 = sys.argv[1], sys.argv[2]
corpus.pooch.os_cache = lambda name: corpus.Path(sys.argv[3]) / name
corpus.standin.make_stand_in = lambda: "stand-in"
print(len(corpus.load_corpus().text))
print(len(corpus.load_corpus().text))
"""


def child(url: str, tmp_path: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, url, HASH, str(tmp_path / "cache")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_killed_in_the_middle_of_a_download(server, tmp_path):
    server.hold, server.body, server.announced = True, DATA[:50_000], len(DATA)
    process = child(server.url, tmp_path)
    assert server.holding.wait(60)
    # Wait for bytes on the disk: the kill has to meet a half-written file.
    while not any(kept(tmp_path).values()):
        assert process.poll() is None
    process.kill()
    process.communicate()
    assert "tiny-shakespeare.txt" not in kept(tmp_path)
    server.release.set()
    server.hold, server.body, server.announced = False, DATA, None
    assert load_corpus().text == TEXT
    assert kept(tmp_path)["tiny-shakespeare.txt"] == DATA


def test_the_notice_is_shown_once_a_process(server, tmp_path):
    out, err = child("http://127.0.0.1:1/input.txt", tmp_path).communicate(timeout=60)
    assert out.split() == ["8", "8"]
    assert err.count("StandInWarning") == 1


def test_course_corpus_names_the_file(server, monkeypatch, tmp_path):
    path = tmp_path / "copy.txt"
    path.write_bytes(DATA)
    monkeypatch.setenv("COURSE_CORPUS", str(path))
    assert load_corpus() == Corpus(TEXT, "tiny-shakespeare", HASH, False)
    assert server.requests == 0 and not (tmp_path / "cache").exists()


def test_course_corpus_with_another_file_is_an_error_and_no_stand_in(server, monkeypatch, tmp_path):
    path = tmp_path / "dos.txt"
    path.write_bytes(DATA.replace(b"\n", b"\r\n"))
    monkeypatch.setenv("COURSE_CORPUS", str(path))
    with pytest.raises(ValueError, match=f"dos.txt.*104,000 bytes.*{HASH[:8]}"):
        load_corpus()


def test_course_corpus_without_a_file_is_an_error(server, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CORPUS", str(tmp_path / "absent.txt"))
    with pytest.raises(FileNotFoundError, match="absent.txt"):
        load_corpus()
    monkeypatch.setenv("COURSE_CORPUS", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        load_corpus()
    assert server.requests == 0


def test_an_empty_course_corpus_counts_as_unset(server, monkeypatch):
    monkeypatch.setenv("COURSE_CORPUS", "")
    assert load_corpus().text == TEXT


def test_split_gives_views_of_the_same_storage_in_order():
    tokens = torch.arange(1_115_394)
    train, val = split(tokens)
    assert (len(train), len(val)) == (1_003_854, 111_540)
    assert train.data_ptr() == tokens.data_ptr()
    assert val.data_ptr() == tokens.data_ptr() + 1_003_854 * 8
    assert torch.equal(torch.cat([train, val]), tokens)
    assert [len(half) for half in split(torch.arange(10), 0.25)] == [2, 8]
    array = np.arange(10, dtype=np.uint16)
    assert all(np.shares_memory(half, array) for half in split(array))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1.5, float("nan"), 1e-9])
def test_split_refuses_a_fraction_that_leaves_nothing(fraction):
    with pytest.raises(ValueError, match="train_fraction"):
        split(torch.arange(10), fraction)


def test_split_refuses_what_is_no_stream():
    with pytest.raises(ValueError, match=r"shape \(2, 5\)"):
        split(torch.arange(10).view(2, 5))

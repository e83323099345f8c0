"""The corpus as one tensor of ids: load the text, encode it once, cut off a tail."""

import hashlib
import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pooch
import torch
from torch import Tensor

from course_lib import standin

SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
PATH_VARIABLE = "COURSE_CORPUS"
_DOWNLOAD_TIMEOUT_S = 15
_NAME = "tiny-shakespeare"
_CACHED_NAME = f"{_NAME}.txt"
# Addresses that failed: a server that never answers should cost its time-out once a process.
_failures: dict[str, Exception] = {}


class StandInWarning(UserWarning):
    """The real corpus could not be had, and generated text stands in for it."""


@dataclass(frozen=True)
class Corpus:
    """A text and where it comes from.

    Args:
        text: all of it.
        name: the corpus's name; for generated text it ends in "stand-in".
        sha256: hash of the text's UTF-8 bytes, in hexadecimal.
        is_stand_in: True if the text was generated because the real one could not be had.
    """

    text: str
    name: str
    sha256: str
    is_stand_in: bool

    def __repr__(self) -> str:
        return f"Corpus({self.name!r}, {len(self.text):,} characters, sha256 {self.sha256[:8]}…)"


def load_corpus(name: str = _NAME) -> Corpus:
    """Load the corpus from the first source that has it.

    1. The file that the environment variable `COURSE_CORPUS` names.
    2. The cache of an earlier download. A damaged one is noticed by its hash and replaced.
    3. The public address, with a progress bar. The hash is checked before the file is kept.
    4. Generated text of the same length and symbols, with a warning: `is_stand_in` is then True.

    Raises:
        ValueError: another `name`, or the file in `COURSE_CORPUS` is not this corpus.
        FileNotFoundError: `COURSE_CORPUS` names no file.
    """
    if name != _NAME:
        raise ValueError(f"There is no corpus named {name!r}; the course has {_NAME!r}.")
    path = os.environ.get(PATH_VARIABLE)
    if path:
        return _from_file(Path(path))
    try:
        cached = _cached_file()
    except (OSError, ValueError) as error:  # no network, no such page, bad hash
        _failures[URL] = error
        warnings.warn(
            f"The corpus could not be downloaded ({type(error).__name__}) and is not in the cache. "
            "Generated text of the same length stands in for it: counts and shapes are the same, "
            f"the losses are not Shakespeare's. With a copy of the file, set {PATH_VARIABLE} to "
            "its path.",
            StandInWarning,  # no stacklevel: shown once a process, not once a caller
        )
        return Corpus(
            standin.make_stand_in(), f"{_NAME} stand-in", standin.SHA256, is_stand_in=True
        )
    return Corpus(cached.read_bytes().decode(), _NAME, SHA256, is_stand_in=False)


def _from_file(path: Path) -> Corpus:
    if not path.is_file():
        raise FileNotFoundError(
            f"{PATH_VARIABLE} is {str(path)!r}, which is no file. "
            "Correct it, or unset it to download the corpus."
        )
    data = path.read_bytes()
    found = _sha256(data)
    if found != SHA256:
        raise ValueError(
            f"{PATH_VARIABLE} is {str(path)!r}, which is not {_NAME}: {len(data):,} bytes with "
            f"sha256 {found[:8]}…, not {SHA256[:8]}…. Use the unchanged file (line ends too), or "
            "unset the variable to download it."
        )
    return Corpus(data.decode(), _NAME, SHA256, is_stand_in=False)


def _cached_file() -> Path:
    """Return the verified file in the user's cache; download it first where needed."""
    folder = _cache_folder()
    if URL in _failures and not (folder / _CACHED_NAME).exists():
        raise _failures[URL]
    # pooch writes to a temporary file, checks the hash and only then renames.
    downloader = pooch.HTTPDownloader(progressbar=True, timeout=_DOWNLOAD_TIMEOUT_S)
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")  # the progress bar says enough
    try:
        return Path(
            pooch.retrieve(
                URL, f"sha256:{SHA256}", fname=_CACHED_NAME, path=folder, downloader=downloader,
            )  # fmt: skip
        )
    finally:
        logger.setLevel(level)


def _cache_folder() -> Path:
    """Return the user's cache, or a temporary folder where the cache cannot be written."""
    folder = Path(pooch.os_cache("course_lib"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK) or (folder / _CACHED_NAME).exists():
            return folder
    except OSError:
        pass  # a file in its place, or a read-only home
    return Path(tempfile.mkdtemp(prefix="course_lib-"))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class CharTokenizer:
    """One id a character: its rank among the sorted characters of a text."""

    def __init__(self, characters: str) -> None:
        """Take the vocabulary: different characters, in the order of their ids.

        Raises:
            ValueError: `characters` is empty or has a character twice.
        """
        if not characters or len(set(characters)) != len(characters):
            raise ValueError(
                f"characters is {characters!r}; it must hold each character once. "
                "CharTokenizer.from_text collects them for you."
            )
        self.characters = characters
        self._ids = {character: i for i, character in enumerate(characters)}
        codes = np.array([ord(character) for character in characters])
        # One slot a code point up to the largest known one: encoding is then a single look-up.
        self._id_of_code = np.full(codes.max() + 2, -1, dtype=np.int64)
        self._id_of_code[codes] = np.arange(len(codes))

    @classmethod
    def from_text(cls, text: str) -> "CharTokenizer":
        """Build the tokenizer of all characters in `text`, sorted by code point.

        Raises:
            ValueError: `text` is empty.
        """
        return cls("".join(sorted(set(text))))

    @property
    def vocab_size(self) -> int:
        """V, the number of different characters."""
        return len(self.characters)

    def encode(self, text: str) -> Tensor:
        """Return the ids of `text`, `(N,)` int64.

        Raises:
            ValueError: a character is not in the vocabulary; the message shows it and its position.
        """
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        # Codes past the table all land in its last slot, which no character owns.
        ids = self._id_of_code[np.minimum(codes, len(self._id_of_code) - 1)]
        unknown = np.flatnonzero(ids < 0)
        if unknown.size:
            position = int(unknown[0])
            raise ValueError(
                f"{text[position]!r} at position {position:,} is not among the "
                f"{self.vocab_size} characters of this vocabulary. Build the tokenizer from a text "
                "that contains it, or replace it."
            )
        return torch.from_numpy(ids)

    def decode(self, ids: Tensor | np.ndarray | list[int]) -> str:
        """Return the text of `ids` `(N,)`; the inverse of `encode`.

        Raises:
            ValueError: `ids` is not one stream, or an id is outside the vocabulary; the message
                shows it and its position.
        """
        # No tensor is made of an array: PyTorch warns about read-only ones, such as memory maps.
        ids = ids if isinstance(ids, Tensor) else np.asarray(ids)
        if ids.ndim != 1:
            raise ValueError(
                f"ids has shape {tuple(ids.shape)}; decode takes (N,). Pass one row at a time."
            )
        pieces = ids.tolist()
        for position, i in enumerate(pieces):
            if not 0 <= i < self.vocab_size:
                raise ValueError(
                    f"Id {i} at position {position:,} is outside this vocabulary of "
                    f"{self.vocab_size}."
                )
        return "".join(self.characters[i] for i in pieces)

    def __repr__(self) -> str:
        return f"CharTokenizer({self.vocab_size} characters)"


def split(tokens: Tensor, train_fraction: float = 0.9) -> tuple[Tensor, Tensor]:
    """Cut a stream in two: the first `int(train_fraction * N)` ids train, the tail validates.

    Both halves are views of the same storage. A tail and not a shuffle, so that no window of the
    one half shares text with a window of the other.

    Args:
        tokens: ids `(N,)`.
        train_fraction: the share that trains, strictly between 0 and 1.

    Returns:
        `train, val` of shapes `(n,)` and `(N - n,)`.

    Raises:
        ValueError: `tokens` is not 1-D, the fraction is outside (0, 1), or a half would be empty.
    """
    if tokens.ndim != 1:
        raise ValueError(f"tokens has shape {tuple(tokens.shape)}; it must be one stream (N,).")
    if not 0 < train_fraction < 1:
        raise ValueError(
            f"train_fraction is {train_fraction}; it must lie strictly between 0 and 1."
        )
    n_train = int(train_fraction * len(tokens))
    if not 0 < n_train < len(tokens):
        raise ValueError(
            f"train_fraction = {train_fraction} of {len(tokens):,} ids leaves one half empty. "
            "Use a longer stream or another fraction."
        )
    return tokens[:n_train], tokens[n_train:]

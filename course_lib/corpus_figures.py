"""What is counted on the real corpus, recorded, so that prose can be held to it without the corpus."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from course_lib.corpus import CharTokenizer, Corpus, load_corpus, split
from course_lib.files import atomic_path
from course_lib.landmarks import landmark_losses
from course_lib.runs import FOLDER, SCHEMA, RunFileError, digest, find_damage

FILE_NAME = "corpus.json"
HALVES = ("train", "val")
SPEAKERS = ("PROSPERO", "MIRANDA", "ROMEO", "KATHARINA")


class StandInError(ValueError):
    """Something was to be recorded on the stand-in corpus."""


@dataclass(frozen=True)
class CorpusFigures:
    """What the course says of its corpus, split in the lesson's way.

    Args:
        name, sha256: of the corpus.
        characters: its length N, which is its number of tokens.
        vocab_size: V.
        train_tokens, val_tokens: sizes of the halves.
        unseen_characters: how many characters occur in the validation half alone.
        uniform, unigram, bigram: losses of `landmark_losses` on the validation half, in nats.
        occurrences: how often a speaker's name stands in each half, as `occurrences["ROMEO"]["val"]`.
    """

    name: str
    sha256: str
    characters: int
    vocab_size: int
    train_tokens: int
    val_tokens: int
    unseen_characters: int
    uniform: float
    unigram: float
    bigram: float
    occurrences: Mapping[str, Mapping[str, int]]

    def steps_per_epoch(self, batch_size: int = 64, context_length: int = 64) -> float:
        """Return the updates after which as many predictions were made as the training half has tokens."""
        return self.train_tokens / (batch_size * context_length)


def load_real_corpus() -> Corpus:
    """Load the corpus and refuse the stand-in.

    Raises:
        StandInError: the real corpus could not be had.
    """
    corpus = load_corpus()
    if corpus.is_stand_in:
        raise StandInError(
            "The real corpus could not be had, and nothing is recorded on another. "
            "Set COURSE_CORPUS to the path of a copy, or connect to the network."
        )
    return corpus


def count(corpus: Corpus) -> CorpusFigures:
    """Count `corpus`; takes a second or so."""
    tokenizer = CharTokenizer.from_text(corpus.text)
    train_tokens, val_tokens = split(tokenizer.encode(corpus.text))
    texts = dict(zip(HALVES, (corpus.text[: len(train_tokens)], corpus.text[len(train_tokens) :])))
    losses = landmark_losses(train_tokens, val_tokens, tokenizer.vocab_size)
    return CorpusFigures(
        name=corpus.name, sha256=corpus.sha256, characters=len(corpus.text), vocab_size=tokenizer.vocab_size,
        train_tokens=len(train_tokens), val_tokens=len(val_tokens),
        unseen_characters=len(set(texts["val"]) - set(texts["train"])),
        **{name: round(loss, 6) for name, loss in losses.items()},
        occurrences={who: {half: text.count(who) for half, text in texts.items()} for who in SPEAKERS},
    )  # fmt: skip


def write_corpus_figures(figures: CorpusFigures, folder: Path = FOLDER) -> Path:
    """Write the figures atomically, with a hash of the content, and return the file's path."""
    content = {"schema": SCHEMA, "figures": asdict(figures)}
    path = folder / FILE_NAME
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content | {"sha256": digest(content)}, indent=2) + "\n", encoding="utf-8")
    return path


def load_corpus_figures(folder: Path = FOLDER) -> CorpusFigures:
    """Load the recorded figures; neither the corpus nor a network is needed.

    Raises:
        FileNotFoundError: nothing was recorded.
        RunFileError: the file is damaged, was edited, or is of another schema.
    """
    path, remedy = folder / FILE_NAME, "Restore it from the repository, or record it again: course record corpus"
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}. {remedy}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunFileError(f"{path} cannot be read ({error}). {remedy}") from error
    if problem := find_damage(content):
        raise RunFileError(f"{path}: {problem}. {remedy}")
    names = {field.name for field in fields(CorpusFigures)}
    if set(content.get("figures", ())) != names:
        raise RunFileError(f"{path}: its figures are not {sorted(names)}. {remedy}")
    return CorpusFigures(**content["figures"])

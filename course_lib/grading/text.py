"""Text that students wrote, made safe to show: on a screen, in a file's name, in CSV, Markdown and HTML."""

import hashlib
import re
import unicodedata
from html import escape

# Format characters that change the order or the look of what stands around them, or are not seen at all.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_KEPT = "\n\u200d"  # a line's end, and the joiner that scripts and emoji need
_MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")  # all of ASCII's punctuation, which CommonMark lets us escape

# A cell of a table becomes a formula by its first character. A program that splits at another sign
# than the comma finds further cells within ours, so what follows such a sign is guarded as well.
_CELL_START = r"(?:^|(?<=[;,|\"\t\r\n]))"
_DANGER = "[ ']*[=+\\-@\t\r＝＋－＠]"
_TO_GUARD = re.compile(f"{_CELL_START}(?={_DANGER})")
_GUARDED = re.compile(f"{_CELL_START}'(?={_DANGER})")

_UNSAFE_IN_NAME = re.compile(r"[^\w.@+-]+", re.ASCII)
# What cannot be a file's name on Windows, and what a file of our own beside the students' folders could be called.
_TAKEN = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*\.(json|csv|lock|part)", re.IGNORECASE)
NAME_LENGTH = 64


def visible(text: str) -> str:
    r"""Return text with control, direction and other unseen characters written out, such as `\u202e`.

    Ends of lines stay; a carriage return alone becomes one.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _UNSEEN:
        return character
    if character == "\t":
        return "    "
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def one_line(text: str, limit: int = 200) -> str:
    """Return visible text on one line of at most `limit` characters, cut with an ellipsis."""
    text = " ".join(visible(text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def safe_name(original: str) -> str:
    """Return a name for a folder or a file that says whose it is, holds only harmless signs, and is its own.

    An original that is itself such a name, in lower case, stays as it is. Any other one gets a part of its
    SHA-256, so two different originals never share a name, not even where case is ignored.
    """
    cleaned = _UNSAFE_IN_NAME.sub("_", unicodedata.normalize("NFKD", original)).strip("._-+@ ")
    plain = original == cleaned and original == original.lower() and len(original) <= NAME_LENGTH
    if plain and original and not _TAKEN.fullmatch(original):
        return original
    digest = hashlib.sha256(original.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{cleaned.lower()[: NAME_LENGTH - 11] or 'unnamed'}-{digest}"


def guard_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: an apostrophe stands before each place that could be.

    `unguard_cell` gives the text back, whatever it was.
    """
    return _TO_GUARD.sub("'", text)


def unguard_cell(text: str) -> str:
    """Undo `guard_cell`."""
    return _GUARDED.sub("", text)


def html_text(text: str) -> str:
    """Return visible text for HTML, between tags or in a quoted attribute; ends of lines become `<br>`."""
    return escape(visible(text), quote=True).replace("\n", "<br>")


def html_block(text: str) -> str:
    """Return visible text for HTML's `<pre>`."""
    return escape(visible(text), quote=True)


def markdown_text(text: str) -> str:
    """Return visible text for a paragraph or table cell of Markdown, every sign literal, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(visible(text).split()))


def markdown_block(text: str) -> str:
    """Return visible text as a fenced block whose fence is longer than any run of backticks in it."""
    text = visible(text).rstrip("\n")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"

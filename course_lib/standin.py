"""Generated text that stands in for the corpus where there is no network.

It is shaped like a play: names in capitals, a colon, a speech, an empty line. It has the corpus's
length and its 65 symbols, so that every count and shape that the course prints stays true. Its
words are this module's own. The words differ in frequency and follow a grammar, so that a model
can learn letters, pairs of letters, words and the order of words, one after the other.
"""

from course_lib.rng import Mulberry32

LENGTH = 1_115_394
SHA256 = "649ae1d93306026989363c87e9fc030e73a688c3afe4eb6fc65649d72d90f57a"
_SEED = 1623

_SPEAKERS = (
    "GARDENER", "KNIGHT", "FIRST SAILOR", "SECOND SAILOR", "QUEEN", "WIDOW", "FOX", "JUDGE",
    "CLERK", "ZEALOT", "EXILE", "BAKER", "VOICE", "PHYSICIAN", "OLD MAN", "THE WIND",
)  # fmt: skip
_PLACES = (
    "Arden", "Byzant", "Calder", "Dover", "Esk", "Fenwick", "Galway", "Hull", "Ithaca", "Jericho",
    "Kent", "Lyon", "Mull", "Norwich", "Orkney", "Penzance", "Quay", "Ravenna", "Skye", "Tyre",
    "Usk", "Venice", "Whitby", "Xanadu", "York", "Zealand",
)  # fmt: skip
_NOUNS = (
    "night", "garden", "river", "letter", "crown", "brother", "lantern", "winter", "horse",
    "harbour", "daughter", "song", "stone", "market", "shadow", "promise", "kitchen", "oxen",
    "quarrel", "jewel", "ship", "candle", "forest", "debt", "mirror", "zeal", "door", "field",
)  # fmt: skip
_ADJECTIVES = (
    "quiet", "bitter", "golden", "broken", "patient", "hollow", "kind", "foolish", "dark", "jealous",
    "gentle", "frozen", "honest", "exact", "weary", "young",
)  # fmt: skip
_VERBS = (
    "follows", "remembers", "keeps", "betrays", "answers", "carries", "mends", "forgives", "watches",
    "fears", "hides", "praises", "questions", "loves", "buries", "outlives",
)  # fmt: skip
_ADVERBS = ("again", "tonight", "too late", "in silence", "without me", "at dawn", "for nothing")
_OPENINGS = ("Alas, ", "And yet ", "I say ", "No: ", "They swear ", "Believe me, ", "If only ", "")
_QUESTIONS = ("why does", "when shall", "how can", "where did")
_WAITS = ("wait", "sing", "return", "sleep", "burn", "weep", "fall", "speak")
_DETERMINERS = ("the", "my", "his", "our", "that", "a king's")


def make_stand_in() -> str:
    """Return the same 1,115,394 characters at every call, on every machine.

    All 65 symbols of the corpus occur, each of them within the first 90 %. Takes about a second.
    """
    rng = Mulberry32(_SEED)
    pieces: list[str] = []
    length = 0
    while length < LENGTH:
        piece = f"{_pick(rng, _SPEAKERS)}:\n{_speech(rng)}\n\n"
        pieces.append(piece)
        length += len(piece)
    return "".join(pieces)[:LENGTH]


def _pick(rng: Mulberry32, words: tuple[str, ...]) -> str:
    """Choose a word; early ones more often, as in a natural text."""
    # A product, not a power: multiplication rounds alike on every machine, pow() need not.
    return words[int(rng.random() * rng.random() * len(words))]


def _speech(rng: Mulberry32) -> str:
    lines = [_sentence(rng) for _ in range(1 + rng.below(4))]
    return "\n".join(lines)


def _sentence(rng: Mulberry32) -> str:
    chance = rng.random()
    if chance < 0.01:  # the rare symbols: $, & and 3 keep their places in the vocabulary
        return f"I owe {_pick(rng, _PLACES)} & {_pick(rng, _PLACES)} $3;"
    if chance < 0.2:
        question = f"{_pick(rng, _QUESTIONS)} {_noun(rng)} {_pick(rng, _WAITS)} {_pick(rng, _ADVERBS)}?"
        return question[0].upper() + question[1:]
    sentence = f"{_pick(rng, _OPENINGS)}{_noun(rng)} {_pick(rng, _VERBS)} {_noun(rng)}"
    if rng.random() < 0.3:
        sentence += f" of {_pick(rng, _PLACES)}"
    elif rng.random() < 0.3:
        sentence += f" {_pick(rng, _ADVERBS)}"
    return sentence[0].upper() + sentence[1:] + ".,;!-"[rng.below(5)]


def _noun(rng: Mulberry32) -> str:
    adjective = f"{_pick(rng, _ADJECTIVES)} " if rng.random() < 0.4 else ""
    return f"{_pick(rng, _DETERMINERS)} {adjective}{_pick(rng, _NOUNS)}"

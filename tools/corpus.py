"""Say which corpus there is, and run nbval as strictly as it allows.

    python -m tools.corpus                   download it if need be, describe it
    python -m tools.corpus --nbval PATH ...  run the notebooks against their stored outputs

Stored outputs come from the real corpus. With it every output is compared; with the stand-in every
cell has to run, and cells tagged `nbval-check-output` (counts and shapes) are compared.
"""

import subprocess
import sys
import warnings
from pathlib import Path

from course_lib import Corpus, load_corpus

SANITIZE = Path(__file__).with_name("nbval_sanitize.cfg")


def find_corpus() -> Corpus:
    """Load the corpus; the caller says what a stand-in means, so its warning is not needed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_corpus()


def nbval_command(paths: list[str], is_stand_in: bool) -> list[str]:
    mode = "--nbval-lax" if is_stand_in else "--nbval"
    return [
        *(sys.executable, "-m", "pytest", mode, "--nbval-current-env"),
        *("--nbval-sanitize-with", str(SANITIZE), "-p", "no:cacheprovider", *paths),
    ]


def main(arguments: list[str]) -> int:
    try:
        corpus = find_corpus()
    except (OSError, ValueError) as error:  # COURSE_CORPUS names no file, or another one
        print(f"corpus: {error}", file=sys.stderr)
        return 1
    kind = "A STAND-IN: counts and shapes are right, losses are not Shakespeare's" if corpus.is_stand_in else "the real one"
    print(f"{corpus.name}, {len(corpus.text):,} characters, {kind}", flush=True)
    if arguments[:1] != ["--nbval"]:
        return 0
    how = "marked outputs compared" if corpus.is_stand_in else "every output compared"
    print(f"nbval: every cell runs, {how}", flush=True)
    return subprocess.call(nbval_command(arguments[1:], corpus.is_stand_in))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

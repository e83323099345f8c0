"""One small random generator, written the same way in Python and in the pictures' JavaScript.

The algorithm is mulberry32 by Tommy Ettinger (2017, public domain; popularised for JavaScript by
bryc, https://github.com/bryc/code/blob/master/jshash/PRNGs.md): 32 bits of state, one multiply-and-mix
a draw. It is good enough for drawing pictures and made-up text and for nothing that needs statistical
quality. Its stream depends on no library, so a seed means the same today, next year, and in a browser.
The JavaScript twin is in `course_lib/widgets/common.js`; a test holds the two together.
"""

_MASK = 0xFFFFFFFF


class Mulberry32:
    """A stream of pseudo-random numbers that `seed` (any integer, taken modulo 2**32) decides."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def random(self) -> float:
        """Return the next number in [0, 1), a multiple of 2**-32."""
        self._state = (self._state + 0x6D2B79F5) & _MASK
        a = self._state
        t = ((a ^ (a >> 15)) * (a | 1)) & _MASK
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & _MASK)) & _MASK
        return (t ^ (t >> 14)) / 4294967296

    def below(self, n: int) -> int:
        """Return the next integer in [0, n). Uniform up to a bias below n / 2**32."""
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        return int(self.random() * n)

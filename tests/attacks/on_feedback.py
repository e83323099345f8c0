"""Attacks on whoever reads the feedback, the table or the log."""

from attack import FULL, HONEST, Attack, notebook

SCRIPT = (
    '</pre></td><script>alert(1)</script><img src=x onerror="alert(1)"> '
    "![x](http://evil.example/x.png) [x](javascript:alert(1))"
)
FORMULA = '=HYPERLINK("http://evil.example","click")'
DIRECTIONS = "\u202eevil\u2066\u200b\x1b[31m\x07\x00\r\n# heading\n\n---\n```\n~~~\n"

ON_FEEDBACK = [
    Attack("script-in-an-exception", "tags, links and formulas in what the function raises", f"""
        Evil = type({FORMULA + SCRIPT!r}, (Exception,), {{}})
        def total(numbers): raise Evil({SCRIPT + FORMULA + DIRECTIONS!r})
        """),
    Attack("script-in-an-answer", "the same in a text that is returned", f"""
        def total(numbers): return {{ {SCRIPT!r}: {FORMULA + DIRECTIONS!r} }}
        """),
    Attack("script-in-the-log", "the same in what it prints, to both streams", HONEST + f"""
import sys
for text in ({SCRIPT!r}, {FORMULA!r}, {DIRECTIONS!r}):
    print(text)
    print(text, file=sys.stderr)
""", points=FULL),
    Attack("script-in-a-syntax-error", "the same in what Python quotes", f"""
        total = {SCRIPT!r}
        raise SyntaxError({FORMULA + SCRIPT!r}, ({FORMULA!r}, 1, 1, {SCRIPT!r}))
        """, ("student_error",)),
    Attack("script-by-hand", "the same in the answer that a person reads", points=FULL,
           build=lambda path: path.write_text(notebook(HONEST, SCRIPT + FORMULA + DIRECTIONS))),
    Attack("log-flood", "200 MB of output", HONEST + """
import os
for _ in range(200):
    os.write(1, b"flood " * 170_000)
""", points=FULL),
    Attack("log-of-nothing", "standard streams closed and replaced", HONEST + """
import os, sys
os.close(0), os.close(1), os.close(2)
sys.stdout = sys.stderr = sys.stdin = None
""", points=FULL),
]  # fmt: skip

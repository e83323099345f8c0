"""Attacks on the machine: its time, its memory, its processes; and ends of every kind."""

from attack import ERROR, GRADED, LATE, Attack

ON_RESOURCES = [
    Attack("endless-loop", "a loop that ignores every signal and catches everything", """
        import signal
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        while True:
            try:
                while True: pass
            except BaseException: pass
        """, (LATE,), piece="brief"),
    Attack("endless-answer", "an answer that never comes", "def total(numbers):\n    while True: pass\n",
           (LATE,), piece="brief"),
    Attack("endless-number", "one sum in C that no signal interrupts", "def total(numbers): return 7 ** (7 ** 12)\n",
           (LATE, GRADED), piece="brief"),
    Attack("slow-drip", "an answer of one byte at a time", """
        import os, struct, time
        def total(numbers):
            for byte in struct.pack(">II", 2_000_000, 8_000_000) + bytes(10_000):
                os.write(3, bytes([byte]))
                time.sleep(0.1)
        """, (LATE,), piece="brief"),
    Attack("hang-up", "the grader's line cut, and no end", """
        import os, time
        def total(numbers):
            os.close(3)
            time.sleep(600)
        """, (LATE, GRADED), piece="brief"),
    Attack("deaf", "questions that are never read", """
        import os, time
        def total(numbers): time.sleep(600)
        time.sleep(600)
        """, (LATE,), piece="brief"),
    Attack("fork-bomb", "processes without end", """
        import os
        while True:
            try: os.fork()
            except BaseException: pass
        """, (LATE, ERROR), piece="brief"),
    Attack("thread-bomb", "threads without end", """
        import ctypes, threading, time
        def more():
            while True:
                try: threading.Thread(target=more).start()
                except BaseException: time.sleep(0.01)
        more()
        """, (LATE, ERROR), piece="brief"),
    Attack("memory-bomb", "memory without end", """
        import mmap, torch
        held = []
        def total(numbers):
            while True:
                held.append(torch.ones(2**24))
                held.append(bytearray(2**26))
                held.append(mmap.mmap(-1, 2**26))
                held[-1].write(bytes(2**26))
        """),
    Attack("exit-at-import", "an end before anything is asked", "import os\nos._exit(0)\n", (ERROR,)),
    Attack("exit-softly", "SystemExit in the place of an answer", "import sys\ndef total(numbers): sys.exit(0)\n"),
    Attack("exit-in-an-answer", "an end without an error", "import os\ndef total(numbers): os._exit(0)\n"),
    Attack("crash", "a null pointer", "import ctypes\ndef total(numbers): ctypes.string_at(0)\n"),
    Attack("deep-recursion", "the stack, used up", """
        import sys
        sys.setrecursionlimit(2**30)
        def total(numbers): return total([numbers])
        """, (GRADED, LATE), piece="brief"),
    Attack("endless-message", "an exception whose text and name never end", """
        class Endless(Exception):
            def __str__(self): return "x" * 10**8
        Endless.__name__ = "y" * 10**7
        def total(numbers): raise Endless
        """),
]  # fmt: skip

"""Attacks that want points: by what an answer pretends to be, by patches, by forged messages, by searching."""

from attack import ERROR, FULL, GRADED, HONEST, LATE, Attack

FRAME = """
import os, struct
def frame(text, raw=b"", lengths=None):
    os.write(3, struct.pack(">II", *(lengths or (len(text), len(raw)))) + text + raw)
"""

ON_ANSWERS = [
    Attack("equal-to-everything", "an object that equals, contains and is close to all", """
        class Any:
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __bool__(self): return True
            def __float__(self): return 0.0
            def __getattr__(self, name): return self
            def __call__(self, *args, **kwargs): return self
            __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __eq__
            __sub__ = __rsub__ = __abs__ = lambda self, *other: self
        def total(numbers): return Any()
        """),
    Attack("float-that-lies", "a subclass of float with dishonest methods", """
        class Lie(float):
            def __eq__(self, other): return True
            def __sub__(self, other): return 0.0
            __rsub__ = __abs__ = __sub__
            def __float__(self): return self
            def __repr__(self): return "points"
        def total(numbers): return Lie(1.0)
        """),
    Attack("class-that-lies", "an object whose __class__ says float, int, Tensor", """
        import torch
        class Lie:
            asked = 0
            @property
            def __class__(self):
                Lie.asked += 1
                return (float, int, str, torch.Tensor, dict)[Lie.asked % 5]
        def total(numbers): return Lie()
        """),
    Attack("tensor-that-lies", "a tensor subclass whose every operation says yes", """
        import torch
        class Lie(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                return True
            def numpy(self): return "points"
            def item(self): return 1e9
        def total(numbers): return torch.zeros(()).as_subclass(Lie)
        """),
    Attack("containers-that-lie", "dict, list and str subclasses whose methods lie", """
        class D(dict):
            def items(self): return [("answer", 1.0), ("points", 4.0)] * 10**9 if False else iter([("a", self)])
            def __len__(self): return -1 if False else 1
        class S(str):
            def __str__(self): return self
            def __len__(self): return 0
        def total(numbers): return D(x=S("y" * 10**6))
        """),
    Attack("patched-torch", "torch's comparisons replaced", """
        import torch
        for name in ("equal", "allclose", "isclose", "eq", "all", "as_tensor", "frombuffer"):
            setattr(torch, name, lambda *args, **kwargs: torch.ones(()))
        torch.Tensor.__eq__ = lambda *args: True
        torch.Tensor.sum = lambda *args, **kwargs: 0
        torch.testing.assert_close = lambda *args, **kwargs: None
        def total(numbers): return 0.0
        """),
    Attack("patched-builtins", "assert, isinstance, abs, sum, print, open and AssertionError replaced", """
        import builtins, math, time
        builtins.AssertionError = type("Quiet", (Exception,), {"__bool__": lambda self: False})
        for name in ("abs", "sum", "all", "any", "len", "min", "max", "isinstance", "type", "repr", "round", "print"):
            setattr(builtins, name, lambda *args, **kwargs: True)
        math.isclose = time.monotonic = time.time = lambda *args, **kwargs: True
        def total(numbers): return 0.0
        """, (GRADED, ERROR)),
    Attack("patched-json", "json.dumps that writes full marks", """
        import json
        full = '{"status": "graded", "points": 4.0, "max_points": 4.0}'
        json.dumps = json.encoder.JSONEncoder.encode = json.JSONEncoder.iterencode = lambda *args, **kwargs: full
        json.loads = lambda *args, **kwargs: {"points": 4.0}
        def total(numbers): return 0.0
        """, (GRADED, ERROR)),
    Attack("patched-grader", "the grader's own modules replaced in the box", """
        import sys
        from course_lib.grading import answers, checks, frames, grade, protocol
        for module in (answers, checks, frames, grade, protocol):
            for name in dir(module):
                if callable(getattr(module, name)) and not name.startswith("__"):
                    setattr(module, name, lambda *args, **kwargs: ("{}".encode(), b""))
        def total(numbers): return 0.0
        """, (GRADED, ERROR, LATE)),
    Attack("forged-frames", "answers and full marks written to every descriptor", FRAME + """
for number in range(1024):
    for text in (b'{"points": 4, "status": "graded"}', b'["dict",["answer",0.0]]', b'["dict",["points",4.0]]'):
        try:
            os.write(number, struct.pack(">II", len(text), 0) + text)
        except OSError:
            pass
def total(numbers): return 0.0
""", (GRADED, ERROR)),
    Attack("forged-report", "a report of its own with 20,000 failures, in the place of the grader's", FRAME + """
failure = b'["list","A","b",1,1]'
text = b'["dict",["answer",["dict",["functions",["list","total",["tensor","int8",[2]]]],["failures",["list",%s]]]]]'
frame(text % b",".join([failure] * 19_000), b"ab")
def total(numbers): return 0.0
"""),
    Attack("forged-error", "an error of its own, with impossible places and a page of text", FRAME + """
def total(numbers):
    text = b'["dict",["error",["list","%s","</pre><script>alert(1)</script>",-5,9223372036854775807]]]'
    frame(text % (b"=1+1|" * 30_000))
"""),
    Attack("answers-twice", "a message too many with each answer, to get ahead of the questions",
           FRAME + HONEST.replace("total", "honest") + """
def total(numbers):
    frame(b'["dict",["answer",0.0]]')
    return honest(numbers)
"""),
    Attack("pickle-by-answer", "an object that runs code where it is unpickled", """
        import os
        class Bomb:
            def __reduce__(self): return os.system, ("touch @BASE@/@TOKEN@ /tmp/@TOKEN@",)
        def total(numbers): return Bomb()
        """),
    Attack("pickle-by-frame", "a pickle, and a torch file, in the place of a message", """
        import io, os, pickle, struct, torch
        class Bomb:
            def __reduce__(self): return os.system, ("touch @BASE@/@TOKEN@ /tmp/@TOKEN@",)
        def total(numbers):
            file = io.BytesIO()
            torch.save(Bomb(), file)
            data = pickle.dumps(Bomb()) + file.getvalue()
            os.write(3, struct.pack(">II", len(data), 0) + data)
        """),
    Attack("deep-answer", "a list in a list, 100,000 times, and one that holds itself", """
        calls = []
        def total(numbers):
            calls.append(1)
            answer = inner = []
            for _ in range(100_000):
                inner.append([])
                inner = inner[0]
            if len(calls) % 2:
                inner.append(answer)
            return answer
        """),
    Attack("huge-answer", "gigabytes by numbers, texts and tensors that take no room", """
        import torch
        answers = [lambda: torch.zeros(1).expand(2**40), lambda: [0] * 10**7, lambda: "x" * 10**8, lambda: 10 ** 10**5]
        def total(numbers): return answers.pop()()
        """),
    Attack("huge-frame", "a message that announces 4 GB",
           FRAME + "def total(numbers): frame(b'', lengths=(2**32 - 1, 2**32 - 1))\n"),
    Attack("json-bomb", "2 MB of opening brackets", FRAME + "def total(numbers): frame(b'[' * 2_000_000)\n"),
    Attack("nan-and-infinities", "answers that compare with nothing, or are above all", """
        import math, torch
        answers = [math.nan, math.inf, torch.tensor(math.nan), [math.nan] * 3]
        def total(numbers):
            answers.insert(0, answers.pop())
            return answers[0]
        """),
    Attack("frame-search", "the expected number, in the callers' frames and in all objects alive", """
        import gc, sys, torch
        def total(numbers):
            frame, found = sys._getframe(1), []
            while frame:
                found += [value for name, value in frame.f_locals.items() if isinstance(value, float)]
                for word in ("expected", "reference", "right", "check", "secret", "SECRET"):
                    for names in (frame.f_locals, frame.f_globals):
                        if word in names and not callable(names[word]) and not hasattr(names[word], "__path__"):
                            print("GOT", word)
                frame = frame.f_back
            for value in gc.get_objects():
                if isinstance(value, dict) and {"points", "max_points"} <= value.keys():
                    print("GOT", value)
                if type(value).__name__ in ("Check", "Task", "Session", "Random"):
                    print("GOT a", type(value))
            found += [x for value in gc.get_objects() if type(value) is tuple for x in value if type(x) is float]
            return found[-1] if found else 0.0
        """),
    Attack("visible-check", "an answer that is right for what the notebook shows", """
        def total(numbers): return {(1, 2, 3): 6}.get(tuple(numbers), 6)
        """),
    Attack("changed-arguments", "the question changed until the answer fits", """
        import torch
        def total(numbers):
            numbers.zero_() if isinstance(numbers, torch.Tensor) else numbers.clear()
            return 0.0
        """),
    Attack("twin-name", "a name that Python makes the function's, spelled in other letters",
           HONEST.replace("total", "ｔｏｔａｌ"),
           points=FULL),
]  # fmt: skip

"""The pictures' JavaScript against the library and against Python, by running the modules' own functions."""

import bisect
import itertools
import math

import pytest
from recorded_variants import museum

from course_lib import CharTokenizer, StepRecord, WarmupCosine, WarmupLinear, WarmupStableDecay
from course_lib.rng import Mulberry32
from course_lib.widgets import (
    Choice, Numeric, explore_batch, explore_clipping, explore_loss, explore_recorded, explore_run, explore_schedule,
    explore_split,
)  # fmt: skip
from course_lib.widgets.base import module, readable
from course_lib.widgets.batches import offsets
from course_lib.widgets.corpus import expected_overlap
from course_lib.widgets.loss import expected_loss, standard_normals

RUN = """async ([source, body, args]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const m = await import(url);
  return new Function("m", "args", "return " + body)(m, args);
}"""

FILES = {"training": ["frames", "panels", "training"]}  # of the pieces that have more than one


@pytest.fixture(scope="module")
def js(browser):
    """Call `js(piece, expression, *args)`: the expression's value, with the piece's module as `m`."""
    page = browser.new_page()
    yield lambda piece, expression, *args: page.evaluate(RUN, [module(*FILES.get(piece, [piece])), expression, list(args)])
    page.close()


@pytest.fixture
def rng() -> Mulberry32:
    return Mulberry32(20)


def test_generator_is_the_same_in_both_languages(js):
    seeds = [0, 1, 2, 12, 1337, 2**31 - 1, 2**31, 2**32 - 1]
    found = js("batches", "args[0].map(s => { const r = m.mulberry32(s); return Array.from({length: 50}, r) })", seeds)
    for seed, stream in zip(seeds, found, strict=True):
        twin = Mulberry32(seed)
        assert stream == [twin.random() for _ in range(50)]
    twin = Mulberry32(3)
    assert js("batches", "(r => Array.from({length: 50}, () => m.below(r, 1003846)))(m.mulberry32(3))") == [
        twin.below(1_003_846) for _ in range(50)
    ]


def test_offsets_are_the_same(js, rng):
    cases = [[seed, T + 1 + rng.below(10 ** (1 + seed % 6)), 1 + rng.below(64), T] for seed in range(1, 13) for T in (1, 8, 64)]
    assert js("batches", "args[0].map(c => m.offsets(...c))", cases) == [offsets(*case) for case in cases]


def test_numbers_are_written_alike(js, rng):
    counts = [0, 7, 999, 1000, 65_536, 1_115_394, 10**9]
    assert js("batches", "args[0].map(m.grouped)", counts) == [f"{n:,}" for n in counts]
    rates = [0.0] + [10 ** (rng.random() * 12 - 8) for _ in range(200)]
    assert js("schedule", "args[0].map(r => m.scientific(r, 3))", rates) == [f"{r:.3e}" for r in rates]
    text = "a b\n c\u00e9 \n"
    assert js("batches", "m.readable(args[0])", text) == readable(text)


def test_schedules_equal_the_library(js, rng):
    cases, expected = [], []
    for case in range(400):
        D = 1 + rng.below(5000)
        W = (0, D, rng.below(D + 1))[case % 3]
        stable = rng.below(D - W + 1)
        peak = 10 ** (-5 + 4 * rng.random())
        floor = (0.0, peak, peak * rng.random())[case % 7 % 3]
        shape = ("cosine", "linear", "warmup-stable-decay")[rng.below(3)]
        step = (0, W, D, D + 1, max(0, W - 1), W + stable, rng.below(2 * D))[rng.below(7)]
        cases.append([step, {"shape": shape, "peak": peak, "floor": floor, "W": W, "D": D, "stable": stable}])
        kind = {"cosine": WarmupCosine, "linear": WarmupLinear}.get(shape)
        schedule = kind(peak, floor, W, D) if kind else WarmupStableDecay(peak, floor, W, D, stable)
        expected.append(schedule(step))
    assert js("schedule", "args[0].map(c => m.learningRate(...c))", cases) == pytest.approx(expected, rel=1e-12, abs=1e-18)


def test_overlap_and_its_small_simulation(js, rng):
    cases = [[3 * T + 1 + rng.below(2000), T, rng.random()] for T in range(1, 65)]
    found = js("corpus", "args[0].map(c => m.expectedOverlap(...c))", cases)
    assert found == pytest.approx([expected_overlap(*case) for case in cases], rel=1e-9, abs=1e-9)
    for T, count, percent in [(1, 30, 90), (8, 40, 90), (64, 30, 50), (64, 40, 5)]:
        tail = js("corpus", "m.stretch({T: args[0], shuffled: false, percent: args[2]}, args[1])", T, count, percent)
        assert {"train", "val", "neither"} == set(tail["kinds"]) and not any(tail["touched"])
        mixed = js("corpus", "m.stretch({T: args[0], shuffled: true, percent: args[2]}, args[1])", T, count, percent)
        train = [i * mixed["stride"] for i, kind in enumerate(mixed["kinds"]) if kind == "train"]
        brute = [
            kind == "val" and any(abs(i * mixed["stride"] - start) <= T for start in train)
            for i, kind in enumerate(mixed["kinds"])
        ]
        assert mixed["touched"] == brute


def test_first_loss_equals_python(js):
    assert js("loss", "m.standardNormals(200, 5)") == pytest.approx(standard_normals(200, 5), rel=1e-12)
    for scale in (0.0, 0.7, 12.0):
        assert js("loss", "m.expectedLoss(args[0], 65)", scale) == pytest.approx(expected_loss(scale, 65), rel=1e-12)


def test_clipping_counts_and_factor(js, rng):
    norms = [rng.random() * 3 for _ in range(501)]
    view = explore_clipping(norms)
    view.corrupted = True
    assert js("clipping", "m.withSpike(args[0])", view.norms) == pytest.approx(view.shown_norms)
    recorded = [0.5, 7.0, 1.5]
    assert js("clipping", "m.withSpike([0.5, 0.5, 1.5], args[0])", recorded) == recorded
    assert js("clipping", "m.spikeOf([0.5, 0.5, 1.5], args[0])", recorded) == 7
    for c in (0.05, 1.0, 2.5, 6.0):
        assert js("clipping", "m.countAbove(args[0], args[1])", norms, c) == sum(n > c for n in norms)
    # A norm of exactly c is kept, as in course_lib.training.
    assert js("clipping", "m.countAbove([0.5, 1, 1.5], 1)") == 1 == explore_clipping([0.5, 1.0, 1.5]).clipped_count
    for g in [(3, 4, 1), (0, 0, 1), (0.3, -0.4, 1), (-5, 5, 0.05)]:
        view.gx, view.gy, view.c = g
        assert js("clipping", "m.clip(...args[0])", g) == pytest.approx(view.clipped_gradient)
    assert js("clipping", "m.median([4, 1, 3, 2])") == 2.5


def test_a_thinned_curve_keeps_every_extreme(js, rng):
    values = [rng.random() for _ in range(5000)]
    thinned = js("training", "m.thin(args[0], 300)", values)
    assert len(thinned) == 300
    assert [min(low for _, low, _ in thinned), max(high for _, _, high in thinned)] == [min(values), max(values)]
    for column, (_, low, high) in enumerate(thinned):
        part = [v for i, v in enumerate(values) if i * 300 // 5000 == column]
        assert (low, high) == (min(part), max(part))
    assert js("training", "m.thin([1, NaN, 3], 300)") == [[0, 1, 1], [2, 3, 3]]
    assert js("training", "m.thin([], 300)") == []


def test_the_cursor_finds_its_record(js, rng):
    steps = sorted({rng.below(1000) for _ in range(60)})
    found = js("training", "args[1].map(s => m.indexAt(args[0], s))", steps, list(range(1001)))
    assert found == [max(0, bisect.bisect_right(steps, s) - 1) for s in range(1001)]


@pytest.mark.parametrize(("low", "high", "count"), [(0, 1.08e-3, 4), (0, 5000, 6), (1.1, 4.3, 5), (0, 1e-6, 4), (-3, 7, 3)])
def test_ticks_are_round_few_and_inside(js, low, high, count):
    found = js("schedule", "m.ticks(...args)", low, high, count)
    assert 1 <= len(found) <= count + 1 and all(low - 1e-12 <= t <= high + 1e-12 for t in found)
    step = (found[1] - found[0]) if len(found) > 1 else found[0]
    assert round(step / 10 ** math.floor(math.log10(step) + 1e-9), 6) in (1, 2, 5)


# ---- quiz


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1,003,854", 1003854), ("1003854", 1003854), ("1 003 854", 1003854), ("1e-3", 1e-3), ("6e-2", 0.06), ("1/2", 0.5),
        ("-1/4", -0.25), ("−3", -3), ("5·10^-4", 5e-4), ("5 x 10^-4", 5e-4), ("5*10^(-4)", 5e-4), (".5", 0.5), ("5.", 5),
        ("50 %", 0.5), ("1_000", 1000), ("+2", 2), ("1,234.5", 1234.5), ("10^3", None), ("0,6", None), ("", None), ("abc", None),
        ("1/0", None), ("1/2/3", None), ("12,34", None), ("1e", None), ("0x10", None), ("Infinity", None),
    ],
)  # fmt: skip
def test_written_numbers(js, written, value):
    found = js("quiz", "(v => Number.isNaN(v) ? null : v)(m.parseNumber(args[0]))", written)
    assert found == (None if value is None else pytest.approx(value, rel=1e-15))


def test_judgement_names_the_mistake(js):
    def judge(question, given):
        return js("quiz", "m.judge(args[0], args[1])", question.as_state(), given)

    batch = Numeric("?", 4096, right="Yes.", wrong={64: "Rows only."})
    assert judge(batch, "4,096") == {"right": True, "text": "Yes."}
    assert judge(batch, "64") == {"right": False, "text": "Rows only."}
    assert judge(batch, "65") == {"right": False, "text": ""}
    assert judge(batch, " ")["right"] is None and judge(batch, "4,09")["right"] is None
    loss = Numeric("?", math.log(65), tolerance=0.005, wrong={65: "That is V."})
    assert judge(loss, "4.17")["right"] and not judge(loss, "4.18")["right"]
    relative = Numeric("?", 5.5e-4, rtol=0.01)
    assert judge(relative, "5.45e-4")["right"] and not judge(relative, "5.4e-4")["right"]
    assert judge(Numeric("?", 0.3), "3/10")["right"]
    choice = Choice("?", options=["a", "b"], answer=1, right="Yes.", wrong={0: "No, b."})
    assert judge(choice, 1) == {"right": True, "text": "Yes."}
    assert judge(choice, 0) == {"right": False, "text": "No, b."}
    assert judge(choice, None)["right"] is None


# ---- the words of a picture are the same before and after the script has run


def described_alike(js, piece, view, name_values):
    """Compare the words of both languages after each of these settings, one upon the other."""
    first = {k: v for k, v in view.get_state().items() if not k.startswith("_") and k != "layout"}
    together, settings, words = {}, [], []
    for setting in name_values:
        together = {**together, **setting}
        for name, value in setting.items():
            setattr(view, name, value)
        settings.append(together)
        words.append(view.describe())
    said = "args[1].map(chosen => m.describe(m.read(name => chosen[name] ?? args[0][name])))"
    assert js(piece, said, first, settings) == words


def test_words_are_the_same_in_both_languages(js):
    text = "".join(chr(97 + Mulberry32(i).below(26)) if i % 5 else " \n"[i % 2] for i in range(2000))
    tokenizer = CharTokenizer.from_text(text)
    described_alike(js, "batches", explore_batch(tokenizer.encode(text), tokenizer), [{}, {"B": 1, "T": 1}, {"B": 64, "T": 64, "seed": 12, "row": 12}])
    described_alike(js, "corpus", explore_split(text), [{}, {"percent": 5, "T": 64}, {"mode_index": 1}, {"percent": 50, "T": 1}])
    described_alike(js, "loss", explore_loss(), [{}, {"positions_index": 1, "vocabulary": 50257.3}, {"positions_index": 2, "last_k": 3, "scale": 7.3}])
    described_alike(js, "loss", explore_loss(context_length=3, by_position=[2.505, 2.1, 1.9]), [{}, {"positions_index": 1}])
    described_alike(js, "clipping", explore_clipping([1.5, 0.25, 2.0]), [{}, {"c": 6.0, "gx": -5.0}, {"corrupted": True, "c": 0.05}])
    # 45 of 80 are 56.25 %: a tie, which the two languages round differently if left alone.
    recorded = explore_clipping([1.5, 0.25, 2.0], corrupted_norms=[1.5, 0.25, 33.0])
    described_alike(js, "clipping", recorded, [{}, {"corrupted": True}])
    tied = explore_clipping([2.0] * 45 + [0.125] * 35)
    described_alike(js, "clipping", tied, [{}, {"gx": 0.125, "gy": -0.25}])
    assert "45 of 80 steps are clipped, 56.3 %" in tied.describe()
    described_alike(js, "schedule", explore_schedule(), [{}, {"shape_index": 1, "step": 7000}, {"shape_index": 2, "W": 2000, "D": 100, "floor": 0.1}, {"W": 0}])
    records = [StepRecord(s, 4.123456 - s / 10, 1e-4 * s, 1.1, True, 4.0 if s % 3 == 0 else None) for s in range(10)]
    described_alike(js, "training", explore_run(records, landmarks={"uniform": 4.174}), [{}, {"stop": 0}, {"stop": 5, "log_steps": True}])
    described_alike(js, "training", explore_run(records[1:], max_norm=1.0), [{}, {"stop": 1}])


def test_words_of_recorded_runs_are_the_same_in_both_languages(js):
    view = explore_recorded(museum(), over="brief")
    everywhere = [{"stop": stop} for stop in range(len(view.stops))]
    chosen = [{"run_index": run, "over_index": over, "stop": stop} for run in range(4) for over in range(5) for stop in (0, 9, 25, 37)]
    described_alike(js, "training", view, [{}, *everywhere, *chosen])
    described_alike(js, "training", explore_recorded(museum(), labels={"brief": "Run D"}), [{}, {"run_index": 3}])


@pytest.mark.parametrize("width", range(280, 1000, 45))
@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("by_position", [False, True])
def test_panels_stay_inside_and_apart(js, width, labelled, by_position):
    place = js("training", "m.layout(args[0], {byPosition: args[1], labelled: args[2]})", width, by_position, labelled)
    panels = [place[name] for name in ("loss", "lr", "norm", *(["position"] if by_position else []))]
    assert all(p["x"] >= 0 and p["width"] > 150 and p["x"] + p["width"] <= width for p in panels)
    assert all(p["y"] >= 26 and p["y"] + p["height"] + 32 <= place["height"] for p in panels)
    below = panels[:3] if place["column"] else panels
    assert all(a["y"] + a["height"] + 30 <= b["y"] for a, b in itertools.pairwise(below))
    if place["column"]:
        assert panels[3]["x"] > panels[0]["x"] + panels[0]["width"]
        assert (panels[3]["y"], panels[3]["height"]) == (panels[0]["y"], panels[0]["height"]), "they share the nats"


def test_an_axis_leaves_a_lone_peak_out_and_nothing_that_lasts(js):
    def top(values, end=100):
        return js("training", "m.topOf([[args[0], args[1]]], args[2])", list(range(len(values))), values, end)

    assert top([4.0] * 100) == {"top": 4, "peak": 4, "peakStep": 0, "cut": False}
    first = top([40.0, 20.0, *[2.0] * 98])
    assert (first["cut"], first["peak"], first["peakStep"]) == (True, 40, 0) and 2 < first["top"] < 4
    lone = top([2.0] * 60 + [25.0] + [2.0] * 39)
    assert (lone["cut"], lone["peak"], lone["peakStep"]) == (True, 25, 60) and 2 < lone["top"] < 4
    assert top([2.0] * 60 + [25.0] * 40)["top"] == 25
    assert top([0.0] * 100)["top"] == 0


# What a drawing writes, with a pen that draws nothing.
WRITTEN = """(() => {
  const written = [];
  const nothing = new Proxy({}, { get: () => () => {} });
  const own = { width: 700, ctx: nothing, measure: (string) => 6 * string.length, text: (string) => written.push(string) };
  const pen = new Proxy(own, { get: (target, name) => (name in target ? target[name] : () => {}) });
  m.paintPanels(pen, m.read((name) => args[0][name]));
  return written;
})()"""


def test_a_peak_above_an_axis_is_written_as_the_axis_is(js):
    """A learning rate of 0.01 would be 0.0 with one decimal."""
    values = [{"step": step, "loss": 2.0, "lr": 1e-3, "grad_norm": 0.5} for step in range(100)]
    values[0] |= {"loss": 40.26, "lr": 1e-2, "grad_norm": 33.05}
    state = explore_run(values, max_norm=1.0).get_state()
    peaks = [string for string in js("training", WRITTEN, {k: v for k, v in state.items() if not k.startswith("_")}) if "↑" in string]
    assert peaks == ["↑ 40.3", "↑ 1e-2", "↑ 33.0"]

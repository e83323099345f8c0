"""The pictures' Python side: what they compute, what they store, what they say. No browser needed."""

import itertools
import math
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass

import pytest
import torch
from ipywidgets import Widget
from recorded_variants import museum

from course_lib import CharTokenizer, StepRecord, WarmupCosine, WarmupLinear, WarmupStableDecay, clip_grad_norm
from course_lib.palette import DARK_SELECTORS, PALETTE, css
from course_lib.rng import Mulberry32
from course_lib.widgets import (
    Choice, Numeric, explore_batch, explore_clipping, explore_loss, explore_recorded, explore_run,
    explore_schedule, explore_split, loop_html, quiz,
)  # fmt: skip
from course_lib.widgets import base
from course_lib.widgets.batches import LONGEST, ROWS_SHOWN, SEEDS, offsets
from course_lib.widgets.corpus import expected_overlap
from course_lib.widgets.loop import PARTS
from course_lib.widgets.loss import expected_loss

TEXT = "".join(chr(97 + Mulberry32(i).below(26)) if i % 6 else " \n"[i % 4 // 2] for i in range(3000))
RECORDS = [
    StepRecord(s, 4 - s / 100, 1e-3 * s / 50, 1 + s % 7 / 10, True, 4 - s / 110 if s % 10 == 0 else None)
    for s in range(50)
]


def all_pictures() -> list[base.Picture]:
    tokenizer = CharTokenizer.from_text(TEXT)
    return [
        explore_split(TEXT), explore_batch(tokenizer.encode(TEXT), tokenizer), explore_loss([("here", 65, 4.17)]),
        explore_clipping([r.grad_norm for r in RECORDS]), explore_schedule(), explore_run(RECORDS, landmarks={"a": 3.0}),
        explore_recorded(museum(), over="brief"),
    ]  # fmt: skip


@dataclass
class Shown:
    box: Widget | None = None


@pytest.fixture
def shown(monkeypatch) -> Shown:
    """What the last picture displayed."""
    found = Shown()
    monkeypatch.setattr(base, "display", lambda box: setattr(found, "box", box))
    return found


def test_library_loads_without_widgets_or_matplotlib():
    code = "import course_lib, sys; print([m for m in ('ipywidgets', 'anywidget', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---- batches


@pytest.mark.parametrize(("n", "T"), [(2, 1), (9, 8), (12, 5), (40, 3)])
def test_offsets_cover_every_valid_start_evenly_and_no_other(n, T):
    rounds, starts = 4000, n - T
    counts = Counter(start for seed in range(rounds // 4) for start in offsets(seed, n, 4, T))
    assert set(counts) == set(range(starts))
    sigma = math.sqrt(rounds * (1 / starts) * (1 - 1 / starts))
    assert all(abs(count - rounds / starts) <= 5 * sigma for count in counts.values())


def test_a_row_keeps_its_start_when_the_context_grows():
    first = offsets(5, 1_003_854, 12, 1)
    kept = offsets(5, 1_003_854, 12, 64)
    assert first == kept


def test_offsets_refuse_a_stream_without_a_window():
    with pytest.raises(ValueError, match="no window"):
        offsets(1, 8, 1, 8)


@pytest.mark.parametrize("n", [2, 40, 3000])
def test_every_window_that_the_sliders_can_show_is_stored_and_right(n):
    tokenizer = CharTokenizer.from_text(TEXT)
    view = explore_batch(tokenizer.encode(TEXT[:n]), tokenizer, context_length=1)
    for seed, T in itertools.product(range(1, SEEDS + 1), range(1, min(LONGEST, n - 1) + 1)):
        for start in offsets(seed, n, ROWS_SHOWN, T):
            snippet = view.snippets[str(start)]
            assert len(snippet) > T and TEXT[:n].startswith(snippet, start)
    assert len("".join(view.snippets.values())) <= SEEDS * ROWS_SHOWN * (LONGEST + 1) + 70 * LONGEST


def test_batch_at_its_first_setting():
    tokenizer = CharTokenizer.from_text(TEXT)
    view = explore_batch(tokenizer.encode(TEXT), tokenizer)
    assert (view.predictions, len(view.offsets)) == (32, 4)
    view.T, view.B = 64, 64
    assert (view.predictions, len(view.offsets)) == (4096, 64)


# ---- corpus


@pytest.mark.parametrize(("n", "T", "fraction"), [(10, 2, 0.5), (9, 1, 0.6), (13, 3, 0.3), (12, 2, 0.9), (7, 1, 0.05)])
def test_expected_overlap_equals_the_mean_over_all_shuffles(n, T, fraction):
    windows = range(n - T)
    n_val = len(windows) - int(fraction * len(windows))
    total, cases = 0, 0
    for chosen in itertools.combinations(windows, n_val):
        train = set(windows) - set(chosen)
        # Two windows of T + 1 tokens share one exactly if their starts are at most T apart.
        total += sum(any(abs(a - b) <= T for b in train) for a in chosen)
        cases += 1
    assert expected_overlap(n, T, fraction) == pytest.approx(total / cases, abs=1e-9)


def test_expected_overlap_refuses_a_short_stream():
    with pytest.raises(ValueError, match="too few"):
        expected_overlap(12, 4, 0.5)


def test_split_carries_sixty_characters_a_side_and_the_right_ones():
    view = explore_split(TEXT)
    for stop, (before, after) in view.around.items():
        cut = int(int(stop) / 100 * len(TEXT))
        assert TEXT[cut - 60 : cut] == before and TEXT[cut : cut + 60] == after
    assert len(view.around) == 19
    assert (view.n_train, view.n_val, view.expected_overlap) == (2700, 300, 0.0)
    with pytest.raises(ValueError, match="steps of 5"):
        explore_split(TEXT, percent=91)


# ---- loss, clipping, schedule, run, quiz


def test_first_loss_is_ln_v_at_scale_zero_and_near_theory_for_small_scales():
    assert expected_loss(0.0, 65) == pytest.approx(math.log(65), abs=1e-12)
    # For small s, E log sum exp(s z) = ln V + s²/2 (1 - 1/V) up to s⁴; 48 rows of 65 leave noise near s/sqrt(48 * 65).
    s = 0.3
    assert expected_loss(s, 65) == pytest.approx(math.log(65) + s * s / 2 * (1 - 1 / 65), abs=5 * s / math.sqrt(48 * 65))


def test_loss_counts_targets():
    view = explore_loss(batch_size=4, context_length=8)
    assert (view.positions, view.k, view.targets_kept) == ("all", 8, 32)
    view.positions_index = 1
    assert (view.positions, view.k, view.targets_kept) == ("last", 1, 4)
    view.positions_index, view.last_k = 2, 3
    assert (view.positions, view.k, view.targets_kept) == ("last k", 3, 12)


def test_losses_by_position_are_one_a_position():
    view = explore_loss(context_length=3, by_position=[2.51234, 2.1, 1.9])
    assert view.by_position == [2.512, 2.1, 1.9]
    assert "The measured loss is 2.51 nats at position 0, 1.90 at 2." in view.describe()
    assert "measured" not in explore_loss().describe()
    for bad in ([1.0, 2.0], [1.0, 2.0, math.nan]):
        with pytest.raises(ValueError, match=f"by_position has {len(bad)} losses; it needs 3"):
            explore_loss(context_length=3, by_position=bad)


def test_clipped_gradient_and_count_agree_with_the_library_and_brute_force():
    rng = Mulberry32(2)
    view = explore_clipping([rng.random() * 3 for _ in range(301)])
    for _ in range(50):
        view.c, view.gx, view.gy = 0.05 + rng.random() * 5, rng.random() * 8 - 4, rng.random() * 8 - 4
        view.corrupted = not view.corrupted
        parameter = torch.zeros(2, dtype=torch.float64)
        parameter.grad = torch.tensor([view.gx, view.gy], dtype=torch.float64)
        clip_grad_norm([parameter], view.c)
        # The library adds PyTorch's 1e-6 to the norm.
        assert view.clipped_gradient == pytest.approx(parameter.grad.tolist(), rel=1e-4)
        assert view.clipped_count == len([norm for norm in view.shown_norms if norm > view.c])
    assert explore_clipping([1.0]).clipped_gradient == pytest.approx((0.6, 0.8))
    for norms, corrupted in (([1.0, math.nan], []), ([1.0], [math.inf])):
        with pytest.raises(ValueError, match="finite"):
            explore_clipping(norms, corrupted_norms=corrupted)


def test_recorded_norms_of_a_corrupted_batch_take_the_place_of_the_drawn_spike():
    view = explore_clipping([0.5, 0.5, 1.5], corrupted_norms=[0.5, 7.0, 1.5])
    assert (view.shown_norms, view.clipped_count) == ([0.5, 0.5, 1.5], 1)
    view.corrupted = True
    assert (view.shown_norms, view.clipped_count, view.spike) == ([0.5, 7.0, 1.5], 2, 7.0)


@pytest.mark.parametrize(
    "schedule",
    [WarmupCosine(1e-3, 1e-4, 100, 5000), WarmupLinear(1e-2, 1e-5, 0, 300), WarmupStableDecay(1e-3, 1e-6, 100, 1100, 800)],
)
def test_schedule_picture_hands_the_schedule_back(schedule):
    assert explore_schedule(schedule).schedule == schedule


def test_schedule_holds_impossible_settings_as_it_says():
    view = explore_schedule()
    view.W, view.D, view.floor = 2000, 100, 0.1
    assert view.schedule == WarmupCosine(1e-3, 1e-3, 100, 100)


def test_schedule_without_warmup_starts_at_its_peak():
    view = explore_schedule()
    assert "from 0 to 1.00e-03 at step 100" in view.describe()
    view.W = 0
    assert "starts at 1.00e-03, then down" in view.describe() and "from 0" not in view.describe()


def test_run_says_when_it_was_evaluated_and_what_is_clipped():
    records = [StepRecord(s, 4.0 - s / 10, 1e-3, 1.0, False, 3.0 if s == 2 else None) for s in range(6)]
    view = explore_run(records, max_norm=1.0)
    assert "validation loss 3.00 of step 2, " in view.describe() and "Norms above 1.00 are clipped." in view.describe()
    assert "clipped" not in explore_run(records, max_norm=math.inf).describe()


def test_the_sample_box_has_room_for_the_longest_sample():
    low = explore_run(RECORDS, samples={0: "\n\nab"}).height_hint
    high = explore_run(RECORDS, samples={0: "ab", 1: "a\n" * 8}).height_hint
    assert low < high <= explore_run(RECORDS, samples={0: "a" * 4000}).height_hint < low + 200


def test_run_reads_the_record_at_or_before_the_step():
    view = explore_run(RECORDS)
    view.stop = 25
    assert view.step == 25
    assert view.record["loss"] == RECORDS[25].loss and view.record["val_loss"] == pytest.approx(RECORDS[20].val_loss, rel=1e-3)
    with pytest.raises(ValueError, match="rise"):
        explore_run(RECORDS[::-1])
    with pytest.raises(ValueError, match="not finite"):
        explore_run([{"step": 0, "loss": math.nan, "lr": 0.0, "grad_norm": 1.0}])


def test_quiz_refuses_what_has_no_answer():
    with pytest.raises(ValueError, match="at least one"):
        quiz("batches", [])
    with pytest.raises(ValueError, match="position"):
        Choice("?", options=["a"], answer=1)


@pytest.mark.parametrize("wrong", [{1: "the answer itself"}, {3: "no such option"}, {-1: "from the end"}])
def test_every_hint_belongs_to_a_wrong_option(wrong):
    with pytest.raises(ValueError, match="hint"):
        Choice("?", options=["a", "b", "c"], answer=1, wrong={0: "a hint"} | wrong)


# ---- what all share


def test_repr_is_stable_and_holds_no_address():
    first, second = map(repr, all_pictures()), map(repr, all_pictures())
    for a, b in zip(first, second, strict=True):
        assert a == b and "0x" not in a
    assert repr(explore_schedule()).startswith("SchedulePicture(shape='cosine', W=100")
    assert repr(quiz("loss", [Numeric("?", 1)])) == "Quiz('loss', 1 questions)"


def test_every_control_is_named_linked_and_of_a_kind_that_a_page_can_show(shown):
    allowed = {"IntSlider", "FloatSlider", "FloatLogSlider", "Checkbox", "ToggleButtons", "Dropdown"}
    clinic, live = lambda: explore_recorded(museum(), over="brief"), lambda: explore_run(RECORDS)
    for build in (lambda: explore_split(TEXT), explore_loss, explore_schedule, lambda: explore_clipping([1.0]), live, clinic):
        picture = build()
        *rows, last = shown.box.children
        controls = [control for row in rows for control in row.children]
        linked = [link.source[0] for link in picture._links]
        assert last is picture
        assert {type(control).__name__ for control in controls} <= allowed
        assert set(map(id, controls)) == set(map(id, linked)) and all(control.description for control in controls)
        for link in picture._links:
            (control, source), (target, trait) = link.source, link.target
            assert target is picture and getattr(control, source) == getattr(picture, trait)


def test_on_colab_the_kernel_links(monkeypatch, shown):
    monkeypatch.setitem(sys.modules, "google.colab", object())
    picture = explore_schedule()
    shown.box.children[0].children[0].index = 2
    shown.box.children[1].children[0].value = 40
    assert (picture.shape, picture.W) == ("warmup-stable-decay", 40)


def test_a_reader_without_javascript_finds_the_picture_in_words():
    for picture in all_pictures():
        assert picture.text_alternative == picture.describe() and len(picture.text_alternative) > 60
        assert 100 < picture.height_hint < 1000 and picture.height_hint_narrow >= 100


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_colours_reach_wcag_aa_on_paper(theme):
    paper = luminance(getattr(PALETTE["paper"], theme))
    for name, colour in PALETTE.items():
        if name in ("paper", "rule"):
            continue
        low, high = sorted((paper, luminance(getattr(colour, theme))))
        assert (high + 0.05) / (low + 0.05) >= 4.5, name


def test_css_defines_every_colour_in_both_themes():
    light, dark = css().split("\n")[:2]
    assert light.startswith(":root{") and all(selector in dark for selector in DARK_SELECTORS)
    for name, colour in PALETTE.items():
        assert f"--c-{name}:{colour.light};" in light and f"--c-{name}:{colour.dark};" in dark


def test_loop_lights_one_part_and_links_all():
    html = loop_html("loss", base="../")
    assert all(f'href="../{part.chapter}.html"' in html for part in PARTS)
    assert html.count("aria-current") == 1 and 'href="../03_loss.html" aria-current="page"' in html
    with pytest.raises(ValueError, match="parts are corpus"):
        loop_html("attention")

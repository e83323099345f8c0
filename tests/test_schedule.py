"""The schedules at every edge, one by one."""

import dataclasses
import math

import pytest

from course_lib import WarmupCosine, WarmupLinear, WarmupStableDecay

KINDS = [WarmupCosine, WarmupLinear, lambda *s: WarmupStableDecay(*s, stable_steps=0)]
IDS = ["cosine", "linear", "stable"]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=IDS)


def test_cosine_literal_values():
    schedule = WarmupCosine(1e-3, 1e-4, 100, 5000)
    expected = {
        0: 0.0, 1: 1e-5, 50: 5e-4, 99: 9.9e-4, 100: 1e-3, 2550: 5.5e-4, 5000: 1e-4, 5001: 1e-4,
        1325: 1e-4 + 0.45e-3 * (1 + math.sqrt(0.5)), 3775: 1e-4 + 0.45e-3 * (1 - math.sqrt(0.5)),
    }  # fmt: skip
    for step, lr in expected.items():
        assert schedule(step) == pytest.approx(lr, rel=1e-12, abs=1e-18), step
    assert schedule(50) == 5e-4


def test_linear_literal_values():
    schedule = WarmupLinear(1e-3, 1e-4, 100, 1100)
    for step, lr in {0: 0, 100: 1e-3, 101: 9.991e-4, 350: 7.75e-4, 600: 5.5e-4, 1100: 1e-4}.items():
        assert schedule(step) == pytest.approx(lr, rel=1e-12), step


def test_stable_literal_values():
    schedule = WarmupStableDecay(1e-3, 0.0, 100, 1000, stable_steps=400)
    expected = {50: 5e-4, 100: 1e-3, 300: 1e-3, 500: 1e-3, 501: 0.998e-3, 750: 5e-4, 1000: 0, 2000: 0}
    for step, lr in expected.items():
        assert schedule(step) == pytest.approx(lr, rel=1e-12, abs=1e-18), step
    assert schedule(500) == 1e-3


@every_kind
def test_ends_are_exact_and_past_the_end_is_the_floor(kind):
    for peak, floor in ((1e-3, 1e-4), (0.3, 0.1), (6e-4, 6e-5), (0.1, 0.0)):
        schedule = kind(peak, floor, 7, 31)
        assert schedule(0) == 0.0
        assert schedule(7) == peak
        assert schedule(31) == schedule(32) == schedule(10**9) == floor


@every_kind
def test_no_warmup(kind):
    schedule = kind(1e-3, 1e-4, 0, 10)
    assert schedule(0) == 1e-3 and schedule(10) == 1e-4
    assert 1e-4 < schedule(1) < 1e-3


@every_kind
def test_warmup_ends_where_the_decay_ends(kind):
    schedule = kind(1e-3, 1e-4, 10, 10)
    assert schedule(9) == pytest.approx(9e-4)
    assert schedule(10) == 1e-3  # t = W = D is the peak
    assert schedule(11) == 1e-4


@every_kind
def test_neither_warmup_nor_decay(kind):
    schedule = kind(1e-3, 1e-4, 0, 0)
    assert schedule(0) == 1e-3 and schedule(1) == 1e-4


@every_kind
def test_one_step_of_warmup_and_one_of_decay(kind):
    schedule = kind(1e-3, 1e-4, 1, 2)
    assert [schedule(t) for t in range(4)] == [0.0, 1e-3, 1e-4, 1e-4]


@every_kind
def test_warmup_longer_than_the_run(kind):
    # A run may stop before the peak: the schedule knows nothing of max_steps.
    schedule = kind(1e-3, 1e-4, 1000, 2000)
    assert [schedule(t) for t in (0, 10, 500)] == [0.0, pytest.approx(1e-5), pytest.approx(5e-4)]


@every_kind
def test_floor_at_the_peak_is_constant_after_warmup(kind):
    schedule = kind(1e-3, 1e-3, 5, 50)
    assert all(schedule(t) == pytest.approx(1e-3, rel=1e-15) for t in range(5, 60))


@every_kind
def test_a_peak_of_zero(kind):
    assert {kind(0.0, 0.0, 5, 50)(t) for t in range(60)} == {0.0}


@every_kind
def test_never_outside_zero_and_peak_and_monotone_on_each_side(kind):
    schedule = kind(1e-3, 1e-4, 100, 500)
    rates = [schedule(t) for t in range(700)]
    assert rates[:101] == sorted(rates[:101])
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert min(rates[100:]) == 1e-4 and max(rates) == 1e-3 and max(rates) == rates[100]
    assert all(type(rate) is float for rate in rates)
    assert max(abs(a - b) for a, b in zip(rates[1:], rates)) < 1.1e-5  # no jump anywhere


def test_cosine_and_linear_decay_have_the_same_mean():
    cosine, linear = WarmupCosine(1e-3, 1e-4, 0, 1000), WarmupLinear(1e-3, 1e-4, 0, 1000)
    means = [sum(s(t) for t in range(1001)) / 1001 for s in (cosine, linear)]
    assert means == [pytest.approx(5.5e-4)] * 2


def test_share_of_the_decay_above_nine_tenths_of_the_peak():
    for floor, share in ((1e-4, 0.216), (0.0, 0.205)):
        schedule = WarmupCosine(1e-3, floor, 0, 10_000)
        above = sum(schedule(t) > 0.9e-3 for t in range(10_001)) / 10_001
        assert above == pytest.approx(share, abs=5e-4)


def test_stable_steps_move_only_the_start_of_the_decay():
    without, with_some = (WarmupStableDecay(1.0, 0.1, 10, 110, stable_steps=s) for s in (0, 50))
    linear = WarmupLinear(1.0, 0.1, 10, 110)
    assert [without(t) for t in range(120)] == [linear(t) for t in range(120)]
    assert with_some(60) == 1.0 > with_some(61) and with_some(85) == pytest.approx(0.55)
    all_stable = WarmupStableDecay(1.0, 0.1, 10, 110, stable_steps=100)
    assert all_stable(110) == 1.0 and all_stable(111) == 0.1


BAD = [
    ((-1e-3, 0.0, 1, 2), "peak_lr"),
    ((1e-3, -1e-4, 1, 2), "min_lr"),
    ((1e-3, 1e-4, -1, 2), "warmup_steps"),
    ((1e-3, 1e-4, 0, -1), "decay_steps"),
    ((1e-3, 1e-4, 10, 9), "decay_steps is 9.*warmup"),
    ((1e-4, 1e-3, 1, 2), "min_lr.*above peak_lr"),
    ((math.nan, 0.0, 1, 2), "peak_lr"),
    ((math.inf, 0.0, 1, 2), "peak_lr"),
    ((1e-3, math.nan, 1, 2), "min_lr"),
]


@every_kind
@pytest.mark.parametrize(("settings", "message"), BAD)
def test_settings_that_cannot_be_are_refused_when_made(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind(*settings)


@pytest.mark.parametrize("stable_steps", [-1, 91, math.nan])
def test_stable_steps_that_do_not_fit(stable_steps):
    with pytest.raises(ValueError, match="stable_steps"):
        WarmupStableDecay(1e-3, 1e-4, 10, 100, stable_steps=stable_steps)


@every_kind
def test_steps_count_from_zero(kind):
    with pytest.raises(ValueError, match="step is -1"):
        kind(1e-3, 1e-4, 1, 2)(-1)


@every_kind
def test_settings_cannot_change_and_compare_by_value(kind):
    schedule = kind(1e-3, 1e-4, 1, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.peak_lr = 1.0
    assert schedule == kind(1e-3, 1e-4, 1, 2) and hash(schedule) == hash(kind(1e-3, 1e-4, 1, 2))


@pytest.mark.parametrize("steps", [(2.5, 10), (2, 10.5)])
def test_steps_are_whole_numbers(steps):
    with pytest.raises(ValueError, match="whole numbers"):
        WarmupCosine(1e-3, 1e-4, *steps)

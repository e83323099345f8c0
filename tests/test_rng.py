"""The generator shared by Python and the pictures. That JavaScript agrees is tested in test_widgets.py."""

import pytest

from course_lib.rng import Mulberry32


def test_known_values():
    # The first draws of the published JavaScript for seeds 0 and 1.
    rng = Mulberry32(0)
    assert [round(rng.random() * 2**32) for _ in range(3)] == [1144304738, 1416247, 958946056]
    assert round(Mulberry32(1).random() * 2**32) == 2693262067


def test_same_seed_same_stream_and_other_seed_other_stream():
    a, b, c = Mulberry32(7), Mulberry32(7 + 2**32), Mulberry32(8)
    first, second, third = ([r.random() for _ in range(20)] for r in (a, b, c))
    assert first == second
    assert first != third


def test_below_covers_its_range_evenly():
    rng, counts, draws, n = Mulberry32(3), [0] * 10, 20_000, 10
    for _ in range(draws):
        counts[rng.below(n)] += 1
    # Five sigma of a binomial count.
    expected, sigma = draws / n, (draws / n * (1 - 1 / n)) ** 0.5
    assert all(abs(count - expected) < 5 * sigma for count in counts)


def test_below_refuses_an_empty_range():
    with pytest.raises(ValueError, match="at least 1"):
        Mulberry32(1).below(0)

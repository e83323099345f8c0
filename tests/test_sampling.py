"""generate: greedy, temperature and top-k by their statistics, and what it must leave alone."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from course_lib import GPT, GPTConfig, generate

LOGITS = torch.tensor([1.0, 0.0, 2.0, -1.0])


class Fixed(nn.Module):
    """Gives the same logits for every next token and remembers what it was shown."""

    def __init__(self, logits=LOGITS, context_length=5) -> None:
        super().__init__()
        self.config = SimpleNamespace(context_length=context_length)
        self.logits = nn.Parameter(logits)
        self.widths: list[int] = []

    def forward(self, ids):
        self.widths.append(ids.shape[1])
        return self.logits.expand(*ids.shape, -1)


def make(dropout=0.0) -> GPT:
    torch.manual_seed(0)
    return GPT(GPTConfig(9, 6, n_layer=1, n_head=2, d_model=8, dropout=dropout))


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw_counts(n=40_000, **options) -> torch.Tensor:
    prompt = torch.zeros(n, 1, dtype=torch.long)
    drawn = generate(Fixed(), prompt, 1, generator=seeded(7), **options)[:, 1]
    return torch.bincount(drawn, minlength=4)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_draws_follow_softmax_of_logits_over_temperature(temperature):
    """Chi-square with 3 degrees of freedom exceeds 30.7 once in a million."""
    expected = 40_000 * (LOGITS / temperature).softmax(-1)
    counts = draw_counts(temperature=temperature)
    assert ((counts - expected) ** 2 / expected).sum() < 30.7


def test_top_k_draws_from_the_k_likeliest_in_their_proportion():
    """Chi-square with 1 degree of freedom exceeds 23.9 once in a million."""
    counts = draw_counts(top_k=2)
    assert counts[1] == counts[3] == 0
    p = 1 / (1 + math.exp(-1.0))  # logits 2 and 1
    expected = 40_000 * torch.tensor([1 - p, p])
    assert ((counts[[0, 2]] - expected) ** 2 / expected).sum() < 23.9
    assert draw_counts(100, top_k=1).tolist() == [0, 0, 100, 0]


def test_top_k_of_all_or_more_is_no_restriction():
    plain = draw_counts(1000)
    assert torch.equal(draw_counts(1000, top_k=4), plain)
    assert torch.equal(draw_counts(1000, top_k=99), plain)


@pytest.mark.parametrize("temperature", [0.0, 0, 1e-6, 1e-40, 1e-300])
def test_no_temperature_and_almost_none_take_the_likeliest(temperature):
    assert draw_counts(1000, temperature=temperature).tolist() == [0, 0, 1000, 0]


def test_greedy_equals_argmax_step_by_step_and_draws_nothing():
    model, ids = make(), torch.tensor([3, 1])
    state = torch.get_rng_state()
    result = generate(model, ids, 10, temperature=0)
    assert torch.equal(torch.get_rng_state(), state)
    for _ in range(10):
        ids = torch.cat([ids, model(ids[None, -6:])[0, -1].argmax()[None]])
    assert torch.equal(result, ids)


def test_a_high_temperature_is_uniform_in_the_end():
    """Chi-square with 3 degrees of freedom exceeds 30.7 once in a million."""
    counts = draw_counts(temperature=1e30)
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 30.7


@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_large_logits_do_not_overflow(scale):
    model = Fixed(LOGITS * scale)
    for temperature in (1e-3, 1.0):
        result = generate(model, torch.zeros(50, 1, dtype=torch.long), 1, temperature=temperature)
        assert (result[:, 1] == 2).all()


def test_shapes_follow_the_prompt():
    model = make()
    assert generate(model, torch.tensor([1, 2]), 5).shape == (7,)
    rows = generate(model, torch.tensor([[1, 2], [3, 4], [5, 6]]), 5)
    assert rows.shape == (3, 7) and rows.dtype == torch.int64
    assert rows[:, :2].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert generate(model, torch.tensor([1, 2]), 0).tolist() == [1, 2]


def test_rows_of_a_batch_are_drawn_independently():
    rows = generate(Fixed(torch.zeros(50)), torch.zeros(4, 1, dtype=torch.long), 50, generator=seeded())
    assert len({tuple(row) for row in rows.tolist()}) == 4


def test_each_token_is_fed_back():
    class Successor(Fixed):
        def forward(self, ids):
            return 100.0 * nn.functional.one_hot((ids + 1) % 10, 10) + 0 * self.logits.sum()

    assert generate(Successor(), torch.tensor([7]), 6).tolist() == [7, 8, 9, 0, 1, 2, 3]


def test_the_model_sees_at_most_its_context():
    model = Fixed(context_length=5)
    generate(model, torch.zeros(3, dtype=torch.long), 5)
    assert model.widths == [3, 4, 5, 5, 5]
    long = Fixed(context_length=5)
    generate(long, torch.zeros(20, dtype=torch.long), 2)
    assert long.widths == [5, 5]


def test_the_generator_decides_and_no_other_stream_is_touched():
    model, prompt = make(), torch.tensor([1])
    state = torch.get_rng_state()
    first = generate(model, prompt, 50, generator=seeded(3))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, generate(model, prompt, 50, generator=seeded(3)))
    assert not torch.equal(first, generate(model, prompt, 50, generator=seeded(4)))
    torch.manual_seed(3)
    by_global_seed = generate(model, prompt, 50)
    assert torch.equal(first, by_global_seed)


def test_dropout_is_off_meanwhile_and_modes_come_back():
    model = make(dropout=0.5).train()
    model.blocks[0].eval()
    before = [module.training for module in model.modules()]
    assert torch.equal(
        generate(model, torch.tensor([1]), 30, temperature=0),
        generate(make().eval(), torch.tensor([1]), 30, temperature=0),
    )
    assert [module.training for module in model.modules()] == before


def test_no_graph_grows_and_the_prompt_stays():
    prompt = torch.tensor([1, 2])
    result = generate(make(), prompt, 5)
    assert not result.requires_grad and prompt.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("prompt", "n", "options", "message"),
    [
        (torch.zeros(0, dtype=torch.long), 1, {}, "newline"),
        (torch.zeros(2, 0, dtype=torch.long), 1, {}, "prompt"),
        (torch.zeros(0, 2, dtype=torch.long), 1, {}, "prompt"),
        (torch.tensor(1), 1, {}, "prompt"),
        (torch.zeros(1, 1, 1, dtype=torch.long), 1, {}, "prompt"),
        (torch.tensor([1]), -1, {}, "max_new_tokens is -1"),
        (torch.tensor([1]), 1, {"temperature": -0.1}, "temperature"),
        (torch.tensor([1]), 1, {"temperature": math.inf}, "temperature"),
        (torch.tensor([1]), 1, {"temperature": math.nan}, "temperature"),
        (torch.tensor([1]), 1, {"top_k": 0}, "top_k"),
    ],
)
def test_requests_that_cannot_be(prompt, n, options, message):
    with pytest.raises(ValueError, match=message):
        generate(make(), prompt, n, **options)


@pytest.mark.parametrize("prompt", [[1, 2], torch.tensor([0.5])])
def test_a_prompt_that_holds_no_ids(prompt):
    with pytest.raises(TypeError, match="tensor of ids"):
        generate(GPT(GPTConfig(5, 4, 1, 1, 8)), prompt, 3)


def test_ids_of_any_integer_type():
    model = GPT(GPTConfig(5, 4, 1, 1, 8))
    ids = torch.tensor([1, 2], dtype=torch.uint8)
    assert torch.equal(generate(model, ids, 3, temperature=0), generate(model, ids.long(), 3, temperature=0))

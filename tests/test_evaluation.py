"""evaluate against one prediction at a time, and the modes that it has to give back."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import GPT, Evaluation, GPTConfig, evaluate
from course_lib.evaluation import eval_mode

T, V = 6, 9


def make(dropout=0.0) -> GPT:
    torch.manual_seed(0)
    model = GPT(GPTConfig(V, T, n_layer=1, n_head=2, d_model=8, dropout=dropout)).double()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(20 if p.ndim > 1 else 1)  # predictions that differ
    return model


def stream(n: int) -> torch.Tensor:
    return torch.randint(V, (n,), generator=torch.Generator().manual_seed(n))


def one_at_a_time(model: GPT, tokens: torch.Tensor) -> list[tuple[int, float]]:
    """(position, loss) of each prediction: one row, one target, a forward pass each."""
    found = []
    with torch.no_grad():
        for target in range(1, len(tokens)):
            start = (target - 1) // T * T
            logits = model(tokens[None, start:target])[0, -1]
            found.append((target - 1 - start, -logits.log_softmax(-1)[tokens[target]].item()))
    return found


@pytest.mark.parametrize("n", [2, 3, 6, 7, 8, 12, 13, 14, 50])
@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_every_next_token_counts_once_with_the_same_weight(n, batch_size):
    model, tokens = make().eval(), stream(n)
    expected = one_at_a_time(model, tokens)
    result = evaluate(model, tokens, batch_size=batch_size)
    assert result.predictions == n - 1 == len(expected)
    assert result.loss == pytest.approx(sum(loss for _, loss in expected) / (n - 1), abs=1e-12)
    assert result.loss_by_position.shape == (T,) and result.loss_by_position.dtype == torch.float64
    for position in range(T):
        losses = [loss for t, loss in expected if t == position]
        found = result.loss_by_position[position].item()
        if losses:
            assert found == pytest.approx(sum(losses) / len(losses), abs=1e-12)
        else:
            assert math.isnan(found)


def test_perplexity_and_bits():
    result = evaluate(make(), stream(50))
    assert result.perplexity == pytest.approx(math.exp(result.loss))
    assert result.bits_per_token == pytest.approx(result.loss / math.log(2))
    assert Evaluation(2000.0, torch.zeros(1), 1).perplexity == math.inf


def test_a_uniform_model_scores_ln_v():
    model = make()
    nn.init.zeros_(model.head.weight)
    result = evaluate(model, stream(50))
    assert result.loss == pytest.approx(math.log(V)) and result.perplexity == pytest.approx(V)
    assert result.bits_per_token == pytest.approx(math.log2(V))


def test_dropout_is_off_meanwhile_and_the_same_twice():
    with_dropout, without = make(dropout=0.5).train(), make()
    assert evaluate(with_dropout, stream(50)).loss == evaluate(without, stream(50)).loss
    assert with_dropout.training


def test_each_submodule_gets_its_own_mode_back():
    model = make().train()
    model.blocks[0].mlp.eval()  # someone has frozen a part
    before = {name: module.training for name, module in model.named_modules()}
    assert len(set(before.values())) == 2
    evaluate(model, stream(20))
    assert {name: module.training for name, module in model.named_modules()} == before


def test_the_mode_comes_back_after_an_error():
    model = make().train()
    with pytest.raises(IndexError):
        evaluate(model, torch.full((20,), V))
    assert all(module.training for module in model.modules())
    with pytest.raises(KeyboardInterrupt), eval_mode(model):
        assert not any(module.training for module in model.modules())
        raise KeyboardInterrupt
    assert model.training


def test_no_gradients_no_random_numbers_no_changes():
    model = make(dropout=0.5)
    before = {name: p.clone() for name, p in model.state_dict().items()}
    state = torch.get_rng_state()
    evaluate(model, stream(50))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert all(torch.equal(p, before[name]) for name, p in model.state_dict().items())


def test_arrays_memory_maps_and_strided_streams(tmp_path):
    tokens, model = stream(50), make()
    expected = evaluate(model, tokens).loss
    tokens.numpy().astype(np.uint16).tofile(tmp_path / "val.bin")
    memory_map = np.memmap(tmp_path / "val.bin", np.uint16, "r")
    for other in (tokens.numpy(), memory_map, tokens.repeat_interleave(2)[::2], tokens.to(torch.uint8)):
        assert evaluate(model, other).loss == expected


def test_any_module_with_a_config_will_do():
    class Last(nn.Module):
        """Says that the next token is the last one, with logit 2 against 0."""

        def __init__(self) -> None:
            super().__init__()
            self.config = SimpleNamespace(context_length=4)
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, ids):
            return self.scale * nn.functional.one_hot(ids, V)

    normaliser = math.log(math.exp(2) + V - 1)
    result = evaluate(Last(), torch.tensor([1, 1, 2, 2, 2, 3]))
    assert result.loss == pytest.approx(normaliser - 2 * 3 / 5, rel=1e-6)


@pytest.mark.parametrize("tokens", [[1, 2, 3], torch.rand(9), "text"])
def test_what_is_no_stream(tokens):
    with pytest.raises(TypeError):
        evaluate(make(), tokens)


@pytest.mark.parametrize(("n", "batch_size"), [(0, 1), (1, 1), (9, 0)])
def test_sizes_that_cannot_be(n, batch_size):
    with pytest.raises(ValueError):
        evaluate(make(), stream(n), batch_size=batch_size)

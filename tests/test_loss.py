"""next_token_loss against literal values, the formula and PyTorch."""

import math

import pytest
import torch
import torch.nn.functional as F

from course_lib import next_token_loss


def random_case(B=3, T=5, V=7, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(B, T, V, generator=generator, dtype=dtype)
    return logits, torch.randint(V, (B, T), generator=generator)


def test_a_value_by_hand():
    # Probabilities 1/4, 3/4 and then 1/2, 1/2: -(ln 3/4 + ln 1/2) / 2.
    logits = torch.tensor([[[0.0, math.log(3)], [5.0, 5.0]]], dtype=torch.float64)
    loss = next_token_loss(logits, torch.tensor([[1, 0]]))
    assert loss.shape == ()
    assert loss.item() == pytest.approx(-(math.log(3 / 4) + math.log(1 / 2)) / 2, abs=1e-12)
    assert loss.item() == pytest.approx(0.49041463, abs=1e-8)


def test_equal_logits_cost_ln_v():
    assert next_token_loss(torch.zeros(2, 3, 65), torch.ones(2, 3, dtype=torch.long)).item() == (
        pytest.approx(4.174387, abs=1e-6)
    )


def test_the_mean_is_over_every_position_of_every_row():
    logits, targets = random_case()
    log_p = logits.log_softmax(-1)
    each = torch.tensor([[-log_p[b, t, targets[b, t]] for t in range(5)] for b in range(3)])
    assert torch.allclose(next_token_loss(logits, targets, reduction="none"), each.double(), atol=1e-12)
    assert next_token_loss(logits, targets).item() == pytest.approx(each.double().mean().item(), abs=1e-12)


def test_agrees_with_pytorch_in_value_and_gradient():
    logits, targets = random_case()
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    mine = next_token_loss(ours, targets)
    other = F.cross_entropy(theirs.transpose(1, 2), targets)
    mine.backward(), other.backward()
    assert torch.allclose(mine, other, atol=1e-14)
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-14)
    # p - onehot, over B T: every position gets its share.
    formula = (logits.softmax(-1) - F.one_hot(targets, 7)) / 15
    assert torch.allclose(ours.grad, formula, atol=1e-14)


@pytest.mark.parametrize("sign", [1, -1])
def test_finite_at_logits_of_a_thousand(sign):
    logits = torch.zeros(1, 2, 4)
    logits[..., 0] = 1000.0 * sign
    logits.requires_grad_()
    losses = next_token_loss(logits, torch.tensor([[0, 1]]), reduction="none")
    expected = [[0.0, 1000.0]] if sign > 0 else [[1000 + math.log(3), math.log(3)]]
    assert torch.allclose(losses, torch.tensor(expected))
    losses.mean().backward()
    assert torch.isfinite(logits.grad).all()
    mixed = torch.tensor([[[-1000.0, 1000.0]]])
    assert next_token_loss(mixed, torch.tensor([[0]])).item() == 2000.0


def test_targets_and_logits_need_not_be_contiguous():
    logits, _ = random_case()
    window = torch.randint(7, (3, 6), generator=torch.Generator().manual_seed(1))
    targets = window[:, 1:]
    assert not targets.is_contiguous()
    expected = next_token_loss(logits, targets.clone(memory_format=torch.contiguous_format))
    assert torch.equal(next_token_loss(logits, targets), expected)
    sparse = logits.transpose(1, 2).contiguous().transpose(1, 2)
    assert not sparse.is_contiguous()
    assert torch.allclose(next_token_loss(sparse, targets), expected, atol=1e-14)
    shared = torch.zeros(1, 1, 7).expand(3, 5, 7)
    assert next_token_loss(shared, targets, reduction="none").shape == (3, 5)


@pytest.mark.parametrize("target", [-100, -1, 7])
def test_every_id_outside_the_vocabulary_is_an_error_and_none_is_skipped(target):
    logits, targets = random_case()
    targets[1, 2] = target
    with pytest.raises(IndexError):
        next_token_loss(logits, targets)


@pytest.mark.parametrize(
    ("logits", "targets"),
    [((3, 5, 7), (3, 4)), ((3, 5, 7), (15,)), ((15, 7), (15,)), ((3, 5, 7), (5, 3)), ((3, 5, 7), (3, 5, 7))],
)
def test_shapes_that_do_not_belong_together(logits, targets):
    with pytest.raises(ValueError, match="must be"):
        next_token_loss(torch.zeros(logits), torch.zeros(targets, dtype=torch.long))


@pytest.mark.parametrize("reduction", ["sum", "Mean", None])
def test_no_other_reduction(reduction):
    logits, targets = random_case()
    with pytest.raises(ValueError, match="reduction"):
        next_token_loss(logits, targets, reduction=reduction)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_single(dtype):
    """The sum over 4,096 losses of 2,000 nats overflows float16."""
    logits = torch.full((64, 64, 65), -1000.0, dtype=dtype)
    logits[..., 1] = 1000.0
    loss = next_token_loss(logits, torch.zeros(64, 64, dtype=torch.int64))
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(2000, rel=0.01)

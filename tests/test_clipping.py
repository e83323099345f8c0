"""clip_grad_norm against literal values and PyTorch's own."""

import math

import pytest
import torch
from torch import nn

from course_lib import NonFiniteGradientError, clip_grad_norm


def parameter(*grad: float, dtype=torch.float32) -> nn.Parameter:
    p = nn.Parameter(torch.zeros(len(grad), dtype=dtype))
    p.grad = torch.tensor(grad, dtype=dtype)
    return p


def test_three_four_five():
    p = parameter(3.0, 4.0)
    assert clip_grad_norm([p], 1.0) == 5.0
    assert torch.allclose(p.grad, torch.tensor([0.6, 0.8]), atol=1e-7)


def test_one_global_norm_over_all_parameters():
    a, b = parameter(3.0), parameter(4.0)
    assert clip_grad_norm([a, b], 2.5) == 5.0
    assert (a.grad.item(), b.grad.item()) == (1.5, 2.0)


def test_below_the_limit_nothing_is_touched():
    p = parameter(0.3, 0.4)
    before = p.grad.clone()
    assert clip_grad_norm([p], 1.0) == pytest.approx(0.5)
    assert torch.equal(p.grad, before)
    at_the_limit = parameter(3.0, 4.0)
    assert clip_grad_norm([at_the_limit], 5.0) == 5.0
    assert at_the_limit.grad.tolist() == [3.0, 4.0]


def test_infinity_only_measures():
    p = parameter(3e4, 4e4)
    assert clip_grad_norm([p], math.inf) == 5e4
    assert p.grad.tolist() == [3e4, 4e4]


def test_parameters_without_gradient_are_skipped():
    without = nn.Parameter(torch.ones(3))
    p = parameter(3.0, 4.0)
    assert clip_grad_norm([without, p, without], 1.0) == 5.0
    assert without.grad is None
    assert clip_grad_norm([without], 1.0) == 0.0
    assert clip_grad_norm([], 1.0) == 0.0


def test_a_gradient_of_zeros():
    p = parameter(0.0, 0.0)
    assert clip_grad_norm([p], 1.0) == 0.0
    assert p.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("scale", [1e-4, 0.1, 1.0, 30.0, 1e6])
@pytest.mark.parametrize("max_norm", [0.01, 1.0, 100.0])
def test_agrees_with_pytorch_to_1e_6(scale, max_norm):
    def model() -> nn.Module:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(16, 32), nn.LayerNorm(32), nn.Linear(32, 4, bias=False))
        generator = torch.Generator().manual_seed(1)
        for p in net.parameters():
            p.grad = scale * torch.randn(p.shape, generator=generator)
        return net

    ours, theirs = model(), model()
    mine = clip_grad_norm(ours.parameters(), max_norm)
    other = nn.utils.clip_grad_norm_(theirs.parameters(), max_norm).item()
    assert mine == pytest.approx(other, rel=1e-6)
    for p, q in zip(ours.parameters(), theirs.parameters()):
        assert torch.allclose(p.grad, q.grad, rtol=1e-6, atol=1e-6)


def test_the_direction_stays():
    p = nn.Parameter(torch.zeros(1000))
    p.grad = torch.randn(1000, generator=torch.Generator().manual_seed(0)) * 10
    before = p.grad.clone()
    norm = clip_grad_norm([p], 1.0)
    assert torch.allclose(p.grad * norm, before, rtol=1e-5)
    assert p.grad.norm().item() == pytest.approx(1.0, rel=1e-6)


def test_tensors_pairs_one_tensor_and_generators_are_taken():
    for shape in (lambda p: [p], lambda p: [("w", p)], lambda p: p, lambda p: (q for q in [p])):
        p = parameter(3.0, 4.0)
        assert clip_grad_norm(shape(p), 1.0) == 5.0
        assert p.grad.norm().item() == pytest.approx(1.0)


def test_the_norm_is_a_python_float_and_no_graph_grows():
    p = parameter(3.0, 4.0)
    assert type(clip_grad_norm([p], 1.0)) is float
    assert p.grad.grad_fn is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_is_named_and_nothing_is_changed(bad):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    for p in model.parameters():
        p.grad = torch.full_like(p, 3.0)
    model[1].weight.grad[0, 1] = bad
    model[1].bias.grad[0] = bad
    before = {name: p.grad.numpy().tobytes() for name, p in model.named_parameters()}
    with pytest.raises(NonFiniteGradientError, match=r"parameter 1\.weight has 1 non-finite of 4"):
        clip_grad_norm(model.named_parameters(), 1.0)
    assert {name: p.grad.numpy().tobytes() for name, p in model.named_parameters()} == before
    with pytest.raises(NonFiniteGradientError, match=r"number 2 of shape \(2, 2\)"):
        clip_grad_norm(model.parameters(), math.inf)
    assert issubclass(NonFiniteGradientError, FloatingPointError)


def test_a_norm_that_overflows_says_so():
    small, large = parameter(1.0), parameter(1e30, -2e30)
    with pytest.raises(NonFiniteGradientError, match="squares overflow.*parameter large"):
        clip_grad_norm([("small", small), ("large", large)], 1.0)
    assert large.grad.tolist() == parameter(1e30, -2e30).grad.tolist()


def test_parameters_of_several_types():
    a, b = parameter(3.0, dtype=torch.float64), parameter(4.0, dtype=torch.bfloat16)
    assert clip_grad_norm([a, b], 1.0) == 5.0
    assert a.grad.item() == pytest.approx(0.6) and b.grad.item() == pytest.approx(0.8, rel=1e-2)


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.nan])
def test_a_limit_has_to_be_above_zero(max_norm):
    p = parameter(3.0, 4.0)
    with pytest.raises(ValueError, match="max_norm"):
        clip_grad_norm([p], max_norm)
    assert p.grad.tolist() == [3.0, 4.0]

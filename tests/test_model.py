"""GPT: its sizes, its initialisation, causality, and a second forward pass written from the formulas."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import GPT, CharTokenizer, GPTConfig, get_batch, next_token_loss


def make(seed=0, dtype=torch.float32, **changes) -> GPT:
    sizes = {"vocab_size": 11, "context_length": 8, "n_layer": 2, "n_head": 3, "d_model": 12} | changes
    torch.manual_seed(seed)
    return GPT(GPTConfig(**sizes)).to(dtype)


def random_ids(B, T, V, seed=0) -> Tensor:
    return torch.randint(V, (B, T), generator=torch.Generator().manual_seed(seed))


def lesson_model(d_model: int, seed=0) -> GPT:
    return make(seed, vocab_size=65, context_length=64, n_layer=4, n_head=4, d_model=d_model)


@pytest.mark.parametrize(("d_model", "expected"), [(64, 205_440), (128, 804_096)])
def test_parameter_counts_of_the_lesson(d_model, expected):
    model = lesson_model(d_model)
    assert model.count_parameters() == expected
    # V d + T d, and a layer: qkv 3 d^2, projection d^2, MLP 8 d^2, two norms 2 d; a last norm d.
    d, L = d_model, 4
    assert expected == 65 * d + 64 * d + L * (12 * d * d + 2 * d) + d


def test_head_and_token_embedding_are_one_matrix():
    model = make()
    assert model.head.weight is model.token_embedding.weight
    names = [name for name, _ in model.named_parameters()]
    assert "token_embedding.weight" in names and "head.weight" not in names
    restored = make(seed=1)
    restored.load_state_dict(model.state_dict())
    assert restored.head.weight is restored.token_embedding.weight


def test_no_biases():
    assert not [name for name, _ in make().named_parameters() if "bias" in name]


def test_initialisation():
    """Five sigma: the std of n normal draws has a standard error of std / sqrt(2 n)."""
    model = lesson_model(128)
    seen = set()
    for name, p in model.named_parameters():
        if p.ndim == 1:
            assert torch.equal(p, torch.ones_like(p)), name
            continue
        std = 0.02 / math.sqrt(8) if name.endswith("projection.weight") else 0.02
        assert abs(p.std().item() - std) < 5 * std / math.sqrt(2 * p.numel()), name
        assert abs(p.mean().item()) < 5 * std / math.sqrt(p.numel()), name
        seen.add(round(std, 6))
    assert seen == {0.02, 0.007071}


@pytest.mark.parametrize("seed", [0, 1, 2, 1337])
@pytest.mark.parametrize("d_model", [64, 128])
def test_loss_before_training_is_near_ln_v(corpus, d_model, seed):
    model = lesson_model(d_model, seed)
    tokens = CharTokenizer.from_text(corpus.text[:200_000]).encode(corpus.text[:200_000])
    x, y = get_batch(tokens, 64, 64, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        loss = next_token_loss(model(x), y).item()
    assert abs(loss - math.log(65)) < 0.05


def test_the_seed_decides_the_weights():
    a, b, c = make(0), make(0), make(1)
    assert torch.equal(a.head.weight, b.head.weight) and not torch.equal(a.head.weight, c.head.weight)


@pytest.mark.parametrize("position", range(8))
def test_a_changed_token_changes_no_earlier_logit_and_all_later_ones(position):
    model, ids = make(dtype=torch.float64), random_ids(2, 8, 11)
    changed = ids.clone()
    changed[:, position] = (changed[:, position] + 1) % 11
    with torch.no_grad():
        before, after = model(ids), model(changed)
    # Not to the bit: a matrix product may sum in another order. 1e-14 leaves no room for a leak.
    assert torch.allclose(before[:, :position], after[:, :position], rtol=0, atol=1e-14)
    assert ((before - after).abs().amax(dim=(0, 2))[position:] > 1e-9).all()


def test_a_shorter_context_gives_the_same_logits():
    model, ids = make(dtype=torch.float64), random_ids(2, 8, 11)
    with torch.no_grad():
        whole = model(ids)
        for T in range(1, 9):
            assert torch.allclose(model(ids[:, :T]), whole[:, :T], atol=1e-13)


def test_rows_do_not_see_each_other():
    model, ids = make(dtype=torch.float64), random_ids(3, 8, 11)
    with torch.no_grad():
        assert torch.allclose(model(ids)[1:2], model(ids[1:2]), atol=1e-13)


def reference_forward(model: GPT, ids: Tensor, n_head: int) -> Tensor:
    """GPT-2 (Radford et al., 2019) in elementary operations, with nanoGPT's choices: exact GELU, no biases."""
    w = {name: p.detach() for name, p in model.named_parameters()}

    def norm(x: Tensor, gain: Tensor) -> Tensor:
        mean = x.sum(-1, keepdim=True) / x.shape[-1]
        variance = ((x - mean) ** 2).sum(-1, keepdim=True) / x.shape[-1]
        return gain * (x - mean) / (variance + 1e-5) ** 0.5

    logits = []
    for row in ids:
        x = torch.stack([w["token_embedding.weight"][i] + w["position_embedding.weight"][t] for t, i in enumerate(row)])
        T, C = x.shape
        size = C // n_head
        for layer in range(len(model.blocks)):
            name = f"blocks.{layer}."
            h = norm(x, w[name + "attention_norm.weight"])
            q, k, v = (h @ part.T for part in w[name + "attention.qkv.weight"].split(C))
            mixed = torch.zeros(T, C, dtype=x.dtype)
            for head in range(n_head):
                own = slice(head * size, (head + 1) * size)
                for t in range(T):
                    scores = (k[: t + 1, own] @ q[t, own]) / math.sqrt(size)
                    weights = scores.exp() / scores.exp().sum()
                    mixed[t, own] = weights @ v[: t + 1, own]
            x = x + mixed @ w[name + "attention.projection.weight"].T
            h = norm(x, w[name + "mlp_norm.weight"]) @ w[name + "mlp.expansion.weight"].T
            h = h * (1 + torch.erf(h / math.sqrt(2))) / 2
            x = x + h @ w[name + "mlp.projection.weight"].T
        logits.append(norm(x, w["final_norm.weight"]) @ w["token_embedding.weight"].T)
    return torch.stack(logits)


def test_equals_the_formulas():
    model = make(dtype=torch.float64)
    with torch.no_grad():
        for p in model.parameters():  # far from the start, so that no part hides behind small weights
            p.add_(0.3 * torch.randn(p.shape, dtype=p.dtype, generator=torch.Generator().manual_seed(p.numel())))
        ids = random_ids(2, 8, 11)
        assert torch.allclose(model(ids), reference_forward(model, ids, n_head=3), rtol=1e-10, atol=1e-10)


def test_dropout_acts_in_train_mode_alone():
    model, ids = make(dropout=0.5), random_ids(2, 8, 11)
    with torch.no_grad():
        assert not torch.equal(model(ids), model(ids))
        model.eval()
        assert torch.equal(model(ids), model(ids))
        without = make(dropout=0.0)
        assert torch.equal(model(ids), without(ids))


@pytest.mark.parametrize("name", ["attention", "mlp"])
def test_each_sublayer_drops_out_a_stated_share_of_what_it_adds(name):
    model = make(dropout=0.25)
    x = torch.randn(50, 8, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        added = getattr(model.blocks[0], name)(x)
    dropped = (added == 0).double().mean().item()
    assert abs(dropped - 0.25) < 5 * math.sqrt(0.25 * 0.75 / added.numel())


def test_attention_drops_out_its_weights_too(monkeypatch):
    seen = []
    attend = F.scaled_dot_product_attention
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda *a, **k: seen.append(k["dropout_p"]) or attend(*a, **k))
    model = make(dropout=0.25)
    model(random_ids(2, 8, 11))
    model.eval()(random_ids(2, 8, 11))
    assert seen == [0.25, 0.25, 0.0, 0.0]


def test_dropout_keeps_the_stated_share_of_the_embedding():
    """40,000 activations at p = 0.25: five sigma of a binomial share is 0.011."""
    model = make(dropout=0.25, d_model=48, context_length=64)
    seen = []
    model.blocks[0].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad():
        model(random_ids(14, 64, 11))
    dropped = (seen[0] == 0).double().mean().item()
    assert abs(dropped - 0.25) < 5 * math.sqrt(0.25 * 0.75 / seen[0].numel())


def test_every_parameter_gets_a_gradient():
    model = make()
    ids = random_ids(4, 9, 11)
    next_token_loss(model(ids[:, :-1]), ids[:, 1:]).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 0}, "vocab_size"), ({"context_length": 0}, "context_length"),
        ({"n_layer": 0}, "n_layer"), ({"n_head": 0}, "n_head"), ({"d_model": -4}, "d_model"),
        ({"n_head": 5}, "n_head = 5"), ({"dropout": 1.0}, "dropout"), ({"dropout": -0.1}, "dropout"),
    ],
)  # fmt: skip
def test_sizes_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)


def test_inputs_that_cannot_be():
    model = make()
    with pytest.raises(ValueError, match=r"\(3,\)"):
        model(torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match="T = 9.*context_length is 8"):
        model(torch.zeros(1, 9, dtype=torch.long))
    for bad in (-1, 11):
        with pytest.raises(IndexError):
            model(torch.full((1, 2), bad))

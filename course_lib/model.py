"""The forward pass: nanoGPT's GPT in one readable file. The course never changes it.

Ids `(B, T)` go in, logits `(B, T, V)` come out. Letters in comments: B batch, T context,
C = d_model channels, V vocabulary, H heads. Architecture and initialisation follow GPT-2 (Radford
et al., 2019) as nanoGPT writes it: pre-LayerNorm, learned positions, GELU MLP of width 4C, a head
tied to the token embedding (Press and Wolf, 2017, arXiv:1608.05859), no biases.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT.

    Args:
        vocab_size: V, the number of different ids.
        context_length: T, the longest context in tokens.
        n_layer: L, the number of blocks.
        n_head: H, attention heads a block; must divide `d_model`.
        d_model: C, the width of the residual stream.
        dropout: probability of dropping an activation while training, in [0, 1).

    Raises:
        ValueError: a size is below 1, `n_head` does not divide `d_model`, or `dropout` is
            outside [0, 1).
    """

    vocab_size: int
    context_length: int
    n_layer: int
    n_head: int
    d_model: int
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("vocab_size", "context_length", "n_layer", "n_head", "d_model"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.d_model % self.n_head:
            raise ValueError(
                f"d_model = {self.d_model} cannot be shared among n_head = {self.n_head} heads; "
                "choose a multiple."
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must lie in [0, 1).")


class Attention(nn.Module):
    """Causal multi-head self-attention: position t mixes the values of positions 0..t."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.dropout = config.dropout
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model, bias=False)
        self.projection = nn.Linear(config.d_model, config.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        q, k, v = (
            part.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)  # (B, H, T, C / H)
            for part in self.qkv(x).split(C, dim=2)
        )
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        mixed = mixed.transpose(1, 2).reshape(B, T, C)
        return F.dropout(self.projection(mixed), self.dropout, self.training)


class MLP(nn.Module):
    """Two linear layers with a GELU between them, applied to every position alone."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.expansion = nn.Linear(config.d_model, 4 * config.d_model, bias=False)
        self.projection = nn.Linear(4 * config.d_model, config.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.projection(F.gelu(self.expansion(x)))  # (B, T, C)
        return F.dropout(x, self.dropout, self.training)


class Block(nn.Module):
    """One layer: attention, then MLP, each normalised on the way in and added to the stream."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.d_model, bias=False)
        self.attention = Attention(config)
        self.mlp_norm = nn.LayerNorm(config.d_model, bias=False)
        self.mlp = MLP(config)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class GPT(nn.Module):
    """A decoder-only transformer: ids `(B, T)` to logits `(B, T, V)`.

    Weights start from a normal distribution with std 0.02, the projections back into the residual
    stream from one with std `0.02 / sqrt(2 L)`, norms from 1. The draws come from PyTorch's global
    generator: call `torch.manual_seed` first.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.context_length, config.d_model)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.final_norm = nn.LayerNorm(config.d_model, bias=False)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.head.weight = self.token_embedding.weight  # tied: one matrix, counted once
        self._initialise()

    def _initialise(self) -> None:
        residual_std = 0.02 / math.sqrt(2 * self.config.n_layer)
        for name, parameter in self.named_parameters():
            if parameter.ndim >= 2:
                std = residual_std if name.endswith("projection.weight") else 0.02
                nn.init.normal_(parameter, mean=0.0, std=std)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logits for the token after each position.

        Args:
            ids: `(B, T)` integers below V; T may be shorter than the context length.

        Returns:
            `(B, T, V)`; row `[b, t]` depends on `ids[b, : t + 1]` alone.

        Raises:
            ValueError: `ids` is not `(B, T)`, or T exceeds the context length.
            IndexError: an id lies outside the vocabulary (on the CPU).
        """
        if ids.ndim != 2:
            raise ValueError(f"ids has shape {tuple(ids.shape)}; it must be (B, T).")
        T = ids.shape[1]
        if T > self.config.context_length:
            raise ValueError(
                f"ids has T = {T:,} tokens; this model's context_length is "
                f"{self.config.context_length:,}. Pass the last {self.config.context_length:,}."
            )
        positions = torch.arange(T, device=ids.device)
        x = self.token_embedding(ids) + self.position_embedding(positions)  # (B, T, C)
        x = F.dropout(x, self.config.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        return self.head(self.final_norm(x))  # (B, T, V)

    def count_parameters(self) -> int:
        """Return the number of trained values; the tied matrix counts once."""
        return sum(parameter.numel() for parameter in self.parameters())

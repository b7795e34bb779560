"""GPT-2 in plain PyTorch: the peer that Rinzler is measured against.

Same architecture, parameter names and [in, out] weight layout as `rinzler.gpt`, so that one set of
weights fits both sides and a difference in loss is a difference in arithmetic. Written the way a
careful PyTorch user would write it (packed qkv, `scaled_dot_product_attention`, `addmm`, the fused
optimizer): a peer that is slow on purpose proves nothing. `LOG.md` tells which forms were tried.
Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners".

Leaves out: dropout, generation, checkpoints. Read next: `../contenders/torch_step.py`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

INIT_STD = 0.02  # GPT-2's; projections into the residual stream get it over sqrt(2 * layers)


class Projection(nn.Module):
    """y = x @ weight + bias with weight (in, out), the layout of GPT-2's own files."""

    def __init__(self, d_in: int, d_out: int, bias: bool, std: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d_in, d_out).normal_(std=std))
        self.bias = nn.Parameter(torch.zeros(d_out)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        rows = x.view(-1, x.size(-1))  # (B, T, in) -> (B*T, in)
        if self.bias is None:
            return (rows @ self.weight).view(*x.shape[:-1], -1)  # (B, T, out)
        y = torch.addmm(self.bias, rows, self.weight)  # (B*T, out)
        return y.view(*x.shape[:-1], -1)  # (B, T, out)


class Attention(nn.Module):
    """Causal self-attention of H heads."""

    def __init__(self, d_model: int, heads: int, bias: bool, residual_std: float) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn = Projection(d_model, 3 * d_model, bias, INIT_STD)
        self.c_proj = Projection(d_model, d_model, bias, residual_std)

    def forward(self, x: Tensor) -> Tensor:
        batch, time, width = x.shape
        split = (batch, time, self.heads, width // self.heads)
        q, k, v = self.c_attn(x).split(width, dim=2)  # 3 of (B, T, C)
        q = q.view(split).transpose(1, 2)  # (B, H, T, D)
        k = k.view(split).transpose(1, 2)  # (B, H, T, D)
        v = v.view(split).transpose(1, 2)  # (B, H, T, D)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, H, T, D)
        return self.c_proj(y.transpose(1, 2).reshape(batch, time, width))  # (B, T, C)


class MLP(nn.Module):
    """Two projections with a GELU (tanh form) between, four times as wide inside."""

    def __init__(self, d_model: int, bias: bool, residual_std: float) -> None:
        super().__init__()
        self.c_fc = Projection(d_model, 4 * d_model, bias, INIT_STD)
        self.c_proj = Projection(4 * d_model, d_model, bias, residual_std)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.gelu(self.c_fc(x), approximate="tanh")  # (B, T, 4C)
        return self.c_proj(hidden)  # (B, T, C)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, d_model: int, heads: int, bias: bool, residual_std: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(d_model, eps=1e-5, bias=bias)
        self.attn = Attention(d_model, heads, bias, residual_std)
        self.ln_2 = nn.LayerNorm(d_model, eps=1e-5, bias=bias)
        self.mlp = MLP(d_model, bias, residual_std)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))  # (B, T, C)
        return x + self.mlp(self.ln_2(x))  # (B, T, C)


class TorchGPT(nn.Module):
    """GPT-2; `forward(ids)` gives logits (B, T, V), `loss` the mean cross-entropy in nats."""

    def __init__(
        self,
        *,
        vocab_size: int,
        context: int,
        d_model: int,
        layers: int,
        heads: int,
        bias: bool = True,
        tie_weights: bool = True,
    ) -> None:
        super().__init__()
        residual_std = INIT_STD / math.sqrt(2 * layers)
        self.wte = nn.Embedding(vocab_size, d_model)
        self.wpe = nn.Embedding(context, d_model)
        self.h = nn.ModuleList(Block(d_model, heads, bias, residual_std) for _ in range(layers))
        self.ln_f = nn.LayerNorm(d_model, eps=1e-5, bias=bias)
        self.lm_head = None if tie_weights else nn.Linear(d_model, vocab_size, bias=False)
        embeddings = [self.wte, self.wpe, *([] if tie_weights else [self.lm_head])]
        for module in embeddings:
            nn.init.normal_(module.weight, std=INIT_STD)

    def forward(self, ids: Tensor) -> Tensor:
        positions = torch.arange(ids.size(1), device=ids.device)  # (T,)
        x = self.wte(ids) + self.wpe(positions)  # (B, T, C)
        for block in self.h:
            x = block(x)  # (B, T, C)
        head = self.wte if self.lm_head is None else self.lm_head
        return functional.linear(self.ln_f(x), head.weight)  # (B, T, V)

    def loss(self, ids: Tensor, targets: Tensor) -> Tensor:
        logits = self(ids)  # (B, T, V)
        rows = logits.view(-1, logits.size(-1))  # (B*T, V)
        return functional.cross_entropy(rows, targets.reshape(-1))


def make_adamw(model: nn.Module, settings: dict[str, Any], fused: bool) -> torch.optim.AdamW:
    """AdamW that decays tensors of two or more axes only: no biases, no LayerNorm.

    `settings` holds lr, betas, eps and weight_decay; `fused` picks torch's one-pass kernel.
    """
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    spared = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": decayed, "weight_decay": settings["weight_decay"]},
        {"params": spared, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=settings["lr"], betas=settings["betas"], eps=settings["eps"], fused=fused
    )


def training_step(
    model: TorchGPT, optimizer: torch.optim.Optimizer, ids: Tensor, targets: Tensor, clip: float
) -> tuple[float, float]:
    """One step: forward, cross-entropy, backward, clip, AdamW. Returns (loss, gradient norm)."""
    optimizer.zero_grad(set_to_none=True)
    loss = model.loss(ids, targets)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return loss.item(), norm.item()

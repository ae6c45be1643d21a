"""Attention of rows that lie one behind the other without padding, by PyTorch's own variable-length kernel.

Registered with transformers as the attention implementation `varlen`; imported only to train. Each row attends to
itself alone: the collator hands in where the rows begin (`padding_free` of trl). Source: torch.nn.attention.varlen.
"""

from typing import Any

import torch  # noqa: TID253
from torch.nn.attention.varlen import varlen_attn  # noqa: TID253
from transformers import AttentionInterface, AttentionMaskInterface  # noqa: TID253
from transformers.integrations.sdpa_attention import repeat_kv  # noqa: TID253
from transformers.masking_utils import flash_attention_mask  # noqa: TID253

NAME = "varlen"


def attend_rows(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    cu_seq_lens_q: torch.Tensor,
    max_length_q: int,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each row.

    Args:
        query: shape (1, heads, tokens of all rows, head size); key and value too, with as many heads or fewer.
        cu_seq_lens_q: where each row begins, and the end; shape (rows + 1).
        max_length_q: tokens of the longest row.
        scaling: of the products of query and key; 1 / sqrt(head size) if not given.

    Returns:
        Shape (1, tokens, heads, head size); and None, as no attention weights are kept.
    """
    if query.shape[1] != key.shape[1]:
        groups = query.shape[1] // key.shape[1]
        key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    query, key, value = (tensor.squeeze(0).transpose(0, 1) for tensor in (query, key, value))
    if query.device.type == "cpu":  # has no such kernel: one row after the other
        lengths = cu_seq_lens_q.diff().tolist()
        parts = zip(query.split(lengths), key.split(lengths), value.split(lengths), strict=True)
        attended = torch.cat([attend_row(*part, scaling) for part in parts])
    else:
        attend: Any = varlen_attn
        begins = {"cu_seq_q": cu_seq_lens_q, "cu_seq_k": cu_seq_lens_q, "max_q": max_length_q, "max_k": max_length_q}
        attended = attend(query, key, value, **begins, scale=scaling, window_size=(-1, 0))  # (-1, 0): causal
    return attended.unsqueeze(0), None


def attend_row(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None) -> torch.Tensor:
    """Causal attention in one row; shapes (tokens, heads, head size)."""
    query, key, value = (tensor.transpose(0, 1) for tensor in (query, key, value))
    attend: Any = torch.nn.functional.scaled_dot_product_attention
    attended: torch.Tensor = attend(query, key, value, is_causal=True, scale=scaling)
    return attended.transpose(0, 1)


AttentionInterface.register(NAME, attend_rows)
AttentionMaskInterface.register(NAME, flash_attention_mask)

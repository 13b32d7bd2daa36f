"""T5's layers one by one."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from transformers.models.t5.modeling_t5 import T5Attention

from pali3kit.language.layers import LayerCache, RelativeBias, RMSNorm, _Attention
from pali3kit.nn.attention import attend


@pytest.mark.parametrize("bidirectional", [True, False])
def test_buckets_equal_transformers(bidirectional: bool) -> None:
    distance = torch.arange(-300, 301)
    ours = RelativeBias(2, buckets=32, max_distance=128, bidirectional=bidirectional).bucket(distance)
    theirs = T5Attention._relative_position_bucket(distance, bidirectional, num_buckets=32, max_distance=128)
    assert torch.equal(ours, theirs)


def test_the_bias_of_the_last_queries_is_the_last_rows_of_all() -> None:
    bias = RelativeBias(3, buckets=8, max_distance=16, bidirectional=False)
    assert bias(0, 10, 10).shape == (1, 3, 10, 10)
    torch.testing.assert_close(bias(8, 10, 10), bias(0, 10, 10)[:, :, -2:])


def test_the_norm_computes_in_fp32_and_returns_the_dtype_of_its_input() -> None:
    norm = RMSNorm(4)
    x = torch.tensor([[3e4, -3e4, 3e4, 3e4]], dtype=torch.float16)  # its squares overflow in fp16
    assert norm(x).dtype == torch.float16
    torch.testing.assert_close(norm(x), torch.tensor([[1.0, -1.0, 1.0, 1.0]], dtype=torch.float16))


def test_scores_are_not_scaled() -> None:
    attention = _Attention(width=4, heads=1, head_width=4)
    for linear in (attention.query, attention.key, attention.value, attention.out):
        torch.nn.init.eye_(linear.weight)
    x = torch.randn(1, 3, 4)
    expected = (x @ x.mT).softmax(-1) @ x
    torch.testing.assert_close(attention(x, attention.keys_values(x), partial(attend, scale=1.0)), expected)


def test_the_bias_is_the_table_at_the_bucket_of_each_distance() -> None:
    bias = RelativeBias(3, buckets=8, max_distance=16, bidirectional=True)
    distance = torch.arange(10)[None] - torch.arange(10)[:, None]
    torch.testing.assert_close(bias(0, 10, 10)[0], bias.table(bias.bucket(distance)).permute(2, 0, 1))


def test_a_cache_grows_reorders_its_own_keys_and_keeps_the_memorys() -> None:
    cache, memory = LayerCache(capacity=4), torch.arange(2.0).view(2, 1, 1, 1)
    cache.memory = (memory, memory)
    for value in (0.0, 10.0):
        new = torch.arange(4.0).view(4, 1, 1, 1) + value  # four targets, two per memory
        keys, _ = cache.append(new, new)
    assert keys.shape == (4, 1, 2, 1)
    cache.reorder(torch.tensor([1, 1, 3, 2]))
    keys, values = cache.append(new, new)
    assert keys[:, 0, :, 0].tolist() == values[:, 0, :, 0].tolist()
    assert keys[:, 0, :, 0].tolist() == [[1, 11, 10], [1, 11, 11], [3, 13, 12], [2, 12, 13]]
    cache.keep(torch.tensor([2, 3]), torch.tensor([1]))
    keys, _ = cache.append(new[:2], new[:2])
    assert keys[:, 0, :, 0].tolist() == [[3, 13, 12, 10], [2, 12, 13, 11]]
    assert cache.memory[0].flatten().tolist() == [1]


def test_neighbouring_targets_share_a_memory() -> None:
    attention, x = _Attention(width=8, heads=2, head_width=4), torch.randn(6, 3, 8)
    memory = torch.randn(2, 5, 8)
    own = partial(attend, scale=1.0)
    shared = attention(x, attention.keys_values(memory), own)
    repeated = attention(x, attention.keys_values(memory.repeat_interleave(3, 0)), own)
    torch.testing.assert_close(shared, repeated)

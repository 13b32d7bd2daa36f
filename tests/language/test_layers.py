"""T5's layers one by one."""

from __future__ import annotations

import pytest
import torch
from transformers.models.t5.modeling_t5 import T5Attention

from pali3kit.language.layers import Attention, GatedFeedForward, LayerCache, RelativeBias, RMSNorm


@pytest.mark.parametrize("bidirectional", [True, False])
def test_buckets_equal_transformers(bidirectional: bool) -> None:
    distance = torch.arange(-300, 301)
    ours = RelativeBias(2, buckets=32, max_distance=128, bidirectional=bidirectional).bucket(distance)
    theirs = T5Attention._relative_position_bucket(distance, bidirectional, num_buckets=32, max_distance=128)
    assert torch.equal(ours, theirs)


def test_the_bias_of_the_last_queries_is_the_last_rows_of_all() -> None:
    bias = RelativeBias(3, buckets=8, max_distance=16, bidirectional=False)
    assert bias(10, 10).shape == (1, 3, 10, 10)
    torch.testing.assert_close(bias(2, 10), bias(10, 10)[:, :, -2:])


def test_the_norm_computes_in_fp32_and_answers_in_the_inputs_dtype() -> None:
    norm = RMSNorm(4)
    x = torch.tensor([[3e4, -3e4, 3e4, 3e4]], dtype=torch.float16)  # its squares overflow in fp16
    assert norm(x).dtype == torch.float16
    torch.testing.assert_close(norm(x), torch.tensor([[1.0, -1.0, 1.0, 1.0]], dtype=torch.float16))


def test_scores_are_not_scaled() -> None:
    attention = Attention(width=4, heads=1, head_width=4)
    for linear in (attention.query, attention.key, attention.value, attention.out):
        torch.nn.init.eye_(linear.weight)
    x = torch.randn(1, 3, 4)
    expected = (x @ x.mT).softmax(-1) @ x
    torch.testing.assert_close(attention(x, attention.keys_values(x), None), expected)


def test_the_feed_forwards_output_is_not_autocast() -> None:
    feed = GatedFeedForward(4, 8, "silu")
    seen: list[torch.dtype] = []
    feed.down.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        feed(torch.randn(2, 4))
    assert seen == [torch.float32]


def test_reordering_a_cache_moves_its_own_keys_and_not_the_memorys() -> None:
    own, memory = torch.arange(3.0).view(3, 1, 1, 1), torch.arange(3.0).view(3, 1, 1, 1)
    cache = LayerCache((own, own), (memory, memory))
    cache.reorder(torch.tensor([2, 2, 0]))
    assert cache.own is not None and cache.own[0].flatten().tolist() == [2, 2, 0]
    assert cache.memory is not None and cache.memory[0].flatten().tolist() == [0, 1, 2]

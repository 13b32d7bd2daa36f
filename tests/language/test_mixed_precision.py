"""Our language models under bf16 autocast: which dtype is computed in, and how near it is to fp32."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

from pali3kit.language.contract import LanguageModel
from pali3kit.language.layers import RMSNorm, _FeedForward
from pali3kit.language.prefix_lm import PrefixLM
from pali3kit.language.ul2 import UL2
from pali3kit.training.modules import Batch, DenoisingModule

PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "linear", "_scaled_dot_product")
VOCABULARY, WIDTH = 300, 64


class Products(TorchDispatchMode):
    """Counts matrix products by dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[torch.dtype] = Counter()

    def __torch_dispatch__(self, function: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        if function.overloadpacket.__name__.startswith(PRODUCTS):
            self.seen[args[0].dtype] += 1
        return function(*args, **(kwargs or {}))


def ul2(**options: object) -> LanguageModel:
    torch.manual_seed(0)
    shape = {"width": WIDTH, "encoder_depth": 2, "decoder_depth": 2, "heads": 4, "head_width": 16, "mlp": 160}
    return UL2(VOCABULARY, **shape, **options)  # type: ignore[arg-type]


def prefix_lm() -> LanguageModel:
    torch.manual_seed(0)
    return PrefixLM(VOCABULARY, width=WIDTH, depth=2, heads=4, head_width=16, mlp=160)


MODELS: dict[str, Callable[[], LanguageModel]] = {
    "ul2": ul2,
    "tied": lambda: ul2(tied=True, dropout=0.1),
    "chunked": lambda: ul2(attention="chunked", gradient_checkpointing=True),
    "prefix_lm": prefix_lm,
}


def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    inputs, targets = (torch.randint(2, VOCABULARY, (4, length), generator=generator) for length in (48, 16))
    kept, wanted = (torch.tensor(lengths)[:, None] for lengths in ([48, 40, 30, 48], [16, 10, 12, 16]))
    masks = {"input_mask": torch.arange(48) < kept, "target_mask": torch.arange(16) < wanted}
    return {"inputs": inputs, "targets": targets, **masks}


def step(model: LanguageModel, bf16: bool = True) -> tuple[float, dict[str, Tensor], Counter[torch.dtype]]:
    """Loss and gradients of a training step, and its matrix products, forward and backward."""
    with Products() as products:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = DenoisingModule(model).losses(batch())["loss"]
        loss.backward()
    return float(loss.detach()), {name: weight.grad for name, weight in model.named_parameters()}, products.seen  # type: ignore[misc]


@pytest.mark.parametrize("name", MODELS)
def test_no_matrix_product_is_fp32(name: str) -> None:
    """Nor are the logits: they are bf16, and only the loss widens them."""
    _, _, seen = step(MODELS[name]())
    assert seen.keys() == {torch.bfloat16} and seen[torch.bfloat16] > 50


def test_what_is_counted_is_there_in_fp32() -> None:
    assert step(ul2(), bf16=False)[2].keys() == {torch.float32}


@pytest.mark.parametrize("make", [ul2, prefix_lm])
def test_loss_and_gradients_are_near_those_of_fp32(make: Callable[[], LanguageModel]) -> None:
    """A bf16 number has an error of 2^-9. The loss differs by up to 2e-4 of itself, gradients of single weights by 0.4%
    to 1.7% of their norms; with `down` projections in fp32, as before, by 1e-4 and by 0.4% to 1.5%.
    """
    loss, gradients, _ = step(make(), bf16=False)
    near, others, _ = step(make())
    assert near == pytest.approx(loss, rel=1e-3)
    for name, gradient in gradients.items():
        assert others[name].dtype == torch.float32
        assert float((others[name] - gradient).norm() / gradient.norm()) < 0.04, name


def test_backends_agree_about_a_row_without_tokens() -> None:
    """The lowest fp32 number would be -inf in bf16, where a softmax over -inf alone is NaN or 0."""
    mask, seen = torch.tensor([[True] * 5, [False] * 5]), list[Tensor]()
    for attention in ("eager", "sdpa", "chunked"):
        model = ul2(attention=attention)
        with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
            memory = model.encode(model.embed(torch.arange(10).view(2, 5)), mask)
            seen.append(torch.cat([memory, model.decode_states(torch.full((2, 4), 7), memory, mask)], 1))
    for other in seen[1:]:
        torch.testing.assert_close(other, seen[0], atol=0.05, rtol=0)


def test_the_products_behind_a_norm_keep_one_copy_of_its_output() -> None:
    kept: set[tuple[int, torch.dtype]] = set()
    norm, readers = RMSNorm(WIDTH), nn.ModuleList(nn.Linear(WIDTH, 8, bias=False) for _ in range(3))
    x = torch.randn(50, WIDTH, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        normed = norm(x)
        with saved_tensors_hooks(lambda t: kept.add((t.data_ptr(), t.dtype)) if t.shape == x.shape else t, lambda t: t):
            for reader in readers:
                reader(normed)
    assert kept == {(normed.data_ptr(), torch.bfloat16)}


def test_a_feed_forward_keeps_t5s_range() -> None:
    """T5's feed-forward exceeds 65,504, the largest fp16 number; bf16 has the range of fp32."""
    feed = _FeedForward(4, 8, "relu", gated=False)
    nn.init.constant_(feed.up.weight, 100.0)
    nn.init.constant_(feed.down.weight, 100.0)
    x = torch.ones(2, 4)
    for dtype, computed in ((torch.float16, torch.float32), (torch.bfloat16, torch.bfloat16)):
        with torch.autocast("cpu", dtype):
            out = feed(x)
        assert out.dtype == computed and (out.float() / 320_000 - 1).abs().max() < 0.01

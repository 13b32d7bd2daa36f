"""Every link leads there and back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from pali3kit.errors import WeightsError
from pali3kit.weights.layouts import big_vision, hf, open_clip, timm
from pali3kit.weights.links import Link, convolution, fused, same, to_ours, to_theirs


def numbered(links: list[Link], heads: int = 2, width: int = 4) -> dict[str, Tensor]:
    """Tensors of plausible shapes for all of our names, no two alike."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"bias": (width,), "embed.weight": (width, 3, 2, 2), "positions": (1, 6, width)}
    shapes |= {"head.probe": (1, 1, width), "class_token": (1, 1, width), "embed.bias": (width,)}
    names = [name for link in links for name in link.ours]
    assert len(names) == len(set(names)) and len({link.theirs for link in links}) == len(links)
    found = {}
    for name in names:
        norm = "norm" in name
        shape = shapes.get(name) or ((width,) if name.endswith("bias") or norm else (width, width))
        found[name] = torch.randn(shape, generator=generator)
    return found


LINKS = {
    "timm": timm.vit_links(2, "map", class_token=True, prefix="visual.trunk."),
    "hf": hf.vit_links(2, "map"),
    "hf text": hf.text_links(2),
    "open_clip text": open_clip.text_links(2),
    "big_vision": big_vision.vit_links(2, 2, "map", class_token=True, prefix="params/img/"),
    "augreg": big_vision.vit_links(2, 2, "", class_token=True, era="augreg"),
    "big_vision text": big_vision.text_links(2, 2),
}


@pytest.mark.parametrize("name", LINKS)
def test_there_and_back(name: str) -> None:
    ours = numbered(LINKS[name])
    back = to_ours(LINKS[name], to_theirs(LINKS[name], ours), Path("x"))
    assert back.keys() == ours.keys()
    assert all(torch.equal(back[key], ours[key]) for key in ours)


def test_what_is_not_there_is_left_out() -> None:
    assert to_ours(LINKS["hf"], {}, Path("x")) == {}


def test_scanned_blocks_are_taken_apart() -> None:
    stacked = torch.randn(3, 4)
    plain = big_vision.unscan({"img/Transformer/encoderblock/LayerNorm_0/scale": stacked, "t": torch.ones(1)})
    assert plain.keys() == {"t"} | {f"img/Transformer/encoderblock_{i}/LayerNorm_0/scale" for i in range(3)}
    assert torch.equal(plain["img/Transformer/encoderblock_1/LayerNorm_0/scale"], stacked[1])


def test_an_array_that_is_none_over_blocks_stays_as_it_is() -> None:
    """A name is no promise: a number has no blocks, and an empty array may claim any number of them."""
    odd = {f"encoderblock/{n}": torch.empty(shape) for n, shape in enumerate([(), (0,), (10**9, 0), (10**4,)])}
    assert big_vision.unscan(odd).keys() == odd.keys()


@pytest.mark.parametrize("kind", ["half", "bfloat16", "double"])
def test_all_are_read_as_float32(kind: str) -> None:
    found = to_ours([same("a", "b")], {"b": getattr(torch.tensor([1.5, -2]), kind)()}, Path("x"))
    assert torch.equal(found["a"], torch.tensor([1.5, -2])) and found["a"].dtype == torch.float32


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.bool, torch.int64, torch.complex64])
def test_quantised_weights_are_no_weights(kind: torch.dtype) -> None:
    """Their scale is elsewhere: whole numbers would be loaded as if they were the weights."""
    with pytest.raises(WeightsError, match=f"w.bin: b is {str(kind)[6:]}, where weights are float32, float16 or bfl"):
        to_ours([same("a", "b")], {"b": torch.ones(2).to(kind)}, Path("w.bin"))


@pytest.mark.parametrize("shape", [(), (2,), (2, 2), (3, 2, 2, 2, 2)])
def test_a_shape_that_cannot_be_turned_is_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(WeightsError, match=r"w.bin: b has shape \[.*\], which is none of a"):
        to_ours([convolution("a", "b")], {"b": torch.ones(shape)}, Path("w.bin"))


def test_too_few_rows_for_three() -> None:
    with pytest.raises(WeightsError, match=r"w.bin: b has shape \[2\], which is none of q"):
        to_ours([fused("qkv", "b")], {"b": torch.ones(2)}, Path("w.bin"))

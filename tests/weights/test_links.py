"""Every link can be followed in both directions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from pali3kit.errors import WeightsError
from pali3kit.models.text_tower import TextTower
from pali3kit.vision.vit import ViT
from pali3kit.weights.layouts.big_vision import unscan
from pali3kit.weights.links import WeightLink, to_ours, to_theirs
from pali3kit.weights.recognise import LAYOUTS


def numbered(links: list[WeightLink], heads: int = 2, width: int = 4) -> dict[str, Tensor]:
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


def vit(head: str) -> ViT:
    return ViT(image_size=4, width=4, depth=2, heads=2, mlp=4, patch=2, head=head)


TEXT = TextTower(vocabulary=5, length=3, out=4, width=4, depth=2, heads=2, mlp=4)
PREFIXES = {"timm": "visual.trunk.", "hf": "vision_model.", "big_vision": "params/img/", "augreg": ""}
LINKS = {
    f"{name} {head}": LAYOUTS[name].vision(vit(head), prefix)
    for name, prefix in PREFIXES.items()
    for head in ("map", "gap", "token")
} | {f"{name} text": layout.text(TEXT, layout.text_prefix) for name, layout in LAYOUTS.items() if layout.text}


@pytest.mark.parametrize("name", LINKS)
def test_there_and_back(name: str) -> None:
    ours = numbered(LINKS[name])
    back = to_ours(LINKS[name], to_theirs(LINKS[name], ours), Path("x"))
    assert back.keys() == ours.keys()
    assert all(torch.equal(back[key], ours[key]) for key in ours)


def test_missing_tensors_are_left_out() -> None:
    assert to_ours(LINKS["hf map"], {}, Path("x")) == {}


def test_scanned_blocks_are_split() -> None:
    stacked = torch.randn(3, 4)
    plain = unscan({"img/Transformer/encoderblock/LayerNorm_0/scale": stacked, "t": torch.ones(1)})
    assert plain.keys() == {"t"} | {f"img/Transformer/encoderblock_{i}/LayerNorm_0/scale" for i in range(3)}
    assert torch.equal(plain["img/Transformer/encoderblock_1/LayerNorm_0/scale"], stacked[1])


def test_other_arrays_of_that_name_are_not_split() -> None:
    """A scalar has no blocks, and an empty array may have any number of them."""
    odd = {f"encoderblock/{n}": torch.empty(shape) for n, shape in enumerate([(), (0,), (10**9, 0), (10**4,)])}
    assert unscan(odd).keys() == odd.keys()


@pytest.mark.parametrize("kind", ["half", "bfloat16", "double"])
def test_all_are_read_as_float32(kind: str) -> None:
    found = to_ours([WeightLink.same("a", "b")], {"b": getattr(torch.tensor([1.5, -2]), kind)()}, Path("x"))
    assert torch.equal(found["a"], torch.tensor([1.5, -2])) and found["a"].dtype == torch.float32


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.bool, torch.int64, torch.complex64])
def test_quantised_weights_are_refused(kind: torch.dtype) -> None:
    """Without their scale, integers would be loaded as weights."""
    with pytest.raises(WeightsError, match=f"w.bin: b is {str(kind)[6:]}, but weights must be float32"):
        to_ours([WeightLink.same("a", "b")], {"b": torch.ones(2).to(kind)}, Path("w.bin"))


@pytest.mark.parametrize("shape", [(), (2,), (2, 2), (3, 2, 2, 2, 2)])
def test_a_shape_that_does_not_fit_is_reported(shape: tuple[int, ...]) -> None:
    with pytest.raises(WeightsError, match=r"w.bin: b has shape \[.*\], which does not fit a"):
        to_ours([WeightLink.convolution("a", "b")], {"b": torch.ones(shape)}, Path("w.bin"))


def test_too_few_rows_for_three() -> None:
    with pytest.raises(WeightsError, match=r"w.bin: b has shape \[2\], which does not fit q"):
        to_ours([WeightLink.fused("qkv", "b")], {"b": torch.ones(2)}, Path("w.bin"))

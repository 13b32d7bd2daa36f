"""Every link leads there and back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pali3kit.weights.layouts import big_vision, hf, open_clip, timm
from pali3kit.weights.links import Link, to_ours, to_theirs


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
    back = to_ours(LINKS[name], to_theirs(LINKS[name], ours))
    assert back.keys() == ours.keys()
    assert all(torch.equal(back[key], ours[key]) for key in ours)


def test_what_is_not_there_is_left_out() -> None:
    assert to_ours(LINKS["hf"], {}) == {}


def test_scanned_blocks_are_taken_apart() -> None:
    stacked = torch.randn(3, 4)
    plain = big_vision.unscan({"img/Transformer/encoderblock/LayerNorm_0/scale": stacked, "t": torch.ones(1)})
    assert plain.keys() == {"t"} | {f"img/Transformer/encoderblock_{i}/LayerNorm_0/scale" for i in range(3)}
    assert torch.equal(plain["img/Transformer/encoderblock_1/LayerNorm_0/scale"], stacked[1])

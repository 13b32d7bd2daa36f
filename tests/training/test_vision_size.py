"""The size of encoders, as reports tell it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pali3kit.config.shapes import VitShape
from pali3kit.config.vit_size import vit_flops, vit_parameters
from pali3kit.images.spec import ImageSpec
from pali3kit.training.vision_size import size_of_encoder
from pali3kit.vision.contract import Adapter
from pali3kit.vision.vit import ViT

WIDTH, PATCH, SIDE = 4, 8, 32


class Library(nn.Module):
    """Computes a pooled vector beside its tokens, as transformers' models do."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.head = nn.Sequential(nn.Linear(WIDTH, 64), nn.Linear(64, WIDTH))
        self.mask_token = nn.Parameter(torch.zeros(WIDTH), requires_grad=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        return tokens, self.head(tokens).mean(1)


class Encoder(Adapter):
    def __init__(self) -> None:
        super().__init__(WIDTH, PATCH, ImageSpec(SIDE))
        self.model = Library()

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.model(images)[0]
        return tokens


def test_what_tokens_do_not_need_is_not_counted() -> None:
    tokens, inputs = (SIDE // PATCH) ** 2, 3 * PATCH**2
    expected = {"parameters": (inputs + 1) * WIDTH, "tokens": tokens, "flops": 2 * tokens * inputs * WIDTH}
    encoder = Encoder()
    assert size_of_encoder(encoder) == expected
    assert not encoder.model.mask_token.requires_grad and encoder.model.head[0].weight.requires_grad


def test_a_vit_is_as_large_as_its_shape_says() -> None:
    shape = {"width": 16, "depth": 2, "heads": 2, "mlp": 32, "patch": 8}
    known = VitShape.of_options({**dict.fromkeys(("size", *VitShape.__slots__)), **shape})
    found = size_of_encoder(ViT(32, **shape))
    assert found == {"parameters": vit_parameters(known, 32), "tokens": 16, "flops": vit_flops(known, 32)}


def test_an_encoder_that_cannot_run_without_numbers_has_no_size() -> None:
    class Reading(Encoder):
        def forward(self, images: Tensor) -> Tensor:
            return images * self.model.embed.weight.sum().item()

    assert size_of_encoder(Reading()) == {}

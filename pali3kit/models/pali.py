"""PaLI: a vision encoder, a projector and an encoder-decoder, composed (paper §2).

The tokens of the images are projected and prepended to the embedded prompt; the encoder reads all, the decoder answers.
Of several images each is encoded and projected alone, and their tokens are concatenated in order (paper §3.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pali3kit.data.batch import place_images
from pali3kit.language.contract import LanguageModel
from pali3kit.language.generate import Constraint, generate
from pali3kit.nn.positions import Grid
from pali3kit.projector.contract import Projector
from pali3kit.vision.contract import VisionEncoder


class PaLIModel(nn.Module):
    """Three components whose widths fit: the projector maps from `vision.width` to `language.width`.

    `vision` may be absent where its tokens come from a cache (it is frozen in stage 1 and in the transfers).

    Shape letters: B examples, F images of an example, N visual tokens of an image, M of them after the projector, P
    tokens of a prompt, T of a target. Where an example has fewer than F images, `image_mask` (bool `[B,F]`) is True
    for those that it has. Without the axis F each example has one image.
    """

    if TYPE_CHECKING:

        def __call__(
            self,
            tokens: Tensor,
            grid: Grid,
            prompts: Tensor,
            prompt_mask: Tensor,
            targets: Tensor,
            image_mask: Tensor | None = None,
        ) -> Tensor: ...

    def __init__(self, vision: VisionEncoder | None, projector: Projector, language: LanguageModel) -> None:
        super().__init__()
        self.vision, self.projector, self.language = vision, projector, language

    def encode_images(self, images: Tensor, image_mask: Tensor | None = None) -> tuple[Tensor, Grid]:
        """Visual tokens `[B,F,N,Dv]` of images `[B,F,3,H,W]`, or `[B,N,Dv]` of `[B,3,H,W]`, and their grid.

        Absent images are not encoded, except the first of an example without any: so every process runs the encoder.
        """
        if self.vision is None:
            raise ValueError("this PaLI was built without a vision encoder: give it visual tokens")
        grid = self.vision.grid(images.shape[-1])
        if images.ndim == 4:
            return self.vision(images), grid
        if image_mask is None or images.shape[1] == 1:
            return self.vision(images.flatten(0, 1)).unflatten(0, images.shape[:2]), grid
        slots = _slots(image_mask)
        return place_images(self.vision(images[slots]), slots), grid

    def encode(
        self, tokens: Tensor, grid: Grid, prompts: Tensor, prompt_mask: Tensor, image_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Visual tokens `[B,F,N,Dv]` and prompt ids `[B,P]` to the memory `[B,F*M+P,Dl]` and its mask `[B,F*M+P]`."""
        if tokens.ndim == 3:
            tokens = tokens[:, None]
        shape = tokens.shape[:2]
        visual = self.projector.with_frames(self.projector(tokens.flatten(0, 1), grid).unflatten(0, shape))
        embeds = torch.cat([visual.flatten(1, 2), self.language.embed(prompts)], 1)
        there = prompt_mask.new_ones(shape) if image_mask is None else image_mask
        mask = torch.cat([_of_tokens(there, visual), prompt_mask], 1)
        if image_mask is not None and shape[1] > 1:
            slots = torch.cat([_of_tokens(_slots(image_mask), visual), torch.ones_like(prompt_mask)], 1)
            embeds, mask = _packed(embeds, mask, slots)
        return self.language.encode(embeds, mask), mask

    def forward(
        self,
        tokens: Tensor,
        grid: Grid,
        prompts: Tensor,
        prompt_mask: Tensor,
        targets: Tensor,
        image_mask: Tensor | None = None,
    ) -> Tensor:
        """Logits `[B,T,V]` of `targets` `[B,T]`, each predicted from the ones before it."""
        return self.language.to_logits(self.states(tokens, grid, prompts, prompt_mask, targets, image_mask))

    def states(
        self,
        tokens: Tensor,
        grid: Grid,
        prompts: Tensor,
        prompt_mask: Tensor,
        targets: Tensor,
        image_mask: Tensor | None = None,
    ) -> Tensor:
        """The decoder's states `[B,T,D]`, from which training computes logits only where a target has a token."""
        memory, mask = self.encode(tokens, grid, prompts, prompt_mask, image_mask)
        return self.language.decode_states(shift_right(targets, self.language.start_id), memory, mask)

    def generate(
        self,
        tokens: Tensor,
        grid: Grid,
        prompts: Tensor,
        prompt_mask: Tensor,
        max_length: int,
        beams: int = 1,
        constraint: Constraint | None = None,
        image_mask: Tensor | None = None,
    ) -> Tensor:
        """Answer ids `[B, up to max_length]`, padded after their end."""
        with torch.inference_mode():
            memory, mask = self.encode(tokens, grid, prompts, prompt_mask, image_mask)
        return generate(self.language, memory, mask, max_length, beams, constraint=constraint)


def shift_right(targets: Tensor, start_id: int) -> Tensor:
    """Decoder inputs for teacher forcing: the start token, then all `targets` but the last."""
    return torch.cat([torch.full_like(targets[:, :1], start_id), targets[:, :-1]], 1)


def _slots(image_mask: Tensor) -> Tensor:
    """The images that occupy positions, bool `[B,F]`: those that are there, and each example's first.

    An example without images thus keeps one image's masked positions before its prompt, as in a batch of F = 1.
    """
    first = torch.arange(image_mask.shape[1], device=image_mask.device) == 0
    return image_mask | first


def _of_tokens(per_image: Tensor, visual: Tensor) -> Tensor:
    """Expand a mask of images `[B,F]` to their tokens `[B,F*M]`; `visual` is `[B,F,M,D]`."""
    return per_image[..., None].expand(visual.shape[:3]).flatten(1)


def _packed(embeds: Tensor, mask: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
    """Move tokens without a slot (bool `[B,L]`) to the end of their row, in a stable order.

    Padding between images and prompt would change the positions of the prompt.
    """
    order = (~slots).to(torch.uint8).argsort(dim=1, stable=True)
    return embeds.take_along_dim(order[..., None], 1), mask.take_along_dim(order, 1)

"""PaLI: a vision encoder, a projector and an encoder-decoder, composed (paper §2).

The image's tokens are projected and prepended to the embedded prompt; the encoder reads both, the decoder answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pali3kit.language.contract import LanguageModel
from pali3kit.language.generate import Constraint, generate
from pali3kit.nn.positions import Grid
from pali3kit.projector.contract import Projector
from pali3kit.vision.contract import VisionEncoder


class PaLI(nn.Module):
    """Any three parts that fit: `vision.width` and `language.width` are the projector's two sides.

    `vision` may be absent where its tokens come from a cache (it is frozen in stage 1 and in the transfers).
    """

    if TYPE_CHECKING:

        def __call__(
            self, tokens: Tensor, grid: Grid, prompts: Tensor, prompt_mask: Tensor, targets: Tensor
        ) -> Tensor: ...

    def __init__(self, vision: VisionEncoder | None, projector: Projector, language: LanguageModel) -> None:
        super().__init__()
        self.vision, self.projector, self.language = vision, projector, language

    def see(self, images: Tensor) -> tuple[Tensor, Grid]:
        """Visual tokens `[B,N,Dv]` of images `[B,3,H,W]`, and their grid."""
        if self.vision is None:
            raise ValueError("this PaLI was built without a vision encoder: give it visual tokens")
        return self.vision(images), self.vision.grid(images.shape[-1])

    def encode(
        self, tokens: Tensor, grid: Grid, prompts: Tensor, prompt_mask: Tensor, sighted: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Visual tokens `[B,N,Dv]` and prompt ids `[B,P]` to the memory `[B,M+P,Dl]` and its mask `[B,M+P]`.

        Rows that are not `sighted` (bool `[B]`) do not see their picture.
        """
        visual = self.projector(tokens, grid)
        embeds = torch.cat([visual, self.language.embed(prompts)], 1)
        seen = prompt_mask.new_ones(visual.shape[:2])
        mask = torch.cat([seen if sighted is None else seen & sighted[:, None], prompt_mask], 1)
        return self.language.encode(embeds, mask), mask

    def forward(self, tokens: Tensor, grid: Grid, prompts: Tensor, prompt_mask: Tensor, targets: Tensor) -> Tensor:
        """Logits `[B,T,V]` of `targets` `[B,T]`, each predicted from the ones before it."""
        return self.language.to_logits(self.states(tokens, grid, prompts, prompt_mask, targets))

    def states(
        self,
        tokens: Tensor,
        grid: Grid,
        prompts: Tensor,
        prompt_mask: Tensor,
        targets: Tensor,
        sighted: Tensor | None = None,
    ) -> Tensor:
        """The decoder's states `[B,T,D]` behind these logits: training needs logits only where there is a token."""
        memory, mask = self.encode(tokens, grid, prompts, prompt_mask, sighted)
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
    ) -> Tensor:
        """Answer ids `[B, up to max_length]`, padded after their end."""
        with torch.inference_mode():
            memory, mask = self.encode(tokens, grid, prompts, prompt_mask)
        return generate(self.language, memory, mask, max_length, beams, constraint=constraint)


def shift_right(targets: Tensor, start_id: int) -> Tensor:
    """What the decoder reads when it should write `targets`: the start token, then all but the last."""
    return torch.cat([torch.full_like(targets[:, :1], start_id), targets[:, :-1]], 1)

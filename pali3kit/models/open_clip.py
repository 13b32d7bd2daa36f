"""Pretrained dual encoders of open_clip, with their tokenizers: `open_clip/<model>`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import open_clip
import torch
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import Tensor

from pali3kit.errors import ConfigError, WeightsError, first_line
from pali3kit.models.dual_encoder import DualEncoder
from pali3kit.registry import DUAL_ENCODER
from pali3kit.vision.adapters.open_clip import create_open_clip, open_clip_image_spec


@DUAL_ENCODER.register("open_clip/", "open_clip/ViT-B-16-SigLIP")
class OpenClipDualEncoder(DualEncoder):
    """Any model of open_clip that embeds images and texts in one space, with its log-temperature and bias.

    The tokenizer cleans texts as configured for the model: canonicalised for SigLIP (lower case, no punctuation),
    lower-cased for CLIP.

    Args:
        name: open_clip's name, e.g. `ViT-B-16-SigLIP`.
        pretrained: a tag of open_clip's weights, which are downloaded, or a file of weights; None: random weights.

    Raises:
        RegistryError: open_clip has no such model.
        WeightsError: there are no such weights, or they or the tokenizer's files cannot be read.
        ConfigError: the tokenizer needs transformers, which is not installed.
    """

    canonical_prompts = False  # the tokenizer does it where the model needs it

    def __init__(self, name: str, pretrained: str | None = None) -> None:
        super().__init__()
        self.model = create_open_clip(name, pretrained)
        self.image_spec = open_clip_image_spec(self.model.visual, name, _side(self.model.visual), pretrained)
        self.tokenizer = _tokenizer(name)

    @property
    def log_scale(self) -> Tensor:
        """Logarithm of the factor by which similarities are scaled."""
        scale: Tensor = self.model.logit_scale
        return scale

    @property
    def bias(self) -> Tensor:
        """The bias of the logits; 0 in models without one, such as CLIP."""
        bias: Tensor | None = getattr(self.model, "logit_bias", None)
        return torch.zeros_like(self.log_scale) if bias is None else bias

    def embed_images(self, images: Tensor) -> Tensor:
        embedded: Tensor = self.model.encode_image(images)
        return embedded

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        ids = self.tokenizer(list(texts)).to(self.log_scale.device)
        embedded: Tensor = self.model.encode_text(ids)
        return embedded


def _side(tower: VisionTransformer | TimmModel) -> int:
    size = tower.image_size
    return int(size[0] if isinstance(size, Sequence) else size)


def _tokenizer(name: str) -> Callable[[Sequence[str]], Tensor]:
    """The model's own; one of transformers is downloaded unless it is cached."""
    hf_name = open_clip.get_model_config(name)["text_cfg"].get("hf_tokenizer_name")
    trusted = {"trust_remote_code": False} if hf_name else {}
    try:
        tokenizer: Callable[[Sequence[str]], Tensor] = open_clip.get_tokenizer(name, **trusted)
    except ImportError as error:
        raise ConfigError(
            [f"the tokenizer of open_clip's {name} needs transformers: pip install 'pali3kit[hf]'"]
        ) from error
    except Exception as error:  # a damaged file may raise anything
        raise WeightsError(
            f"the tokenizer of open_clip's {name}, {hf_name}, cannot be read: {first_line(error)}"
        ) from error
    return tokenizer

"""Pretrained dual encoders of transformers (SigLIP, SigLIP 2 and CLIP): `hf/<repo or local folder>`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from pali3kit.errors import ConfigError, WeightsError, choose, first_line
from pali3kit.models.dual_encoder import DualEncoder
from pali3kit.nn.hf import load_hf_model, read_hf_config
from pali3kit.registry import DUAL_ENCODER
from pali3kit.vision.adapters.hf import hf_image_spec

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CLASSES = {"siglip": "SiglipModel", "clip": "CLIPModel"}
"""By a config's `model_type`, which is `siglip` for SigLIP 2 at fixed resolutions too."""


class _Output(Protocol):
    """The output of one tower."""

    pooler_output: Tensor


class _TwoTowerModel(Protocol):
    """The methods of transformers' dual encoders that are used here."""

    device: torch.device

    def get_image_features(self, *, pixel_values: Tensor) -> Tensor | _Output: ...

    def get_text_features(self, *, input_ids: Tensor) -> Tensor | _Output: ...


@DUAL_ENCODER.register("hf/", "SigLIP, SigLIP 2 or CLIP of transformers: hf/<repo or folder>")
class HfDualEncoder(DualEncoder):
    """A SigLIP, SigLIP 2 or CLIP model of transformers, which embeds images and texts in one space.

    Texts are padded on the right to the text tower's length, without a mask: SigLIP attends to its padding. For SigLIP
    they are lower-cased first, as in big_vision's training; the Gemma tokenizer of SigLIP 2 does not lower-case. The
    tokenizer of the first SigLIP also removes punctuation.

    Args:
        source: a repository on the hub, downloaded unless it is cached, or a local folder.
        trust_remote_code: run the Python code beside the weights, for tokenizers that are not part of transformers.

    Raises:
        ConfigError: transformers or a dependency of the tokenizer is missing, or the model is of another type.
        WeightsError: there is no such model, or its weights, tokenizer or preprocessing are unreadable or incomplete.
    """

    def __init__(self, source: str, trust_remote_code: bool = False) -> None:
        super().__init__()
        config = read_hf_config(source)
        if config.model_type not in CLASSES:
            kind = config.model_type
            raise ConfigError([f"hf/{source} is a '{kind}', not a supported two-tower model.{choose(kind, CLASSES)}"])
        self.model: _TwoTowerModel = load_hf_model(source, CLASSES[config.model_type])[0].float()
        self.tokenizer = _tokenizer(source, trust_remote_code)
        self.length = config.text_config.max_position_embeddings
        self.lower = self.canonical_prompts = config.model_type == "siglip"
        self.image_spec = hf_image_spec(source, config.vision_config.image_size, required=True)

    def embed_images(self, images: Tensor) -> Tensor:
        return _pooled(self.model.get_image_features(pixel_values=images))

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        ids = self.tokenizer(
            [text.lower() if self.lower else text for text in texts],
            padding="max_length",
            max_length=self.length,
            truncation=True,
            padding_side="right",
            return_tensors="pt",
        ).input_ids
        return _pooled(self.model.get_text_features(input_ids=ids.to(self.model.device)))


def _tokenizer(source: str, trust_remote_code: bool) -> PreTrainedTokenizerBase:
    import transformers

    try:
        return transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=trust_remote_code)
    except ImportError as error:  # SentencePiece files need protobuf
        raise ConfigError([f"the tokenizer of hf/{source} has a missing dependency: {str(error).strip()}"]) from error
    except Exception as error:
        raise WeightsError(f"hf/{source} has no readable tokenizer: {first_line(error)}") from error


def _pooled(output: Tensor | _Output) -> Tensor:
    """The embedding: transformers returns a tensor up to version 4, the tower's output since version 5."""
    return output if isinstance(output, Tensor) else output.pooler_output

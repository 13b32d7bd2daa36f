"""Both towers of a SigLIP or CLIP of transformers, as they are: `hf/<repo or local folder>`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from pali3kit.errors import ConfigError, WeightsError, choose, first_line
from pali3kit.models.towers import Towers
from pali3kit.nn.hf import load_hf_model, read_hf_config
from pali3kit.registry import TOWERS
from pali3kit.vision.adapters.hf import image_spec

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CLASSES = {"siglip": "SiglipModel", "clip": "CLIPModel"}
"""By `model_type` of a config; SigLIP 2 at fixed resolutions calls itself SigLIP."""


class Output(Protocol):
    """Of one tower."""

    pooler_output: Tensor


class _TwoTowerModel(Protocol):
    """What is asked of the models of two towers of transformers."""

    device: torch.device

    def get_image_features(self, *, pixel_values: Tensor) -> Tensor | Output: ...

    def get_text_features(self, *, input_ids: Tensor) -> Tensor | Output: ...


@TOWERS.register("hf/", "SigLIP, SigLIP 2 or CLIP of transformers: hf/<repo or folder>")
class HfTowers(Towers):
    """Image and text embeddings of a two-tower model of transformers in one space.

    Texts fill the length that the text tower was trained at, on the right and without a mask: SigLIP sees its padding.
    SigLIP's are lower-cased first, as big_vision does in training; the Gemma tokenizer of SigLIP 2 does not do that by
    itself. The tokenizer of the first SigLIP also removes punctuation, here as elsewhere in transformers.

    Args:
        source: a repository, which transformers fetches unless it has it, or a local folder.
        trust_remote_code: run Python code that lies beside the weights, where the tokenizer is not one of transformers.

    Raises:
        ConfigError: transformers, or what it needs for the tokenizer, is missing; the model has not two such towers.
        WeightsError: there is no such model, or its weights, tokenizer or preprocessing cannot be read or are not all.
    """

    def __init__(self, source: str, trust_remote_code: bool = False) -> None:
        super().__init__()
        config = read_hf_config(source)
        if config.model_type not in CLASSES:
            raise ConfigError(
                [
                    f"hf/{source} is a '{config.model_type}', not a model of two towers that is known here."
                    f"{choose(config.model_type, CLASSES)}"
                ]
            )
        self.model: _TwoTowerModel = load_hf_model(source, CLASSES[config.model_type])[0].float()
        self.tokenizer = _tokenizer(source, trust_remote_code)
        self.length = config.text_config.max_position_embeddings
        self.lower = self.canonical_prompts = config.model_type == "siglip"
        self.image_spec = image_spec(source, config.vision_config.image_size, demanded=True)

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
        raise ConfigError([f"the tokenizer of hf/{source} needs more: {str(error).strip()}"]) from error
    except Exception as error:
        raise WeightsError(f"hf/{source} has no tokenizer that can be read: {first_line(error)}") from error


def _pooled(output: Tensor | Output) -> Tensor:
    """What transformers embeds: a tensor up to version 4, the pooled output of the tower since."""
    return output if isinstance(output, Tensor) else output.pooler_output

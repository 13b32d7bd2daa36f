"""PaLI-3 in PyTorch: vision-language models, and experiments that compare their vision encoders.

Importing this package is fast: each public name is imported when it is first used.
"""

from __future__ import annotations

from fnmatch import fnmatch
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pali3kit import registry

if TYPE_CHECKING:
    from pali3kit import evals, losses, metrics
    from pali3kit.config.load import load as load_experiment
    from pali3kit.config.schema import Experiment
    from pali3kit.data.sets.contract import CaptionedSet, LabelledSet
    from pali3kit.data.source import Source
    from pali3kit.data.world.world import World
    from pali3kit.inference.load import load_pali as load
    from pali3kit.inference.pali import PaLI
    from pali3kit.inference.videos import video_frames
    from pali3kit.language.contract import LanguageModel
    from pali3kit.masks.vqvae import MaskVQVAE
    from pali3kit.models.classifier import Classifier
    from pali3kit.models.dual_encoder import DualEncoder
    from pali3kit.models.pali import PaLIModel
    from pali3kit.models.text_tower import TextTower
    from pali3kit.models.two_towers import TwoTowers
    from pali3kit.projector.contract import Projector
    from pali3kit.text import prompts
    from pali3kit.text.tokenizer import Tokenizer
    from pali3kit.training.data_modules import MixtureDataModule, PretrainingDataModule
    from pali3kit.training.modules import (
        ClassifierModule,
        DenoisingModule,
        MaskTokenizerModule,
        PaLIModule,
        SigLIPModule,
    )
    from pali3kit.vision.contract import VisionEncoder

__version__ = "0.2.0.dev0"

_LAZY = {
    "Classifier": "pali3kit.models.classifier:Classifier",
    "ClassifierModule": "pali3kit.training.modules:ClassifierModule",
    "DenoisingModule": "pali3kit.training.modules:DenoisingModule",
    "Experiment": "pali3kit.config.schema:Experiment",
    "MaskTokenizerModule": "pali3kit.training.modules:MaskTokenizerModule",
    "MixtureDataModule": "pali3kit.training.data_modules:MixtureDataModule",
    "PaLI": "pali3kit.inference.pali:PaLI",
    "PaLIModel": "pali3kit.models.pali:PaLIModel",
    "PaLIModule": "pali3kit.training.modules:PaLIModule",
    "PretrainingDataModule": "pali3kit.training.data_modules:PretrainingDataModule",
    "SigLIPModule": "pali3kit.training.modules:SigLIPModule",
    "TextTower": "pali3kit.models.text_tower:TextTower",
    "Tokenizer": "pali3kit.text.tokenizer:Tokenizer",
    "TwoTowers": "pali3kit.models.two_towers:TwoTowers",
    "World": "pali3kit.data.world.world:World",
    "evals": "pali3kit.evals",
    "load": "pali3kit.inference.load:load_pali",
    "load_experiment": "pali3kit.config.load:load",
    "losses": "pali3kit.losses",
    "metrics": "pali3kit.metrics",
    "prompts": "pali3kit.text.prompts",
    "video_frames": "pali3kit.inference.videos:video_frames",
}

__all__ = [
    "Classifier",
    "ClassifierModule",
    "DenoisingModule",
    "Experiment",
    "MaskTokenizerModule",
    "MixtureDataModule",
    "PaLI",
    "PaLIModel",
    "PaLIModule",
    "PretrainingDataModule",
    "SigLIPModule",
    "TextTower",
    "Tokenizer",
    "TwoTowers",
    "World",
    "create_captioned",
    "create_dual_encoder",
    "create_labelled",
    "create_language",
    "create_mask_tokenizer",
    "create_projector",
    "create_source",
    "create_vision",
    "evals",
    "list_captioned",
    "list_dual_encoder",
    "list_labelled",
    "list_language",
    "list_mask_tokenizer",
    "list_projector",
    "list_source",
    "list_vision",
    "load",
    "load_experiment",
    "losses",
    "metrics",
    "prompts",
    "video_frames",
]


def create_vision(name: str, *arguments: object, **options: object) -> VisionEncoder:
    """Build a vision encoder, for instance `create_vision("vit", size="B/16", image_size=224)`."""
    return registry.VISION.build(name, *arguments, **options)


def create_projector(name: str, *arguments: object, **options: object) -> Projector:
    """Build a projector between two widths, for instance `create_projector("linear", 768, 512)`."""
    return registry.PROJECTOR.build(name, *arguments, **options)


def create_language(name: str, *arguments: object, **options: object) -> LanguageModel:
    """Build an encoder-decoder, for instance `create_language("ul2", vocabulary=8000, width=128, ...)`."""
    return registry.LANGUAGE.build(name, *arguments, **options)


def create_mask_tokenizer(name: str, *arguments: object, **options: object) -> MaskVQVAE:
    """Build a mask tokenizer, for instance `create_mask_tokenizer("vqvae")`."""
    return registry.MASK_TOKENIZER.build(name, *arguments, **options)


def create_source(name: str, *arguments: object, **options: object) -> Source:
    """Open a source of annotated images, for instance `create_source("world")`."""
    return registry.SOURCE.build(name, *arguments, **options)


def create_dual_encoder(name: str, *arguments: object, **options: object) -> DualEncoder:
    """Load a published dual encoder, for instance `create_dual_encoder("open_clip/ViT-B-16-SigLIP")`."""
    return registry.DUAL_ENCODER.build(name, *arguments, **options)


def create_labelled(name: str, *arguments: object, **options: object) -> LabelledSet:
    """Open a set of images with a class each, for instance `create_labelled("pets", path="data/pets")`."""
    return registry.LABELLED.build(name, *arguments, **options)


def create_captioned(name: str, *arguments: object, **options: object) -> CaptionedSet:
    """Open a set of images with captions, for instance `create_captioned("world_captions")`."""
    return registry.CAPTIONED.build(name, *arguments, **options)


def list_vision(pattern: str = "*") -> list[str]:
    """List the names of vision encoders that match a shell-style pattern."""
    return _matching(registry.VISION.names(), pattern)


def list_projector(pattern: str = "*") -> list[str]:
    """List the names of projectors that match a shell-style pattern."""
    return _matching(registry.PROJECTOR.names(), pattern)


def list_language(pattern: str = "*") -> list[str]:
    """List the names of language models that match a shell-style pattern."""
    return _matching(registry.LANGUAGE.names(), pattern)


def list_mask_tokenizer(pattern: str = "*") -> list[str]:
    """List the names of mask tokenizers that match a shell-style pattern."""
    return _matching(registry.MASK_TOKENIZER.names(), pattern)


def list_source(pattern: str = "*") -> list[str]:
    """List the names of sources that match a shell-style pattern."""
    return _matching(registry.SOURCE.names(), pattern)


def list_dual_encoder(pattern: str = "*") -> list[str]:
    """List the names of published dual encoders that match a shell-style pattern."""
    return _matching(registry.DUAL_ENCODER.names(), pattern)


def list_labelled(pattern: str = "*") -> list[str]:
    """List the names of labelled sets that match a shell-style pattern."""
    return _matching(registry.LABELLED.names(), pattern)


def list_captioned(pattern: str = "*") -> list[str]:
    """List the names of captioned sets that match a shell-style pattern."""
    return _matching(registry.CAPTIONED.names(), pattern)


def _matching(names: list[str], pattern: str) -> list[str]:
    return [name for name in names if fnmatch(name, pattern)]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'pali3kit' has no attribute '{name}'")
    module, _, attribute = _LAZY[name].partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

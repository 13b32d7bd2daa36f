"""The built-in parts: which names exist, where they live and which options they take.

The dataclasses mirror the constructors' keyword arguments (less those that the program itself fills
in, such as the vocabulary), so that a YAML file is checked without importing the parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pali3kit import registry
from pali3kit.config import sets as sets
from pali3kit.config import sources as sources
from pali3kit.config.shapes import LANGUAGE_SHAPES, VIT_SHAPES, LanguageShape, VitShape


@dataclass(frozen=True, kw_only=True)
class VitOptions:
    """Either `size`, a name of paper.md §1.2, or the five numbers that it stands for.

    `weights`: a file or folder in any layout of `pali3kit.weights` to start from (with pretrain `given`: to use as it
    is); `allow`: patterns of names, the file's or the model's, that may be left out.
    """

    NAMED: ClassVar[Mapping[str, VitShape]] = VIT_SHAPES

    size: str | None = None
    width: int | None = None
    depth: int | None = None
    heads: int | None = None
    mlp: int | None = None
    patch: int | None = None
    head: Literal["map", "gap", "token"] = "map"
    weights: str | None = None
    allow: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class TimmOptions:
    """`pretrained`: fetch timm's weights for the name; without, weights are random."""

    pretrained: bool = False


@dataclass(frozen=True, kw_only=True)
class OpenClipOptions:
    """`pretrained`: a tag of open_clip's weights, or a file; without, weights are random."""

    pretrained: str | None = None


@dataclass(frozen=True, kw_only=True)
class HfOptions:
    """None: the repository or folder says everything."""


@dataclass(frozen=True, kw_only=True)
class LinearOptions:
    """`positions`: fixed 2D sines that are added to the projected tokens, or none, as in the paper."""

    positions: Literal["none", "sine2d"] = "none"


@dataclass(frozen=True, kw_only=True)
class MlpOptions:
    """`hidden` is the width between the layers, the language model's if not said; `positions` as of linear."""

    hidden: int | None = None
    positions: Literal["none", "sine2d"] = "none"


@dataclass(frozen=True, kw_only=True)
class PixelShuffleOptions:
    """Squares of `factor` x `factor` tokens become one; `positions` as of linear."""

    factor: int = 2
    positions: Literal["none", "sine2d"] = "none"


@dataclass(frozen=True, kw_only=True)
class ResamplerOptions:
    """`tokens` learned queries, in `depth` blocks of cross-attention with `heads` heads."""

    tokens: int = 64
    depth: int = 2
    heads: int = 8


@dataclass(frozen=True, kw_only=True)
class UL2Options:
    """A T5-style encoder-decoder: `size`, a name of the table, or the six numbers that it stands for, or neither where
    `weights` names a folder of transformers that says them itself (T5, T5 v1.1, Flan-T5, mT5, UL2).

    `buckets` and `max_distance` are those of the relative bias; `allow`: patterns of weights that may be left out.
    """

    NAMED: ClassVar[Mapping[str, LanguageShape]] = LANGUAGE_SHAPES

    size: str | None = None
    width: int | None = None
    encoder_depth: int | None = None
    decoder_depth: int | None = None
    heads: int | None = None
    head_width: int | None = None
    mlp: int | None = None
    activation: Literal["silu", "gelu", "relu"] = "silu"
    gated: bool = True
    tied: bool = False
    dropout: float = 0.0
    buckets: int = 32
    max_distance: int = 128
    weights: str | None = None
    allow: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class PrefixOptions:
    """A decoder-only model of `depth` layers that sees its whole prefix; the rest as of ul2."""

    width: int
    depth: int
    heads: int
    head_width: int
    mlp: int
    activation: Literal["silu", "gelu", "relu"] = "silu"
    gated: bool = True
    tied: bool = False
    dropout: float = 0.0
    buckets: int = 32
    max_distance: int = 128


@dataclass(frozen=True, kw_only=True)
class VqvaeOptions:
    """`codes` mask tokens of `code_width` numbers, first of deviation `spread`; `width` and `blocks` size the CNN.

    `weights`: big_vision's `vae-oid.npz`, of the shape that is the default; `allow`: patterns of weights that may be
    left out.
    """

    codes: int = 128
    code_width: int = 512
    width: int = 16
    blocks: int = 2
    spread: float = 1.0
    weights: str | None = None
    allow: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class TextTowerOptions:
    """SigLIP's text tower, a transformer without a causal mask; `bottleneck` is the width of its table of tokens."""

    width: int
    depth: int
    heads: int
    mlp: int
    bottleneck: int | None = None


@dataclass(frozen=True, kw_only=True)
class FolderOptions:
    """Pictures in `path`, in a folder for each class; texts in `.txt` files beside them, else the class' name."""

    OFFERS: ClassVar[tuple[str, ...]] = ()

    path: str


@dataclass(frozen=True, kw_only=True)
class PairOptions:
    """Tar shards in WebDataset's layout, such as `shards/{000..127}.tar`, also of `test`; `classes` of the labels in
    `.cls`, if any; texts are in `language`, and `filter` drops poor ones.
    """

    OFFERS: ClassVar[tuple[str, ...]] = ("captions",)

    path: str
    classes: int = 0
    language: str = "en"
    filter: bool = False
    test: str | None = None


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """A `.txt` file, a folder of them, or a glob; one text in a hundred is held out."""

    OFFERS: ClassVar[tuple[str, ...]] = ()

    path: str


@dataclass(frozen=True, kw_only=True)
class JsonlOptions:
    """A `.jsonl` file, a folder of them, or a glob; `field` holds the text; one in a hundred is held out."""

    OFFERS: ClassVar[tuple[str, ...]] = ()

    path: str
    field: str = "text"


@dataclass(frozen=True, kw_only=True)
class WorldOptions:
    """The embedded world: `objects` emoji occur in scenes, drawn by `artist`; `english`: the share of English texts."""

    objects: int = 64
    artist: Literal["noto", "twemoji"] = "noto"
    english: float = 0.75


registry.VISION.add(
    "vit", "pali3kit.weights.vit:create_vit", VitOptions, f"plain ViT, {', '.join(VIT_SHAPES)} or any other size"
)
for _name, _target, _options, _summary in (
    ("timm/", "timm:TimmEncoder", TimmOptions, "any timm model with a map of features: timm/vit_tiny_patch16_224"),
    ("open_clip/", "open_clip:OpenClipEncoder", OpenClipOptions, "image tower: open_clip/ViT-B-16-SigLIP"),
    ("hf/", "hf:HfEncoder", HfOptions, "SigLIP, CLIP, DINOv2 or ViT of transformers: hf/<repo or folder>"),
):
    registry.VISION.add(_name, f"pali3kit.vision.adapters.{_target}", _options, _summary)
registry.PROJECTOR.add(
    "linear", "pali3kit.projector.linear:LinearProjector", LinearOptions, "one linear layer, as in the paper"
)
registry.PROJECTOR.add("mlp", "pali3kit.projector.mlp:MLPProjector", MlpOptions, "two layers, as LLaVA-1.5 has them")
registry.PROJECTOR.add(
    "pixel_shuffle", "pali3kit.projector.pixel_shuffle:PixelShuffleProjector", PixelShuffleOptions,
    "one token of a square of them, and a linear layer",
)  # fmt: skip
registry.PROJECTOR.add(
    "resampler", "pali3kit.projector.resampler:ResamplerProjector", ResamplerOptions,
    "a fixed number of tokens by cross-attention",
)  # fmt: skip
registry.LANGUAGE.add("ul2", "pali3kit.weights.language:create_ul2", UL2Options, "encoder-decoder, UL2 or any T5")
registry.LANGUAGE.add(
    "prefix_lm", "pali3kit.language.prefix_lm:PrefixLM", PrefixOptions,
    "decoder-only, full attention over the prefix (PaliGemma style)",
)  # fmt: skip
registry.LANGUAGE.add(
    "hf/", "pali3kit.language.adapters.hf:create_hf", HfOptions,
    "any encoder-decoder or decoder of transformers: hf/<repo or folder>",
)  # fmt: skip
registry.MASKS.add("vqvae", "pali3kit.weights.masks:create_vqvae", VqvaeOptions, "64x64 masks as 16 tokens")
registry.TEXT_TOWER.add(
    "siglip_text", "pali3kit.models.text_tower:TextTower", TextTowerOptions, "bidirectional, last token, dense head"
)
registry.SOURCE.add(
    "world", "pali3kit.data.world.source:WorldSource", WorldOptions, "embedded scenes of real emoji, no network"
)

registry.SOURCE.add(
    "folder", "pali3kit.data.folder:FolderSource", FolderOptions, "a folder of pictures for each class (pretraining)"
)
registry.SOURCE.add(
    "text", "pali3kit.data.text:TextSource", TextOptions, "text files, a sentence or paragraph on each line"
)
registry.SOURCE.add(
    "jsonl", "pali3kit.data.jsonl:JsonlSource", JsonlOptions, "JSON lines with a text among their fields"
)
registry.SOURCE.add("pairs", "pali3kit.data.pairs:PairSource", PairOptions, "tar shards of pictures and texts")

for _name, _summary in {
    "muon": "orthogonalised momentum for matrices, AdamW for the rest",
    "adamw": "AdamW with decoupled weight decay",
    "adafactor": "big_vision's Adafactor: factored second moments, momentum in bf16",
}.items():
    registry.OPTIMIZER.add(_name, "pali3kit.training.optimizers:build_optimizer", summary=_summary)

for _name, _summary in {
    "splitcap": "the rest of an alt-text from its beginning",
    "span_corruption": "the missing words of an alt-text, without its picture",
    "caption": "an English alt-text of the scene",
    "caption_multilingual": "an alt-text in one of 36 languages",
    "ocr": "the printed words, in raster order",
    "vqa": "an answer to a question on the scene",
    "vqg": "a question to an answer",
    "object_vqa": "which of some objects are there",
    "detect": "box and class of the objects asked for",
    "refer": "box and mask of the thing that an expression means",
    "vqa_knowledge": "an answer that needs knowledge of an object",
    "vqa_text": "an answer that is printed in the picture",
}.items():
    registry.TASK.add(_name, "pali3kit.data.world.tasks:WorldTask", summary=_summary)

for _name, _summary in {
    "cider": "CIDEr-D, as the official scorer, without Java",
    "cider_by_language": "CIDEr-D of each language, English and the mean of the others",
    "vqa_accuracy": "VQA accuracy over 10 annotators",
    "segmentation_iou": "mean IoU of masks at full size",
}.items():
    registry.METRIC.add(_name, f"pali3kit.evals.scoring:{_name}", summary=_summary)

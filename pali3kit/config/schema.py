"""What an experiment file may say: typed, documented and free of torch.

Every key of a YAML file is a field here; `pali3kit.config.load` refuses the others.
Sizes are counts (examples, tokens) unless a unit is given. A field without a default must be
given by the experiment file or by the scale file that it names. The metadata `registry` of a field is the kind of
component that it holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pali3kit.config.part import Part
from pali3kit.config.paths import PLACE
from pali3kit.config.stages import Stages

Pretrain = Literal["classif", "siglip", "random", "given"]
Strategy = Literal["ddp", "fsdp"]
Precision = Literal["auto", "bf16", "fp32"]
Verify = Literal["usual", "full"]
Attention = Literal["auto", "eager", "sdpa", "chunked", "flex", "xformers"]
Prompts = Literal["class_name", "photo", "clip_best", "clip"]  # the sets of `text.zero_shot`


@dataclass(kw_only=True)
class Model:
    """The parts of PaLI and the side length of its images, in pixels.

    `towers` is somebody's whole model of an image and a text tower: what looks at the encoder alone is then measured on
    it, as it is, instead of on `vision`.
    """

    image_size: int
    vision: Part = field(metadata={"registry": "vision"})
    projector: Part = field(metadata={"registry": "projector"})
    language: Part = field(metadata={"registry": "language"})
    masks: Part = field(metadata={"registry": "masks"})
    towers: Part | None = field(default=None, metadata={"registry": "towers"})


@dataclass(kw_only=True)
class Tokenizer:
    """SentencePiece: trained to `vocabulary` pieces on `sentences` of the source's text, or a `file` of T5's, mT5's,
    Gemma's or our own.

    `rows` is how many the embedding that belongs to the file has, where it is not the file's number of ids rounded up
    as its family does (T5's to 128, Gemma's to 64). Box coordinates are written in `bins` steps.
    """

    vocabulary: int | None = None
    file: str | None = field(default=None, metadata=PLACE)
    rows: int | None = None
    sentences: int = 60_000
    bins: int = 1000


@dataclass(kw_only=True)
class Data:
    """Where records come from and how many: a scene is one image with all that is known of it.

    With `cache` a frozen encoder's tokens of all of them are kept on disk (`plan` says how much that is), without it
    they are computed whenever they are needed. `columns` says what task of the source a column is trained and measured
    on, where it has another name: `{vqa_text: textvqa.vqa}`. No stage on PaLI is trained on the last `validation` of
    the train images.

    `root` is the folder of public data sets: what is measured is then measured on them, and trained on by transfers.
    `benchmarks` names the source of single ones, or changes options of the one below the root (`config.root`).
    """

    source: Part = field(metadata={"registry": "source"})
    train: int
    test: int
    cache: bool = True
    validation: int = 0
    columns: dict[str, str] = field(default_factory=dict)
    root: str | None = field(default=None, metadata=PLACE)
    benchmarks: dict[str, Part] = field(default_factory=dict, metadata={"registry": "source"})


@dataclass(kw_only=True)
class Evaluation:
    """How columns are measured: `limit` bounds the test examples of a column on PaLI. Regions are `constrained` to what
    can be read as a box and a mask, or written freely.

    Of the encoder alone: `probes` are the sets of the few-shot probe by name, by default the embedded world's eight;
    it has `shots` of each class, and those of `curve` beside. All else is measured on `labelled` and `captioned`.
    `crop` is the share of the side that is cut from the middle of a picture (0.875: 224 of 256 pixels) for probes,
    neighbours and classifiers. Texts are read by the tower that is LiT-tuned for the frozen encoder (`texts: lit`), or
    by the one that it was pretrained with (`own`); classes are asked for with the set of `prompts`.
    """

    limit: int = 500
    beams: int = 1
    constrained: bool = False
    shots: int = 10
    draws: int = 3
    after: list[str] = field(default_factory=lambda: ["transfer"])
    probes: dict[str, Part] = field(default_factory=dict, metadata={"registry": "labelled"})
    curve: list[int] = field(default_factory=lambda: [1, 5, 10, 25])
    neighbours: int = 20
    labelled: Part = field(default_factory=lambda: Part(name="world_classes"), metadata={"registry": "labelled"})
    captioned: Part = field(default_factory=lambda: Part(name="world_captions"), metadata={"registry": "captioned"})
    crop: float = 1.0
    texts: Literal["lit", "own"] = "lit"
    prompts: Prompts = "clip"


@dataclass(kw_only=True)
class Expected:
    """A number that somebody published: ours should be within `tolerance` of it. `source` says where it stands."""

    value: float
    tolerance: float
    source: str


@dataclass(kw_only=True)
class Runtime:
    """Where and how it runs. None of it enters a digest: sums in another order, by more threads, move the last digits
    of a result and nothing else, bf16 moves the noise. The manifest of each artifact says what made it.

    `ranks` processes train one encoder, by `strategy` `ddp` or `fsdp`, each with `loaders` processes for its pictures.
    A training stage that is killed loses about `checkpoint_seconds`. A stage stops when more than `most_bad` of all
    samples in files are unusable. Training computes in `precision` `fp32`, `bf16` (autocast), or `auto`: bf16 on GPUs
    that have it. `attention` is that of the language model's encoder, `auto` or a backend;
    `recompute` trades its activations' memory for time (gradient checkpointing). PaLI's batches are cut into passes of
    at most `most_tokens` of the encoder's tokens on one device (0: not cut); gradients add up, and each target token
    weighs the same. `memory` is a device's, in GiB, where one is stated: what cannot fit is refused. Artifacts that are
    there already are verified byte by byte; files above 1 GiB by size and time alone, unless `verify` is `full`.
    """

    workers: int = 0
    threads: int = 0
    ranks: int = 1
    strategy: Strategy = "ddp"
    loaders: int = 0
    checkpoint_seconds: float = 20.0
    most_bad: float = 0.05
    precision: Precision = "auto"
    attention: Attention = "auto"
    recompute: bool = False
    most_tokens: int = 0
    memory: float = 0.0
    verify: Verify = "usual"
    runs: str = field(default="runs", metadata=PLACE)
    store: str = field(default="runs/store", metadata=PLACE)


@dataclass(kw_only=True)
class Experiment:
    """A whole experiment: a grid of cells, each run for every seed and measured in every column."""

    name: str
    scale: str
    model: Model
    tokenizer: Tokenizer
    data: Data
    stages: Stages
    paper: str = ""
    pretrain: Pretrain = "siglip"
    seeds: list[int] = field(default_factory=lambda: [0])
    grid: dict[str, list[Any]] = field(default_factory=dict)
    baseline: dict[str, Any] = field(default_factory=dict)
    evaluate: list[str] = field(default_factory=list)
    evaluation: Evaluation = field(default_factory=Evaluation)
    expect: dict[str, Expected] = field(default_factory=dict)
    runtime: Runtime = field(default_factory=Runtime)

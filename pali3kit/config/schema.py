"""The schema of experiment files: typed, documented and free of torch.

Every key of a YAML file is a field here, except `variables` (`pali3kit.config.load`); unknown keys are refused.
Sizes are counts (examples, tokens) unless a unit is given. A field without a default must be set by the experiment file
or by its scale file. The metadata `registry` of a field is the kind of component that it holds.
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
    """The components of PaLI and the side length of its images, in pixels.

    `towers` is a pretrained model of an image tower and a text tower: benchmarks of the encoder alone then measure it,
    without any training, instead of `vision`.
    """

    image_size: int
    vision: Part = field(metadata={"registry": "vision"})
    projector: Part = field(metadata={"registry": "projector"})
    language: Part = field(metadata={"registry": "language"})
    masks: Part = field(metadata={"registry": "masks"})
    towers: Part | None = field(default=None, metadata={"registry": "towers"})


@dataclass(kw_only=True)
class Tokenizer:
    """SentencePiece: trained to `vocabulary` pieces on `sentences` of the source's text, or a `file` of T5, mT5, Gemma
    or our own.

    `rows` is the number of rows of the published embedding that belongs to the file; by default the number of ids,
    rounded up to a multiple of 128 for T5 and of 64 for Gemma. Box coordinates are quantized to `bins` steps.
    """

    vocabulary: int | None = None
    file: str | None = field(default=None, metadata=PLACE)
    rows: int | None = None
    sentences: int = 60_000
    bins: int = 1000


@dataclass(kw_only=True)
class Data:
    """The source of records, and how many images are used; a record is one image with its annotations.

    With `cache`, a frozen encoder's tokens of all images are kept on disk (`plan` prints the size); without it they are
    computed each time. `columns` maps benchmarks to the source's tasks that they are trained and measured on, where
    these have other names: `{vqa_text: textvqa.vqa}`. The last `validation` train images are held out from all training
    of PaLI.

    `root` is the folder of public data sets: benchmarks are then measured on them, and transfers trained on them.
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
    """How benchmarks are measured: `limit` bounds the test examples of a benchmark of PaLI. With `constrained`, regions
    are decoded under a grammar of boxes and masks.

    For the encoder alone: `probes` are the sets of the few-shot probe by name, by default the embedded world's eight;
    it is trained on `shots` examples of each class, drawn `draws` times, and on the numbers in `curve` beside. The
    other benchmarks use `labelled` and `captioned`. `crop` is the side of the centre crop as a fraction of the image's
    (0.875: 224 of 256 pixels), for probes, neighbours and classifiers. The text tower is the one that is LiT-tuned for
    the frozen encoder (`texts: lit`) or the one of its pretraining (`own`); `prompts` are those of the class names.
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
    """A published number, which ours should match within `tolerance`. `source` cites where it was published."""

    value: float
    tolerance: float
    source: str


@dataclass(kw_only=True)
class Runtime:
    """Where and how the experiment runs. Nothing of it enters a digest: threads and ranks change results in their last
    digits only, bf16 within the noise. The manifest of each artifact records what produced it.

    `ranks` processes train one model with `strategy` `ddp` or `fsdp`, each with `loaders` processes that load images.
    A training stage that is killed loses about `checkpoint_seconds`. A stage fails when more than the fraction
    `most_bad` of the samples in files are unusable. Training computes in `precision` `fp32`, `bf16` (autocast), or
    `auto`: bf16 on GPUs that have it. `attention` is the backend of the language model's encoder; `recompute` trades
    its activations' memory for time (gradient checkpointing). PaLI's batches are split into microbatches of at most
    `most_tokens` encoder tokens a device (0: no limit); their gradients add up so that all target tokens weigh the
    same. `memory` is that of a device in GiB: stages that cannot fit are refused (0: not checked). Existing artifacts
    are verified byte by byte, files above 1 GiB by size and time alone unless `verify` is `full`.
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
    """A whole experiment: a grid of cells, each run for every seed and measured on every benchmark."""

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

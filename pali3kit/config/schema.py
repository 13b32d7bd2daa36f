"""The schema of experiment files: typed, documented and free of torch.

Every key of a YAML file is a field here, except `variables` (`pali3kit.config.load`); unknown keys are refused.
A field without a default must be set by the experiment file or by its scale file. The metadata `registry` of a field
names the registry of the component that it holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pali3kit.config.component import Component
from pali3kit.config.external_ocr import Ocr
from pali3kit.config.parity import Parity, word_list_alone
from pali3kit.config.paths import FIXED_PLACE, PLACE
from pali3kit.config.runtime import Runtime
from pali3kit.config.slices import Slices
from pali3kit.config.stages import Stages

Pretrain = Literal["classif", "siglip", "random", "pretrained"]
Prompts = Literal["class_name", "photo", "clip_best", "clip"]  # the sets of `text.zero_shot`


@dataclass(kw_only=True)
class Model:
    """The components of PaLI.

    Keys:
        from: a folder of `PaLI.save_pretrained`. Its components, image size and tokenizer are then the model's, and
            stages 1 to 3 continue from its checkpoint `multimodal`, instead of stage 0.
        start: what `from` has, by part, with digests of the weights, and its `languages`. It is filled in when an
            experiment is loaded, so that its finished run does not need the folder.
        image_size: the side of the square input images, in pixels.
        vision: the image encoder.
        projector: maps the encoder's tokens to the language model's width.
        language: the language model.
        mask_tokenizer: turns segmentation masks into tokens and back.
        dual_encoder: a pretrained model with an image tower and a text tower. The benchmarks of the image encoder then
            measure it, without any training, instead of `vision`.
    """

    from_: str | None = field(default=None, metadata={"key": "from", **FIXED_PLACE})
    start: dict[str, Any] = field(default_factory=dict)
    image_size: int
    vision: Component = field(metadata={"registry": "vision"})
    projector: Component = field(metadata={"registry": "projector"})
    language: Component = field(metadata={"registry": "language"})
    mask_tokenizer: Component = field(metadata={"registry": "mask_tokenizer"})
    dual_encoder: Component | None = field(default=None, metadata={"registry": "dual_encoder"})


@dataclass(kw_only=True)
class TokenizerConfig:
    """The SentencePiece tokenizer: trained on the source's text, or read from a file.

    Keys:
        vocabulary: the number of pieces to learn; leave it out with a `file`.
        file: a SentencePiece model of T5, mT5, Gemma or our own.
        rows: the rows of the published embedding that belongs to `file`; by default the number of its ids, rounded up
            to a multiple of 128 for T5 and of 64 for Gemma.
        sentences: the number of sentences to learn the pieces from.
        bins: the number of steps to which box coordinates are quantized.
    """

    vocabulary: int | None = None
    file: str | None = field(default=None, metadata=PLACE)
    rows: int | None = None
    sentences: int = 60_000
    bins: int = 1000


@dataclass(kw_only=True)
class Data:
    """The data that models are trained and measured on.

    Keys:
        source: the source of records; a record is an image with its annotations.
        train: the number of images to train on.
        test: the number of images to measure on.
        cache: whether the tokens that a frozen encoder has for each image are stored on disk (`plan` prints the size)
            and not computed again in every step.
        validation: the number of train images, the last ones, that are held out from all training of PaLI.
        tasks: the source's task for a benchmark, where it is not the benchmark's own: `{textvqa: my_set.vqa}`.
        root: the folder of public data sets. Benchmarks are measured on those, and transfers trained on them.
        benchmarks: the source for a single benchmark, or other options for the one below `root` (`config.root`).
        ocr: the words of an external OCR system in the prompts of benchmarks on printed text.
        frames: how many frames of each video benchmarks read, in place of the option `frames` of their sources.
    """

    source: Component = field(metadata={"registry": "source"})
    train: int
    test: int
    cache: bool = True
    validation: int = 0
    tasks: dict[str, str] = field(default_factory=dict)
    root: str | None = field(default=None, metadata=PLACE)
    benchmarks: dict[str, Component] = field(default_factory=dict, metadata={"registry": "source"})
    ocr: Ocr = field(default_factory=Ocr)
    frames: int | None = None


@dataclass(kw_only=True)
class Evaluation:
    """How benchmarks are measured.

    Keys for benchmarks of PaLI:
        limit: the largest number of test examples of a benchmark.
        beams: the number of beams of beam search; 1 is greedy decoding.
        constrained: whether regions are decoded under a grammar of boxes and masks.
        after: the stages whose models are measured (`transfer`, `multimodal`, `resolution`).
        slices, parity: parts of the test examples whose scores are reported too; groups and texts that are compared.
        text_scorers: what rates texts for benchmarks of toxicity and profanity, by the name of their column.

    Keys for benchmarks of the image encoder:
        probes: the data sets of the few-shot probe, by name; by default the eight of the embedded world.
        shots: training examples for each class in the few-shot probe.
        repeats: how often these examples are drawn; the result is the mean.
        curve: further numbers of shots, for the chart.
        neighbours: the number of nearest neighbours that vote.
        labelled: the data set of zero-shot, nearest neighbours and classifiers.
        captioned: the data set of image-text retrieval.
        crop: the side of the centre crop as a fraction of the image's (0.875: 224 of 256 pixels), for probes,
            neighbours and classifiers.
        text_tower: `lit`, LiT-tuned for the frozen encoder, or `own`, that of the encoder's pretraining.
        prompts: the set of prompts that zero-shot classification puts class names into.
    """

    limit: int = 500
    beams: int = 1
    constrained: bool = False
    shots: int = 10
    repeats: int = 3
    after: list[str] = field(default_factory=lambda: ["transfer"])
    slices: Slices = field(default_factory=Slices)
    parity: Parity = field(default_factory=Parity)
    text_scorers: dict[str, Component] = field(default_factory=word_list_alone, metadata={"registry": "text_scorer"})
    probes: dict[str, Component] = field(default_factory=dict, metadata={"registry": "labelled"})
    curve: list[int] = field(default_factory=lambda: [1, 5, 10, 25])
    neighbours: int = 20
    labelled: Component = field(
        default_factory=lambda: Component(name="world_classes"), metadata={"registry": "labelled"}
    )
    captioned: Component = field(
        default_factory=lambda: Component(name="world_captions"), metadata={"registry": "captioned"}
    )
    crop: float = 1.0
    text_tower: Literal["lit", "own"] = "lit"
    prompts: Prompts = "clip"


@dataclass(kw_only=True)
class Expected:
    """A published number that ours should match.

    Keys:
        value: the number, in the benchmark's unit.
        tolerance: by how much ours may differ, in the same unit.
        source: where it was published.
    """

    value: float
    tolerance: float
    source: str


@dataclass(kw_only=True)
class Experiment:
    """A whole experiment: a grid of cells, each run for every seed and measured on every benchmark.

    Keys:
        name: its name, which is the name of its folder in `runtime.runs`.
        scale: the scale file, which sets sizes, data and numbers of examples.
        model: the components of PaLI.
        tokenizer: of texts.
        data: what models are trained and measured on.
        stages: how each stage is trained.
        evaluation: how benchmarks are measured.
        runtime: where and how all of it runs.
        paper: the paper's table that is printed beside the results, such as `table1`; "" for none.
        pretrain: how the image encoder is pretrained: `classif` (classification), `siglip` (sigmoid loss on pairs of
            images and texts), `random` (not at all), or `pretrained` (`model.vision` has published weights).
        seeds: one run for each; results are their means.
        grid: lists of values by dotted key. Each combination is a cell, a model of its own.
        arms: settings that vary together: each arm has a `name` and values by dotted key. They are the values of the
            grid's axis `arm`, which has all of them unless the grid names some: `grid.arm=[one, two]`.
        baseline: values of the grid's keys; other cells are reported as differences to the one that has them.
        evaluate: the benchmarks to measure.
        published: published numbers that ours are compared with, by benchmark (`zero_shot.top1`).
    """

    name: str
    scale: str
    model: Model
    tokenizer: TokenizerConfig
    data: Data
    stages: Stages
    paper: str = ""
    pretrain: Pretrain = "siglip"
    seeds: list[int] = field(default_factory=lambda: [0])
    grid: dict[str, list[Any]] = field(default_factory=dict)
    arms: list[dict[str, Any]] = field(default_factory=list)
    baseline: dict[str, Any] = field(default_factory=dict)
    evaluate: list[str] = field(default_factory=list)
    evaluation: Evaluation = field(default_factory=Evaluation)
    published: dict[str, Expected] = field(default_factory=dict)
    runtime: Runtime = field(default_factory=Runtime)

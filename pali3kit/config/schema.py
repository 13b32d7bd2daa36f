"""What an experiment file may say: typed, documented and free of torch.

Every key of a YAML file is a field here; `pali3kit.config.load` refuses the others.
Sizes are counts (examples, tokens) unless a unit is given. A field without a default must be
given by the experiment file or by the scale file that it names. The metadata `registry` of a field is the kind of
component that it holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Pretrain = Literal["classif", "siglip", "random", "given"]
Schedule = Literal["cosine", "rsqrt", "constant"]
Prefix = Literal["appendix", "table"]
Strategy = Literal["ddp", "fsdp"]
Precision = Literal["auto", "bf16", "fp32"]
Attention = Literal["auto", "eager", "sdpa", "chunked", "flex", "xformers"]
Prompts = Literal["class_name", "photo", "clip_best", "clip"]  # the sets of `text.zero_shot`


@dataclass(kw_only=True)
class Part:
    """One exchangeable part: a registry name and the keyword arguments that it is built with.

    In YAML `{name: vit, width: 128, ...}`, or just the name. A name given alone (also by an
    override, `model.vision=timm/vit_tiny_patch16_224`) replaces the whole mapping.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Optimizer:
    """How weights move: `learning_rate` is the schedule's peak; `warmup` and `cooldown` are shares of the steps.

    `options` are what the optimizer of that `name` takes besides; in YAML they stand beside the others.
    """

    name: str = "muon"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    beta2: float = 0.95
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    cooldown: float = 0.0
    clip_norm: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Training:
    """A budget: `examples` are seen in batches of `batch_size`."""

    examples: int
    batch_size: int
    optimizer: Optimizer = field(default_factory=Optimizer)


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
    file: str | None = None
    rows: int | None = None
    sentences: int = 60_000
    bins: int = 1000


@dataclass(kw_only=True)
class Data:
    """Where records come from and how many: a scene is one image with all that is known of it.

    With `cache` a frozen encoder's tokens of all of them are kept on disk (`plan` says how much that is), without it
    they are computed whenever they are needed. `columns` says what task of the source a column is trained and measured
    on, where it has another name: `{vqa_text: textvqa.vqa}`. No stage on PaLI is trained on the last `validation` of
    the train pictures.
    """

    source: Part = field(metadata={"registry": "source"})
    train: int
    test: int
    cache: bool = True
    validation: int = 0
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class VisionPretraining(Training):
    """Stage 0a. `text` is SigLIP's text tower, which is thrown away afterwards.

    `temperature`, `bias` and `head_bias` are where the sigmoid loss and the classifier's head start. `loss` is the
    classifier's, `sigmoid` or `softmax`. `crop` is the least share of a picture that a random view keeps (1: no random
    views), `flip` mirrors half of them. `freeze` holds patterns of parameter names (`vision.*` for a locked image
    tower).
    """

    temperature: float = 10.0
    bias: float = -10.0
    head_bias: float = -10.0
    loss: Literal["sigmoid", "softmax"] = "sigmoid"
    crop: float = 1.0
    flip: bool = False
    freeze: list[str] = field(default_factory=list)
    text: Part = field(default_factory=lambda: Part(name="siglip_text"), metadata={"registry": "text_tower"})
    text_length: int = 32


@dataclass(kw_only=True)
class LanguagePretraining(Training):
    """Stage 0b: UL2's mixture of denoisers over packed windows of `length` tokens.

    `prefix` says where its prefix LM splits a window: anywhere (`appendix`) or after three quarters (`table`); `z_loss`
    weighs log(Z)^2.
    """

    length: int = 64
    prefix: Prefix = "appendix"
    z_loss: float = 0.0


@dataclass(kw_only=True)
class Masks(Training):
    """Stage 0c: the mask tokenizer, on the objects of `source`, or on those of the data."""

    source: Part | None = field(default=None, metadata={"registry": "source"})


@dataclass(kw_only=True)
class Multimodal(Training):
    """Stage 1: `mixture` weighs the tasks by name, `part.task` being a union's; weights are to the power of
    1 / `temperature`. Lengths are tokens of the prompt and the target.
    """

    mixture: dict[str, float] = field(default_factory=dict)
    temperature: float = 1.0
    prompt_length: int = 32
    target_length: int = 32


@dataclass(kw_only=True)
class ResolutionStep:
    """A part of stage 2: `examples` with pictures of `image_size` pixels."""

    image_size: int
    examples: int


@dataclass(kw_only=True)
class Resolution:
    """Stage 2: the whole model, the encoder too, at larger and larger pictures. Without `steps` there is none.

    Every step leaves a checkpoint. `mixture` is stage 1's where it says nothing, with a `temperature` of its own.
    Without `grow` pictures stay as large as stage 1's: the control, which learns as long.
    """

    steps: list[ResolutionStep] = field(default_factory=list)
    grow: bool = True
    batch_size: int = 32
    mixture: dict[str, float] = field(default_factory=dict)
    temperature: float = 1.0
    optimizer: Optimizer = field(default_factory=Optimizer)


@dataclass(kw_only=True)
class Recipe:
    """What one task's transfer does its own way, and with how many `beams` it is measured then; nothing: as all do."""

    examples: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    beams: int | None = None


@dataclass(kw_only=True)
class Transfer(Training):
    """Per-task fine-tuning; `tasks` has the number of examples of single tasks, or recipes of their own.

    It starts from the model of stage 1 (`start: multimodal`) or 2 (`start: resolution`), there from the checkpoint at
    `image_size` pixels, by default the last; before stage 2's first step that is stage 1's.

    It ends with its last weights or, with `checks`, with the best: so many times, evenly spread, the task is measured
    on up to `validate` examples of `data.validation`'s pictures.
    """

    start: Literal["multimodal", "resolution"] = "multimodal"
    image_size: int | None = None
    label_smoothing: float = 0.0
    checks: int = 0
    validate: int = 200
    tasks: dict[str, int | Recipe] = field(default_factory=dict)


@dataclass(kw_only=True)
class Lit(Training):
    """A text tower for the frozen encoder (LiT), on the pairs of `source`, or of the data; `text` and `bias` are those
    of stage 0a where they are not said.
    """

    examples: int = 0
    batch_size: int = 64
    source: Part | None = field(default=None, metadata={"registry": "source"})
    text: Part | None = field(default=None, metadata={"registry": "text_tower"})
    temperature: float = 10.0
    bias: float | None = None


@dataclass(kw_only=True)
class Finetune(Training):
    """The whole encoder with a new classifier on `evaluation.labelled`, its pictures `image_size` pixels wide.

    `crop` is the least share of a picture that a random view keeps (1: no random views), `flip` mirrors half of them.
    """

    examples: int = 0
    batch_size: int = 64
    image_size: int | None = None
    crop: float = 1.0
    flip: bool = False


@dataclass(kw_only=True)
class Linear:
    """A linear classifier on the frozen encoder's features, trained by AdamW in `epochs` of the train pictures."""

    epochs: int = 30
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4


@dataclass(kw_only=True)
class Stages:
    """The budgets of the stages, in the order in which they run."""

    vision: VisionPretraining
    language: LanguagePretraining
    masks: Masks
    multimodal: Multimodal
    resolution: Resolution = field(default_factory=Resolution)
    transfer: Transfer
    lit: Lit = field(default_factory=Lit)
    finetune: Finetune = field(default_factory=Finetune)
    linear: Linear = field(default_factory=Linear)


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
    weighs the same. `memory` is a device's, in GiB, where one is stated: what cannot fit is refused.
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
    runs: str = "runs"
    store: str = "runs/store"


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

"""The schema of the section `stages`: the budget of each stage, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pali3kit.config.part import Optimizer, Part

Prefix = Literal["appendix", "table"]


@dataclass(kw_only=True)
class Training:
    """A budget: training on `examples`, in batches of `batch_size`."""

    examples: int
    batch_size: int
    optimizer: Optimizer = field(default_factory=Optimizer)


@dataclass(kw_only=True)
class VisionPretraining(Training):
    """Stage 0a. `text` is SigLIP's text tower, which PaLI does not use.

    `temperature`, `bias` and `head_bias` initialise the sigmoid loss and the classifier's head. `loss` is the
    classifier's, `sigmoid` or `softmax`. `crop` is the smallest fraction of an image's area that a random crop keeps
    (1: no random crops), `flip` mirrors half of the images. `freeze` holds patterns of parameter names (`vision.*`
    locks the image tower).
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

    `prefix` is where its prefix LM splits a window: at a random place (`appendix`) or after three quarters (`table`);
    `z_loss` is the weight of log(Z)^2.
    """

    length: int = 64
    prefix: Prefix = "appendix"
    z_loss: float = 0.0


@dataclass(kw_only=True)
class Masks(Training):
    """Stage 0c: the mask tokenizer, trained on the objects of `source`, by default of `data.source`."""

    source: Part | None = field(default=None, metadata={"registry": "source"})


@dataclass(kw_only=True)
class Multimodal(Training):
    """Stage 1: `mixture` has the weights of tasks by name (`part.task` for one source of a union), which are taken to
    the power of 1 / `temperature`. Lengths are numbers of tokens.
    """

    mixture: dict[str, float] = field(default_factory=dict)
    temperature: float = 1.0
    prompt_length: int = 32
    target_length: int = 32


@dataclass(kw_only=True)
class ResolutionStep:
    """A step of stage 2: `examples` with images of `image_size` pixels."""

    image_size: int
    examples: int


@dataclass(kw_only=True)
class Resolution:
    """Stage 2: the whole model with its encoder is trained at increasing image sizes. Without `steps` there is none.

    Every step leaves a checkpoint. An empty `mixture` means stage 1's; `temperature` is always stage 2's own. With
    `grow: false` images keep stage 1's size: a control with the same number of examples.
    """

    steps: list[ResolutionStep] = field(default_factory=list)
    grow: bool = True
    batch_size: int = 32
    mixture: dict[str, float] = field(default_factory=dict)
    temperature: float = 1.0
    optimizer: Optimizer = field(default_factory=Optimizer)


@dataclass(kw_only=True)
class Recipe:
    """Settings of one benchmark's transfer, and the `beams` of its evaluation; null means the setting of all."""

    examples: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    beams: int | None = None


@dataclass(kw_only=True)
class Transfer(Training):
    """Fine-tuning for each benchmark; `tasks` has, by benchmark, the number of examples or a `Recipe`.

    It starts from the model of stage 1 (`start: multimodal`) or from stage 2's checkpoint at `image_size` pixels
    (`start: resolution`; by default the last one, and at stage 1's size the model of stage 1).

    It keeps its last weights or, with `checks`, the best ones: the task is measured that many times, evenly spaced, on
    up to `validate` examples with images of `data.validation`.
    """

    start: Literal["multimodal", "resolution"] = "multimodal"
    image_size: int | None = None
    label_smoothing: float = 0.0
    checks: int = 0
    validate: int = 200
    tasks: dict[str, int | Recipe] = field(default_factory=dict)


@dataclass(kw_only=True)
class Lit(Training):
    """A text tower for the frozen encoder (LiT), trained on the pairs of `source`, by default of `data.source`; `text`
    and `bias` default to those of stage 0a.
    """

    examples: int = 0
    batch_size: int = 64
    source: Part | None = field(default=None, metadata={"registry": "source"})
    text: Part | None = field(default=None, metadata={"registry": "text_tower"})
    temperature: float = 10.0
    bias: float | None = None


@dataclass(kw_only=True)
class Finetune(Training):
    """Fine-tuning of the whole encoder with a new classifier on `evaluation.labelled`, at `image_size` pixels.

    `crop` is the smallest fraction of an image's area that a random crop keeps (1: no random crops), `flip` mirrors
    half of the images.
    """

    examples: int = 0
    batch_size: int = 64
    image_size: int | None = None
    crop: float = 1.0
    flip: bool = False


@dataclass(kw_only=True)
class Linear:
    """A linear classifier on the frozen encoder's features, trained by AdamW for `epochs` of the train images."""

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

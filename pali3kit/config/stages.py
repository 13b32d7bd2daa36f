"""What the section `stages` of an experiment may say: the budget of each stage, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pali3kit.config.part import Optimizer, Part

Prefix = Literal["appendix", "table"]


@dataclass(kw_only=True)
class Training:
    """A budget: `examples` are seen in batches of `batch_size`."""

    examples: int
    batch_size: int
    optimizer: Optimizer = field(default_factory=Optimizer)


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
    """The settings of one benchmark's transfer, and the `beams` it is then measured with; None: as for all."""

    examples: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    beams: int | None = None


@dataclass(kw_only=True)
class Transfer(Training):
    """Fine-tuning for each benchmark; `tasks` has, by benchmark, a number of examples or a recipe of its own.

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

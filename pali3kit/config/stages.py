"""The schema of the section `stages`: the budget of each stage, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pali3kit.config.component import Component, Optimizer

Prefix = Literal["appendix", "table"]


@dataclass(kw_only=True)
class Training:
    """How long a stage is trained, and with which optimizer.

    Keys:
        examples: the number of examples to train on, with repetition.
        batch_size: examples in each optimizer step, over all devices.
        optimizer: the optimizer and its schedule.
    """

    examples: int
    batch_size: int
    optimizer: Optimizer = field(default_factory=Optimizer)


@dataclass(kw_only=True)
class Pretraining(Training):
    """Stage 0: a component is trained before PaLI.

    Keys:
        seed: the seed of this stage; by default that of the run.
    """

    seed: int | None = None


@dataclass(kw_only=True)
class VisionPretraining(Pretraining):
    """Stage 0a: the image encoder is pretrained, by classification or as SigLIP's image tower.

    Keys:
        temperature, bias: initial values of the two learned parameters of SigLIP's sigmoid loss.
        head_bias: the initial bias of the classifier's head.
        loss: the classifier's loss, `sigmoid` or `softmax`.
        crop: the smallest fraction of an image's area that a random crop keeps; 1 is no random crops.
        flip: whether half of the images are mirrored.
        freeze: patterns of names of parameters that are not trained (`vision.*`: the image tower).
        text: SigLIP's text tower, which PaLI does not use.
        text_length: the length of its texts, in tokens.
        source: the images, with labels or texts; by default those of `data.source`.
    """

    temperature: float = 10.0
    bias: float = -10.0
    head_bias: float = -10.0
    loss: Literal["sigmoid", "softmax"] = "sigmoid"
    crop: float = 1.0
    flip: bool = False
    freeze: list[str] = field(default_factory=list)
    text: Component = field(default_factory=lambda: Component(name="siglip_text"), metadata={"registry": "text_tower"})
    text_length: int = 32
    source: Component | None = field(default=None, metadata={"registry": "source"})


@dataclass(kw_only=True)
class LanguagePretraining(Pretraining):
    """Stage 0b: the language model is pretrained with UL2's mixture of denoisers.

    Keys:
        length: the length of the windows that text is packed into, in tokens.
        prefix: where the prefix LM splits a window: at a random place (`appendix`) or after three quarters (`table`).
        z_loss: the weight of the loss term log(Z)^2.
    """

    length: int = 64
    prefix: Prefix = "appendix"
    z_loss: float = 0.0


@dataclass(kw_only=True)
class MaskTokenizerTraining(Pretraining):
    """Stage 0c: the mask tokenizer is trained on masks of objects.

    Keys:
        source: the images with these masks; by default those of `data.source`.
    """

    source: Component | None = field(default=None, metadata={"registry": "source"})


@dataclass(kw_only=True)
class Multimodal(Training):
    """Stage 1: PaLI is trained on a mixture of tasks, with the image encoder frozen.

    Keys:
        mixture: the weight of each task, by its name; `part.task` for one source of a union.
        temperature: weights are taken to the power of 1 / `temperature`, so that above 1 they differ less.
        prompt_length: the largest length of a prompt, in tokens.
        target_length: the largest length of an answer, in tokens.
    """

    mixture: dict[str, float] = field(default_factory=dict)
    temperature: float = 1.0
    prompt_length: int = 32
    target_length: int = 32


@dataclass(kw_only=True)
class ResolutionStep:
    """A step of stage 2.

    Keys:
        image_size: the side of the square images, in pixels.
        examples: the number of examples to train on, with repetition.
    """

    image_size: int
    examples: int


@dataclass(kw_only=True)
class Resolution:
    """Stage 2: all of PaLI, with its image encoder, is trained at increasing image sizes.

    Keys:
        steps: the image sizes, each with a number of examples and a checkpoint of its own; without any, there is no
            stage 2.
        increase_resolution: `false` keeps stage 1's image size in all steps: a control with as many examples.
        batch_size: examples in each optimizer step, over all devices.
        source: the images and their annotations; by default those of `data.source`.
        prompt_length, target_length: as in stage 1, whose values they have by default.
        mixture: the weight of each task; by default that of stage 1.
        temperature: as in stage 1, whose value it does not take over.
        optimizer: the optimizer and its schedule.
    """

    steps: list[ResolutionStep] = field(default_factory=list)
    increase_resolution: bool = True
    batch_size: int = 32
    source: Component | None = field(default=None, metadata={"registry": "source"})
    prompt_length: int | None = None
    target_length: int | None = None
    mixture: dict[str, float] = field(default_factory=dict)
    temperature: float = 1.0
    optimizer: Optimizer = field(default_factory=Optimizer)


@dataclass(kw_only=True)
class Recipe:
    """Settings of one benchmark's transfer, and the `beams` of its evaluation.

    A key that is null has the value of `Transfer`, of its optimizer, or of `Evaluation`.

    Keys:
        examples, batch_size: as in the section above, of this benchmark alone.
        learning_rate, weight_decay: those of the optimizer.
        label_smoothing: as in the section above.
        beams: the number of beams of beam search in its evaluation; 1 is greedy decoding.
        image_size: the side of images in pixels: documents are read from larger images than photographs.
        mixture: the weights of the tasks of several benchmarks of one source that share a transfer, by benchmark, this
            one among them.
    """

    examples: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    beams: int | None = None
    image_size: int | None = None
    mixture: dict[str, float] = field(default_factory=dict)


@dataclass(kw_only=True)
class Transfer(Training):
    """Stage 3: PaLI is fine-tuned for each benchmark, with the image encoder frozen.

    Keys:
        start: the model to start from: that of stage 1 (`multimodal`) or of stage 2 (`resolution`).
        image_size: the side of images in pixels, which chooses stage 2's checkpoint; by default that of its last step.
            At stage 1's size it starts from the model of stage 1.
        prompt_length, target_length: as in stage 1, whose values they have by default.
        label_smoothing: the share of probability that the targets of the loss spread over the whole vocabulary.
        num_validations: how often the model is validated during training, at even distances; the best weights are
            kept. With 0 it is not, and the last weights are kept.
        validation_examples: the largest number of examples of a validation. They have the images of `data.validation`.
        benchmarks: by benchmark, its number of examples, or a `Recipe` with several settings.
    """

    start: Literal["multimodal", "resolution"] = "multimodal"
    image_size: int | None = None
    prompt_length: int | None = None
    target_length: int | None = None
    label_smoothing: float = 0.0
    num_validations: int = 0
    validation_examples: int = 200
    benchmarks: dict[str, int | Recipe] = field(default_factory=dict)


@dataclass(kw_only=True)
class Lit(Training):
    """LiT: a text tower is trained to fit the frozen image encoder, with SigLIP's sigmoid loss.

    Keys:
        source: pairs of images and texts; by default those of `data.source`.
        text: the text tower; by default as in stage 0a.
        temperature, bias: initial values of the two learned parameters of the loss; `bias` is by default as in
            stage 0a.
    """

    examples: int = 0
    batch_size: int = 64
    source: Component | None = field(default=None, metadata={"registry": "source"})
    text: Component | None = field(default=None, metadata={"registry": "text_tower"})
    temperature: float = 10.0
    bias: float | None = None


@dataclass(kw_only=True)
class Finetune(Training):
    """The whole image encoder is fine-tuned with a new classifier, on `evaluation.labelled`.

    Keys:
        image_size: the side of images in pixels; by default `model.image_size`.
        crop: the smallest fraction of an image's area that a random crop keeps; 1 is no random crops.
        flip: whether half of the images are mirrored.
    """

    examples: int = 0
    batch_size: int = 64
    image_size: int | None = None
    crop: float = 1.0
    flip: bool = False


@dataclass(kw_only=True)
class Linear:
    """A linear classifier on the frozen encoder's features, trained with AdamW.

    Keys:
        epochs: how often it sees each train image.
        batch_size: images in each optimizer step.
        learning_rate, weight_decay: those of AdamW.
    """

    epochs: int = 30
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4


@dataclass(kw_only=True)
class Stages:
    """The settings of each stage, in the order in which they run.

    Keys:
        vision, language, mask_tokenizer: stage 0, of the image encoder, the language model and the mask tokenizer.
        multimodal: stage 1.
        resolution: stage 2.
        transfer: stage 3.
        lit, finetune, linear: what some benchmarks of the image encoder train.
    """

    vision: VisionPretraining
    language: LanguagePretraining
    mask_tokenizer: MaskTokenizerTraining
    multimodal: Multimodal
    resolution: Resolution = field(default_factory=Resolution)
    transfer: Transfer
    lit: Lit = field(default_factory=Lit)
    finetune: Finetune = field(default_factory=Finetune)
    linear: Linear = field(default_factory=Linear)

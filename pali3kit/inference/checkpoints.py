"""Where the models of a `PaLI` come from: the artifacts of a run, or a saved folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pali3kit.config.saved_pali import STAGE_1
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.pali import PaLIModel
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.types import Named
from pali3kit.vision.contract import VisionEncoder

__all__ = ["GENERAL", "STAGE_1", "Architecture", "Checkpoints", "GenerationDefaults"]
GENERAL = (STAGE_1, "stage_1", "stage_2")
"""The names of checkpoints that no transfer has specialised: where transfers start from stage 2, `stage_1` is the model
before that, otherwise `stage_2` the one after."""


@dataclass(frozen=True, kw_only=True)
class GenerationDefaults:
    """How a checkpoint answers: a transfer as its evaluation in the run did, a general model, of all tasks, with
    `evaluation.beams` and without a grammar.

    Attributes:
        task: of the source, whose prompts it was trained on; general models have them all, "" here.
        image_size: side of the images, pixels.
        prompt_length: prompts are truncated after so many tokens.
        target_length: answers end after so many tokens.
        beams: of beam search; 1 is greedy.
        constrained: whether answers are regions and nothing else (`language.regions.RegionGrammar`).
        fp16_tokens: whether visual tokens are rounded to fp16, as those of the cache it was trained on and evaluated
            with.
        mixture: the tasks of stage 1 or 2, or of a transfer that several benchmarks share; empty for another transfer,
            which has its `task`.
    """

    task: str
    image_size: int
    prompt_length: int
    target_length: int
    beams: int = 1
    constrained: bool = False
    fp16_tokens: bool = False
    mixture: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it was trained on, without the names of a union's parts: `refer` for `refs.refer`."""
        return tuple(task.rpartition(".")[2] for task in (self.mixture or (self.task,)))


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The components of a checkpoint, each as `{"name": ..., **options}` without weights."""

    vision: Named
    projector: Named
    language: Named
    mask_tokenizer: Named | None = None


class Checkpoints(ABC):
    """Models that share a tokenizer: one after stage 1 or 2 (`STAGE_1`), and one of each transfer, by benchmark.

    Attributes:
        name: where they come from, for messages.
        names: of the checkpoints, `STAGE_1` first where it is there; general ones are those in `GENERAL`.
        bins: the number of values of a coordinate in the texts of regions.
    """

    name: str
    names: tuple[str, ...]
    bins: int

    @abstractmethod
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of all."""

    @abstractmethod
    def mask_tokenizer(self) -> MaskVQVAE | None:
        """The mask tokenizer; None where no checkpoint writes masks."""

    @abstractmethod
    def vision(self, name: str) -> VisionEncoder:
        """The image encoder of a checkpoint, for its image size."""

    @abstractmethod
    def model(self, name: str) -> PaLIModel:
        """Projector and language model of a checkpoint, without an image encoder."""

    @abstractmethod
    def defaults(self, name: str) -> GenerationDefaults:
        """How a checkpoint answers."""

    @abstractmethod
    def architecture(self, name: str) -> Architecture:
        """What the models of a checkpoint are built from."""

    def languages(self) -> Sequence[str]:
        """Codes of the languages that the models were trained and measured in; empty where they are not known."""
        return ()

    @abstractmethod
    def documents(self) -> Mapping[str, str]:
        """The texts that are saved beside the models, by file name: the model card, and the experiment."""

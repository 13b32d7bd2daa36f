"""A checkpoint on a device, which answers examples on images of the user's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral

import torch
from torch import Tensor

from pali3kit.data.task import Example
from pali3kit.errors import ConfigError, DataError, first_line
from pali3kit.evals.answers import generate_answers, score_answers
from pali3kit.inference.checkpoints import GenerationDefaults
from pali3kit.inference.images import UserImage
from pali3kit.language.generate import Constraint
from pali3kit.language.regions import RegionGrammar
from pali3kit.masks.codec import RegionFormat
from pali3kit.models.pali import PaLIModel
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.device import inference_precision
from pali3kit.vision.contract import VisionEncoder


class LoadedCheckpoint:
    """An image encoder with the model that reads its tokens. Nothing is trained, and no gradients are kept.

    Args:
        vision, model: on `device`, in `dtype`.
        tokenizer: of the model.
        defaults: how the checkpoint answers.
        bins: the number of values of a coordinate.
        dtype: of the weights; None for fp32, computed as evaluations do: on GPUs with bf16 by autocast.
    """

    def __init__(
        self,
        vision: VisionEncoder,
        model: PaLIModel,
        tokenizer: Tokenizer,
        defaults: GenerationDefaults,
        bins: int,
        dtype: torch.dtype | None,
    ) -> None:
        self.vision, self.model, self.tokenizer, self.defaults = vision, model, tokenizer, defaults
        self.dtype = dtype
        self.device = next(model.parameters()).device
        self._constraint: Constraint | None = None
        if defaults.constrained:
            self._constraint = RegionGrammar(tokenizer, RegionFormat(bins))

    def generate(
        self,
        examples: Sequence[Example],
        images: Mapping[int, UserImage],
        max_length: int | None = None,
        beams: int | None = None,
    ) -> list[str]:
        """The answers to `examples`, whose image numbers are keys of `images`."""
        length = self.defaults.target_length if max_length is None else max_length
        beams = self.defaults.beams if beams is None else beams
        for name, value in (("max_length", length), ("beams", beams)):
            if not isinstance(value, Integral):
                raise ConfigError([f"{name} should be a whole number, not {value!r}."])
            if value < 1:
                raise ConfigError([f"{name} should be at least 1, not {value}."])
        self._require_positions(examples, length)
        with self._computing():
            return generate_answers(
                self.model,
                self.tokenizer,
                examples,
                lambda numbers: self._tokens(numbers, images),
                self.vision.native_grid,
                self.defaults.prompt_length,
                length,
                beams,
                self._constraint,
            )

    def score(
        self,
        examples: Sequence[Example],
        images: Mapping[int, UserImage],
        answers: Sequence[Sequence[str]],
        normalize: bool,
    ) -> list[list[float]]:
        """The log-probability of each of the `answers` to an example (`evals.answers.score_answers`)."""
        longest = max((len(self.tokenizer.encode(answer)) + 1 for each in answers for answer in each), default=1)
        self._require_positions(examples, longest)
        with self._computing():
            return score_answers(
                self.model,
                self.tokenizer,
                examples,
                answers,
                lambda numbers: self._tokens(numbers, images),
                self.vision.native_grid,
                self.defaults.prompt_length,
                normalize,
            )

    def _require_positions(self, examples: Sequence[Example], target: int) -> None:
        """Raise ConfigError where the language model has too few positions for so many images."""
        most = max((len(example.images) for example in examples), default=1)
        visual = most * self.model.projector.out_tokens(self.vision.native_grid)
        self.model.language.require_positions(visual + self.defaults.prompt_length, target)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        with torch.inference_mode(), inference_precision("auto" if self.dtype is None else "fp32", self.device):
            yield

    def _tokens(self, numbers: Tensor, images: Mapping[int, UserImage]) -> Tensor:
        """Visual tokens `[K,N,D]` of the images `[K]` of a batch; one that is in several examples is encoded once."""
        rows, columns = self.vision.native_grid
        dtype = self.dtype or torch.float32
        if not len(numbers):  # a batch about text alone
            return torch.zeros(0, rows * columns, self.vision.width, dtype=dtype)
        distinct, places = numbers.unique(return_inverse=True)
        spec = self.vision.image_spec
        pixels = spec.to_batch(images[number].fitted(spec) for number in distinct.tolist())
        tokens = self.vision(spec.normalise_batch(pixels.to(self.device)).to(dtype)).float()
        if self.defaults.fp16_tokens:
            tokens = tokens.half()
        return tokens.to(dtype)[places.to(self.device)]


def require_dtype(dtype: torch.dtype | None) -> None:
    """Raise DataError for numbers in which T5 overflows (fp16), or that are none to compute in."""
    if dtype not in (None, torch.float32, torch.bfloat16):
        raise DataError(f"dtype should be torch.float32 or torch.bfloat16 (T5 overflows in float16), not {dtype}.")


def require_device(name: str | torch.device) -> torch.device:
    """The device of a name. Raises DataError where there is none."""
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, TypeError) as error:  # torch without CUDA asserts
        raise DataError(f"device {name} cannot be used: {first_line(error)}.") from error
    return torch.device(name)

"""Features of pictures and texts: what every evaluation of an encoder alone starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from pali3kit.data.sets.contract import PictureSet
from pali3kit.errors import DataError
from pali3kit.images.spec import ImageSpec
from pali3kit.metrics.demands import demand_labels

BATCH = 128
T = TypeVar("T")


class ReadsTexts(Protocol):
    """The half of `models.towers.Towers` that texts are read with."""

    def embed_texts(self, texts: Sequence[str]) -> Tensor: ...


class EmbedsImages(Protocol):
    """The half of `models.towers.Towers` that pictures are read with."""

    @property
    def image_spec(self) -> ImageSpec: ...

    def embed_images(self, images: Tensor) -> Tensor: ...


class PoolsImages(Protocol):
    """What is asked of a `vision.contract.VisionEncoder` here."""

    @property
    def image_spec(self) -> ImageSpec: ...

    def pooled(self, images: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Encoder:
    """Any function from pictures `[B,3,H,W]` to features `[B,D]`, with the preprocessing that it wants. A module is put
    into eval mode.

    Evaluators take the encoders of this package, whole models of two towers, and this.
    """

    function: Callable[[Tensor], Tensor]
    image_spec: ImageSpec


ImageEncoder: TypeAlias = EmbedsImages | PoolsImages | Encoder


@dataclass(frozen=True)
class Features:
    """Features float32 `[n,D]` of pictures, their `labels` int64 `[n]`, if they have any, and in `right` all labels
    that somebody who looked again would accept (ReaL). They may lie in a file, memory-mapped.

    Raises DataError for features that are not `[n,D]`, and for other numbers of labels than of features.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64] | None = None
    right: Sequence[tuple[int, ...]] | None = None

    def __post_init__(self) -> None:
        if self.features.ndim != 2:
            raise DataError(f"features are [n, D], not {list(self.features.shape)}")
        if self.labels is not None:
            demand_labels(self.features, self.labels, "these pictures")
        if self.right is not None and len(self.right) != len(self.features):
            raise DataError(
                f"{len(self.features)} features and {len(self.right)} lists of right labels do not belong together"
            )


def function_of(encoder: ImageEncoder) -> Callable[[Tensor], Tensor]:
    """What makes features of prepared pictures: an image tower's embedding, a pooled output, or somebody's function."""
    for name in ("embed_images", "pooled", "function"):
        found: Callable[[Tensor], Tensor] | None = getattr(encoder, name, None)
        if found is not None:
            return found
    raise TypeError(
        f"{type(encoder).__name__} has none of embed_images, pooled: wrap it, evals.Encoder(function, spec)"
    )


def extract(
    encoder: ImageEncoder, pictures: Iterable[np.ndarray], batch: int = BATCH, crop: float | None = None
) -> NDArray[np.float32]:
    """Pictures uint8 `[H,W,3]` of any sizes to features float32 `[n,D]`.

    `crop` replaces the share of the side that the encoder's own preprocessing cuts from the middle. It works on the
    device of the encoder's parameters, and in eval mode. Raises DataError where there are no pictures.
    """
    batches = list(extract_batches(encoder, pictures, batch, crop))
    if not batches:
        raise DataError("there are no pictures to make features of")
    return np.concatenate(batches)


def extract_batches(
    encoder: ImageEncoder, pictures: Iterable[np.ndarray], batch: int = BATCH, crop: float | None = None
) -> Iterator[NDArray[np.float32]]:
    """The same, a batch at a time: for what does not fit into memory."""
    extractor = Extractor(encoder, crop)
    for images in batched(map(extractor.fit, pictures), batch):
        yield extractor.embed(images)


class Extractor:
    """Both halves of `extract`: from a picture to what the encoder takes, and from many of those to features."""

    def __init__(self, encoder: ImageEncoder, crop: float | None = None) -> None:
        if (module := _module_of(encoder)) is not None:
            module.eval()
        given = encoder.image_spec
        self.spec = given if crop is None else replace(given, crop=crop)
        self._function, self._device = function_of(encoder), _device_of(encoder)

    def fit(self, image: np.ndarray) -> np.ndarray:
        """uint8 `[H,W,3]` or `[H,W,4]` to `[size,size,3]`; with a crop, what has the size already is cropped too."""
        return self.spec.fitted(image) if self.spec.crop == 1 else self.spec.fit(Image.fromarray(image))

    @torch.inference_mode()
    def embed(self, images: Sequence[np.ndarray]) -> NDArray[np.float32]:
        """Fitted pictures to features float32 `[n,D]`.

        Raises DataError where what the encoder gives is of another shape, or not finite.
        """
        # contiguous, for convolutions: a ViT-S/32 on one CPU thread takes 7% longer for pixels with their channels last
        pixels = self.spec.normalise(np.stack(images)).contiguous()
        features = self._function(pixels.to(self._device))
        if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(images):
            told = list(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise DataError(f"an encoder makes features [{len(images)}, D] of {len(images)} pictures, not {told}")
        if not features.isfinite().all():
            raise DataError("the encoder's features are not all finite")
        return features.float().numpy(force=True)


def _device_of(encoder: object) -> torch.device:
    """Where the encoder's parameters are; the CPU for what has none."""
    module = _module_of(encoder)
    parameter = next(module.parameters(), None) if module is not None else None
    return torch.device("cpu") if parameter is None else parameter.device


def _module_of(encoder: object) -> nn.Module | None:
    """The network of an encoder: itself, or what an `Encoder` has as its function; None where that is plain code."""
    module = getattr(encoder, "function", encoder)
    return module if isinstance(module, nn.Module) else None


def size_of(pictures: PictureSet, split: str) -> int:
    """How many pictures a split has. Raises DataError where it has none: there is nothing to embed."""
    if not (size := pictures.size(split)):
        raise DataError(f"the set has no pictures in its split '{split}'")
    return size


def embed_set(encoder: ImageEncoder, pictures: PictureSet, split: str, crop: float | None = None) -> Features:
    """The features of a split of a set, with its labels where it has some.

    Raises DataError for a damaged picture, and for a split without any.
    """
    images = (pictures.image(split, index) for index in range(size_of(pictures, split)))
    labels = pictures.labels(split) if hasattr(pictures, "labels") else None
    right = pictures.relabelled(split) if hasattr(pictures, "relabelled") else None
    return Features(extract(encoder, images, crop=crop), labels, right)


@torch.inference_mode()
def embed_texts(towers: ReadsTexts, texts: Iterable[str], batch: int = 4 * BATCH) -> Tensor:
    """Texts to embeddings of unit length, float32 `[n,E]` on the towers' device. Raises DataError for no texts."""
    embedded = [towers.embed_texts(some).float() for some in batched(texts, batch)]
    if not embedded:
        raise DataError("there are no texts to embed")
    return nn.functional.normalize(torch.cat(embedded), dim=-1)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items; the last may be shorter."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some

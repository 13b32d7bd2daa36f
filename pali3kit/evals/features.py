"""Features of images and texts, from which every evaluation of an encoder alone is computed."""

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

from pali3kit.data.sets.contract import ImageSet
from pali3kit.errors import DataError
from pali3kit.evals.batches import BATCH
from pali3kit.images.spec import ImageSpec
from pali3kit.metrics.inputs import require_labels

SMALLEST_PATCH = 14  # pixels, of common encoders
T = TypeVar("T")


class TextEmbedder(Protocol):
    """The text half of `models.dual_encoder.DualEncoder`."""

    def embed_texts(self, texts: Sequence[str]) -> Tensor: ...


class _ImageEmbedder(Protocol):
    """The image half of `models.dual_encoder.DualEncoder`."""

    @property
    def image_spec(self) -> ImageSpec: ...

    def embed_images(self, images: Tensor) -> Tensor: ...


class _PoolingEncoder(Protocol):
    """The part of `vision.contract.VisionEncoder` that is used here."""

    @property
    def image_spec(self) -> ImageSpec: ...

    def pooled(self, images: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Encoder:
    """Any function from images `[B,3,H,W]` to features `[B,D]`, with its preprocessing.

    It makes evaluators, which take this package's encoders and dual encoders, take other models too. A function that is
    a module is put into eval mode.
    """

    function: Callable[[Tensor], Tensor]
    image_spec: ImageSpec


ImageEncoder: TypeAlias = _ImageEmbedder | _PoolingEncoder | Encoder


@dataclass(frozen=True)
class Features:
    """Features of images, perhaps memory-mapped.

    Attributes:
        features: float32 `[n,D]`.
        labels: int64 `[n]`, where the set has labels.
        right: per image all labels that a second annotation accepts (ReaL), where there was one.

    Raises:
        DataError: features are not `[n,D]`, or there is not one label (or list of labels) for each.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64] | None = None
    right: Sequence[tuple[int, ...]] | None = None

    def __post_init__(self) -> None:
        if self.features.ndim != 2:
            raise DataError(f"features are [n, D], not {list(self.features.shape)}")
        if self.labels is not None:
            require_labels(self.features, self.labels, "these images")
        if self.right is not None and len(self.right) != len(self.features):
            raise DataError(
                f"{len(self.right)} lists of right labels for {len(self.features)} features: each image needs one"
            )


def _feature_function(encoder: ImageEncoder) -> Callable[[Tensor], Tensor]:
    """From preprocessed images to features: `embed_images`, `pooled`, or the function of an `Encoder`."""
    for name in ("embed_images", "pooled", "function"):
        function: Callable[[Tensor], Tensor] | None = getattr(encoder, name, None)
        if function is not None:
            return function
    raise TypeError(
        f"{type(encoder).__name__} has neither embed_images nor pooled: wrap it as evals.Encoder(function, image_spec)"
    )


def extract(
    encoder: ImageEncoder, images: Iterable[np.ndarray], batch: int = BATCH, crop: float | None = None
) -> NDArray[np.float32]:
    """Images uint8 `[H,W,3]` of any sizes to features float32 `[n,D]`.

    `crop` replaces the centre crop of the encoder's own preprocessing: the share of the side that is kept. The encoder
    runs in eval mode, on the device of its parameters. Raises DataError where there are no images.
    """
    extractor = Extractor(encoder, crop)
    features = [extractor.embed(some) for some in _batches(map(extractor.fit, images), batch)]
    if not features:
        raise DataError("there are no images to extract features from")
    return np.concatenate(features)


class Extractor:
    """The two steps of `extract`, for callers that overlap them: `fit` prepares one image, `embed` encodes a batch."""

    def __init__(self, encoder: ImageEncoder, crop: float | None = None) -> None:
        if (module := _module_of(encoder)) is not None:
            module.eval()
        spec = encoder.image_spec
        self.spec = spec if crop is None else replace(spec, crop=crop)
        self._function, self._device = _feature_function(encoder), _device_of(encoder)

    @property
    def max_tokens(self) -> int:
        """Tokens of an image if its patches are the smallest in use."""
        return max(1, self.spec.size // SMALLEST_PATCH) ** 2

    def fit(self, image: np.ndarray) -> np.ndarray:
        """uint8 `[H,W,3]` or `[H,W,4]` to `[size,size,3]`; with a crop, an image of the right size is cropped too."""
        return self.spec.fitted(image) if self.spec.crop == 1 else self.spec.fit(Image.fromarray(image))

    @torch.inference_mode()
    def embed(self, images: Sequence[np.ndarray]) -> NDArray[np.float32]:
        """Fitted images to features float32 `[n,D]`.

        Raises DataError where the encoder returns another shape, or numbers that are not finite.
        """
        # contiguous: with channels last a ViT-S/32 takes 7% longer on one CPU thread
        pixels = self.spec.normalise(np.stack(images)).contiguous()
        features = self._function(pixels.to(self._device))
        if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(images):
            shown = list(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise DataError(f"the encoder should return [{len(images)}, D] for {len(images)} images, not {shown}")
        if not features.isfinite().all():
            raise DataError("the encoder's features are not all finite")
        return features.float().numpy(force=True)


def _device_of(encoder: object) -> torch.device:
    """The device of the encoder's parameters; the CPU where it has none."""
    module = _module_of(encoder)
    parameter = next(module.parameters(), None) if module is not None else None
    return torch.device("cpu") if parameter is None else parameter.device


def _module_of(encoder: object) -> nn.Module | None:
    """The module of an encoder: itself, or the function of an `Encoder`; None where that is a plain function."""
    module = getattr(encoder, "function", encoder)
    return module if isinstance(module, nn.Module) else None


def split_size(images: ImageSet, split: str) -> int:
    """The number of images in a split. Raises DataError where there are none."""
    if not (size := images.size(split)):
        raise DataError(f"the set has no images in its split '{split}'")
    return size


def embed_set(encoder: ImageEncoder, dataset: ImageSet, split: str, crop: float | None = None) -> Features:
    """The features of a split of a set, with its labels where it has some.

    Raises DataError for a damaged image, and for an empty split.
    """
    images = (dataset.image(split, index) for index in range(split_size(dataset, split)))
    labels = dataset.labels(split) if hasattr(dataset, "labels") else None
    right = dataset.relabelled(split) if hasattr(dataset, "relabelled") else None
    return Features(extract(encoder, images, crop=crop), labels, right)


@torch.inference_mode()
def embed_texts(towers: TextEmbedder, texts: Iterable[str], batch: int = 4 * BATCH) -> Tensor:
    """Texts to unit embeddings, float32 `[n,E]` on the model's device. Raises DataError where there are none."""
    embedded = [towers.embed_texts(some).float() for some in _batches(texts, batch)]
    if not embedded:
        raise DataError("there are no texts to embed")
    return nn.functional.normalize(torch.cat(embedded), dim=-1)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items; the last may be shorter."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some

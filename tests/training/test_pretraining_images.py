"""Batches of images: shared among ranks, with bad samples replaced and named."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pali3kit.data.records import Skips
from pali3kit.data.source import STRETCH, SourceBase
from pali3kit.errors import DataError
from pali3kit.images.spec import Alpha, ImageSpec
from pali3kit.training.pretraining_images import ATTEMPTS, PretrainingImages, images_or_black

SPEC = ImageSpec(8)


class Numbered(SourceBase):
    """The image, label and text of a position are its number; those in `bad` cannot be used."""

    classes = tuple("abcdefghij")

    def __init__(self, bad: set[int] = frozenset(), side: int = 8) -> None:  # type: ignore[assignment]
        self.bad, self.side = bad, side

    def image(self, split: str, index: int) -> np.ndarray:
        place = index % STRETCH
        if place in self.bad:
            raise DataError(f"image {place} is broken")
        return np.full((self.side, 2 * self.side if self.side != 8 else 8, 3), place, np.uint8)

    def labels(self, split: str, index: int) -> tuple[int, ...]:
        return (index % STRETCH % 10,)

    def alt_text(self, split: str, index: int, rng: np.random.Generator) -> str:
        return "Word " * (1 + index % STRETCH % 10)


class Words:
    eos_id = 1

    def encode(self, text: str, max_length: int) -> list[int]:
        return [5 if word == "word" else 6 for word in text.split()][:max_length]


def images(source: Numbered, **options: object) -> PretrainingImages:
    return PretrainingImages(source, SPEC, 0, 4, **options)  # type: ignore[arg-type]


def places(images: torch.Tensor) -> list[int]:
    assert images.dtype == torch.uint8  # normalised on the device
    return images[:, 0, 0, 0].tolist()


def test_steps_follow_each_other_and_ranks_share_them() -> None:
    assert places(images(Numbered()).alone(3)) == [12, 13, 14, 15]
    shares = [places(images(Numbered(), rank=rank, ranks=2).alone(3)) for rank in range(2)]
    assert shares == [[12, 13], [14, 15]]


def test_texts_are_lower_case_and_end() -> None:
    batch = images(Numbered()).with_texts(0, Words(), 4)  # type: ignore[arg-type]
    assert batch["ids"].tolist() == [[5, 1, 1, 1], [5, 5, 1, 1], [5, 5, 5, 1], [5, 5, 5, 1]]
    assert "skipped" not in batch


def test_a_bad_sample_is_replaced_by_that_of_a_later_batch_and_named() -> None:
    batch = images(Numbered({5, 9, 6})).with_labels(1, 10)
    assert places(batch["images"]) == [4, 13, 10, 7]  # 5 and 9 are bad, then 13; 6 is bad, then 10
    assert batch["labels"].argmax(1).tolist() == [4, 3, 0, 7]
    assert batch["skipped"] == ["image 5 is broken", "image 9 is broken", "image 6 is broken"]


def test_a_source_with_nothing_usable_is_given_up() -> None:
    with pytest.raises(DataError, match=f"{ATTEMPTS} samples in a row cannot be used; the last: image 396 is broken"):
        images(Numbered(set(range(100_000)))).alone(0)


def test_images_of_any_size_are_fitted() -> None:
    assert images(Numbered(side=20)).alone(0).shape == (4, 3, 8, 8)
    assert images(Numbered(side=20), crop=0.3, flip=True).alone(0).shape == (4, 3, 8, 8)


def test_random_views_are_a_function_of_the_position() -> None:
    class Noise(Numbered):
        def image(self, split: str, index: int) -> np.ndarray:
            return np.random.default_rng(index).integers(0, 256, (20, 30, 3), np.uint8)

    whole = images(Noise(), crop=0.1, flip=True)
    second = images(Noise(), crop=0.1, flip=True, rank=1, ranks=2)
    assert torch.equal(whole.alone(2)[2:], second.alone(2))
    assert not torch.equal(whole.alone(2), images(Noise()).alone(2))


class Drawing(Numbered):
    """Texts that are drawn; `asked` and `seen` are the positions whose text and image were read."""

    def __init__(self, *bad: int) -> None:
        super().__init__(set(bad))
        self.asked: list[int] = []
        self.seen: list[int] = []

    def image(self, split: str, index: int) -> np.ndarray:
        self.seen.append(index % STRETCH)
        return super().image(split, index)

    def alt_text(self, split: str, index: int, rng: np.random.Generator) -> str:
        self.asked.append(index % STRETCH)
        return " ".join("word" if long else "end" for long in rng.random(6) < 0.5)


def ids(*bad: int, step: int = 2, **options: int) -> torch.Tensor:
    found: torch.Tensor = images(Drawing(*bad), **options).with_texts(step, Words(), 7)["ids"]  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("ranks", [2, 4])
def test_a_ranks_texts_are_those_of_a_run_without_ranks(ranks: int) -> None:
    assert torch.equal(ids(), torch.cat([ids(rank=rank, ranks=ranks) for rank in range(ranks)]))


def test_a_replacement_changes_no_other_text() -> None:
    assert torch.equal(ids()[1:], ids(8)[1:]) and not torch.equal(ids()[0], ids(8)[0])
    assert torch.equal(ids(8)[0], ids(step=3)[0])  # the sample that is taken has the text that it has elsewhere


def test_a_rank_reads_its_own_samples_only() -> None:
    for rank in range(2):
        source = Drawing()
        made = images(source, rank=rank, ranks=2)
        for step in range(3):
            made.with_texts(step, Words(), 7)  # type: ignore[arg-type]
        mine = [4 * step + 2 * rank + place for step in range(3) for place in range(2)]
        assert source.asked == source.seen == mine


def test_texts_views_and_seeds_have_streams_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first number of each: of every image's text and view, in every step and seed."""
    drawn: list[float] = []
    monkeypatch.setattr(
        "pali3kit.training.pretraining_images.random_view",
        lambda image, size, rng, crop, flip: drawn.append(rng.random()) or image,
    )

    class Noting(Numbered):
        def alt_text(self, split: str, index: int, rng: np.random.Generator) -> str:
            drawn.append(rng.random())
            return "word"

    for seed in range(3):
        made = PretrainingImages(Noting(), SPEC, seed, 4, crop=0.5)  # type: ignore[arg-type]
        for step in range(5):
            made.with_texts(step, Words(), 7)  # type: ignore[arg-type]
    assert len(set(drawn)) == len(drawn) == 2 * 3 * 5 * 4


def test_a_bad_image_is_black_where_its_source_notes_it() -> None:
    source = Numbered({1})
    with pytest.raises(DataError, match="image 1 is broken"):
        images_or_black(source, SPEC, "train", [1])  # type: ignore[arg-type]
    source.skips = Skips()
    found, reasons = images_or_black(source, SPEC, "train", range(1, 4))  # type: ignore[arg-type]
    assert [int(image.any()) for image in found] == [0, 1, 1] and reasons == ["image 1 is broken", "", ""]
    source.skips.count(reasons)
    assert (source.skips.drain(), source.skips.seen, source.skips.bad) == (["image 1 is broken"], 3, 1)


class Thin(Numbered):
    """Of position 5 the image is so thin that it fills gigabytes on the way to an encoder that keeps proportions."""

    def image(self, split: str, index: int) -> np.ndarray:
        thin = index % STRETCH == 5
        return np.zeros((1, 1_100_000, 3), np.uint8) if thin else super().image(split, index)


KEPT = ImageSpec(8, resize="shortest")


def test_what_no_encoder_can_take_is_a_bad_sample_too() -> None:
    batch = PretrainingImages(Thin(), KEPT, 0, 4).with_labels(1, 10)  # type: ignore[arg-type]
    assert places(batch["images"]) == [4, 9, 6, 7]
    [line] = batch["skipped"]
    assert f"train image {STRETCH + 5}: an image of 1100000x1 pixels is too thin" in line
    source = Thin()
    source.skips = Skips()
    [image], [reason] = images_or_black(source, KEPT, "train", [5])  # type: ignore[arg-type]
    assert not image.any() and "train image 5: " in reason


def test_a_batch_holds_images_as_small_as_they_are_wanted() -> None:
    assert images(Numbered(side=2000))._image(3).shape == (8, 8, 3)


@pytest.mark.parametrize("crop", [1.0, 0.5])
@pytest.mark.parametrize(("alpha", "shade"), [("dropped", 0), ("white", 255)])
def test_what_is_transparent_is_as_the_encoder_has_it_in_training_too(crop: float, alpha: Alpha, shade: int) -> None:
    class Clear(Numbered):
        def image(self, split: str, index: int) -> np.ndarray:
            return np.zeros((8, 8, 4), np.uint8)

    found = PretrainingImages(Clear(), ImageSpec(8, alpha=alpha), 0, 4, crop=crop)._image(0)  # type: ignore[arg-type]
    assert found.shape == (8, 8, 3) and (found == shade).all()

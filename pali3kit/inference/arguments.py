"""Arguments of a `PaLI`'s methods as users give them; errors name them, before any model is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.inference.images import ImageInputs, UserImage, as_list, is_single
from pali3kit.inference.videos import VideoFrame, is_video, prompt_frames


def require_text(text: object, name: str) -> str:
    """The text. Raises DataError for anything else than a str."""
    if not isinstance(text, str):
        raise DataError(f"{name} should be a text, not {type(text).__name__}.")
    return text


def list_of_texts(texts: object, name: str) -> list[str]:
    """The texts of a list, a tuple or another sequence. Raises DataError for anything else, or an item that is none."""
    if isinstance(texts, str | bytes) or not isinstance(texts, Sequence):
        raise DataError(f"{name} should be a list of texts, not {type(texts).__name__}.")
    return [require_text(text, f"{name}[{number}]") for number, text in enumerate(texts)]


def examples_of(images: Sequence[ImageInputs], prompts: Sequence[str]) -> tuple[list[Example], dict[int, UserImage]]:
    """Examples with the numbers of their images; those of a video are its frames. One object, given several times, has
    one number.
    """
    if isinstance(prompts, str) or is_single(images):
        raise DataError("generate takes a list of images and a list of prompts: [image], [prompt].")
    texts = list_of_texts(prompts, "prompts")
    if len(images) != len(texts):
        raise DataError(f"there are {len(images)} images and {len(texts)} prompts: each prompt needs an image.")
    numbered: dict[int, UserImage] = {}
    numbers: dict[int, int] = {}
    videos: dict[int, list[VideoFrame]] = {}
    examples: list[Example] = []
    for place, (own, prompt) in enumerate(zip(images, texts, strict=True)):
        found: list[int] = []
        for at, given in enumerate(as_list(own)):
            where = f"images[{place}]" if is_single(own) else f"images[{place}][{at}]"
            if is_video(given) and id(given) not in videos:
                videos[id(given)] = prompt_frames(given)
            for image in videos.get(id(given), [given]):
                number = numbers.setdefault(id(image), len(numbers))
                numbered.setdefault(number, UserImage(image, where))
                found.append(number)
        examples.append(Example(tuple(found), prompt, ""))
    return examples, numbered


def images_with_texts(images: object, texts: object, name: str) -> tuple[bool, list[Any], list[str]]:
    """Whether there is one text, and lists of as many images as texts: one image is for all texts.

    `name` is that of the argument with the texts, in errors.
    """
    if isinstance(texts, str):
        return True, require_images([images]), [texts]
    several = list_of_texts(texts, name)
    seen = [images] * len(several) if is_single(images) else require_images(as_list(images))
    if len(seen) != len(several):
        text = f"there are {len(seen)} images and {len(several)} items of {name}"
        raise DataError(f"{text}: give one image, or a list of as many.")
    return False, seen, several


def require_images(images: list[Any]) -> list[Any]:
    """The images. Raises DataError for an empty list in place of one: the answer would be about nothing."""
    for number, image in enumerate(images):
        if not is_single(image) and not image:
            raise DataError(f"images[{number}]: the list is empty; `generate` takes prompts without an image.")
    return images

"""A trained PaLI in use."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import torch
from PIL import Image

from pali3kit.errors import DataError
from pali3kit.inference.arguments import examples_of, images_with_texts, list_of_texts, require_images, require_text
from pali3kit.inference.checkpoints import STAGE_1, Checkpoints
from pali3kit.inference.choice import QUESTIONS, REGIONS, caption_tasks, choose_checkpoint, require_checkpoint
from pali3kit.inference.hub import download, push
from pali3kit.inference.images import ImageInput, ImageInputs, UserImage, as_list, is_single
from pali3kit.inference.languages import ENGLISH, require_language
from pali3kit.inference.loaded import LoadedCheckpoint, require_device, require_dtype
from pali3kit.inference.regions import Region, draw_regions, read_regions
from pali3kit.inference.saved import open_saved, save
from pali3kit.inference.videos import is_video
from pali3kit.text import prompts as prompts_of
from pali3kit.training.device import chosen_device


class PaLI:
    """A trained PaLI: a model of stage 1 or 2, and those that transfers made of it, each loaded when it is first used.

    An image is a PIL image, a path, an array uint8 `[H,W,3]` or a tensor `[3,H,W]` (uint8, or float in 0..1); where a
    prompt is about several images, it is a list or tuple of them. The path of a video stands for 16 of its frames
    (`pk.video_frames` reads others). Lists of questions, texts or prompts are answered in
    batches, whose size depends on the memory that an example needs.

    All methods raise DataError for an image that cannot be read, or an argument of another type, which they name, and
    ConfigError for a checkpoint that is not there, or a language that it was not trained in.

    Args:
        checkpoints: where the models come from, which are moved to the device, and cast, in place.
        device: "cuda", "cpu", ...; by default the GPU if there is one.
        dtype: torch.float32 or torch.bfloat16, of weights and computations. By default weights are fp32, and are
            computed with as in evaluations: in fp32 on CPUs, with bf16 by autocast on GPUs that support it.
    """

    def __init__(
        self, checkpoints: Checkpoints, device: str | torch.device | None = None, dtype: torch.dtype | None = None
    ) -> None:
        require_dtype(dtype)
        self.checkpoints, self.dtype = checkpoints, dtype
        self.device = chosen_device() if device is None else require_device(device)
        self._loaded: dict[str, LoadedCheckpoint] = {}

    def __repr__(self) -> str:
        return f"PaLI({self.checkpoints.name}: {', '.join(self.checkpoints.names)}; on {self.device})"

    def generate(
        self,
        images: Sequence[ImageInputs],
        prompts: Sequence[str],
        *,
        checkpoint: str = STAGE_1,
        max_length: int | None = None,
        beams: int | None = None,
    ) -> list[str]:
        """The answers to `prompts` as they are (`pk.prompts` writes those of tasks), about an item of `images` each.

        Args:
            images: for each prompt an image, or a sequence of images, which is empty for a prompt about text alone.
            prompts: as many; longer ones than the checkpoint was trained on are cut.
            checkpoint: a name of `checkpoints.names`.
            max_length: answers end after so many tokens; by default as in the evaluation of this checkpoint.
            beams: of beam search, 1 is greedy; by default likewise.
        """
        examples, numbered = examples_of(images, prompts)
        return self._checkpoint(checkpoint).generate(examples, numbered, max_length, beams)

    @overload
    def ask(  # type: ignore[overload-overlap]  # a str is a sequence of str too: the first that fits counts
        self, image: ImageInputs, question: str, *, language: str = "en", checkpoint: str | None = None
    ) -> str: ...

    @overload
    def ask(
        self,
        image: ImageInputs | Sequence[ImageInputs],
        question: Sequence[str],
        *,
        language: str = "en",
        checkpoint: str | None = None,
    ) -> list[str]: ...

    def ask(
        self,
        image: ImageInputs | Sequence[ImageInputs],
        question: str | Sequence[str],
        *,
        language: str = "en",
        checkpoint: str | None = None,
    ) -> str | list[str]:
        """The answer to a question, in `language`; to several questions, about one image or a list of as many, a list.

        A language is one of `checkpoints.languages()`, or any where these are not known. A transfer to questions
        answers: VQAv2's before OKVQA's and TextVQA's, unless `checkpoint` names one.
        """
        single, images, texts = images_with_texts(image, question, "question")
        self._require_language(language)
        chosen = checkpoint or choose_checkpoint(self.checkpoints, [QUESTIONS], "questions")
        written = [prompts_of.for_answer(text, language) for text in texts]
        answers = self.generate(images, written, checkpoint=chosen)
        return answers[0] if single else answers

    @overload
    def caption(  # type: ignore[overload-overlap]
        self, image: ImageInput, *, language: str = "en", checkpoint: str | None = None
    ) -> str: ...

    @overload
    def caption(
        self, image: Sequence[ImageInputs], *, language: str = "en", checkpoint: str | None = None
    ) -> list[str]: ...

    def caption(
        self, image: ImageInput | Sequence[ImageInputs], *, language: str = "en", checkpoint: str | None = None
    ) -> str | list[str]:
        """A caption in the language of a code such as "de"; of a list of images, a list of captions.

        English ones come from COCO's transfer, others, or all where there is none, from the multilingual one.
        """
        images = require_images(as_list(image))
        self._require_language(language)
        what = f"captions in '{language}'"
        chosen = checkpoint or choose_checkpoint(self.checkpoints, caption_tasks(language.lower()), what)
        captions = self.generate(images, [prompts_of.for_caption(language)] * len(images), checkpoint=chosen)
        return captions[0] if is_single(image) else captions

    @overload
    def segment(  # type: ignore[overload-overlap]
        self, image: ImageInput, text: str, *, checkpoint: str | None = None
    ) -> list[Region]: ...

    @overload
    def segment(
        self, image: ImageInput | Sequence[ImageInput], text: str | Sequence[str], *, checkpoint: str | None = None
    ) -> list[list[Region]]: ...

    def segment(
        self, image: ImageInput | Sequence[ImageInput], text: str | Sequence[str], *, checkpoint: str | None = None
    ) -> list[Region] | list[list[Region]]:
        """What an expression such as "the red rose" refers to. For a list of images or of expressions, or two lists of
        as many, a list each.

        Boxes are in pixels of the upright image and masks have its size. A region that cannot be read has no box, and
        the text in its place.
        """
        several = [text] * len(as_list(image)) if isinstance(text, str) and not is_single(image) else text
        single, images, texts = images_with_texts(image, several, "text")
        for number, one in enumerate(images):
            if not is_single(one):
                raise DataError(f"images[{number}]: regions are found in one image, this is a list of {len(one)}.")
            if is_video(one):
                raise DataError(f"images[{number}]: regions are found in one image, this is a video.")
        chosen = checkpoint or choose_checkpoint(self.checkpoints, [REGIONS], "regions")
        examples, numbered = examples_of(images, [prompts_of.for_region(each) for each in texts])
        answers = self._checkpoint(chosen).generate(examples, numbered)
        masks, bins = self.checkpoints.mask_tokenizer(), self.checkpoints.bins
        sizes = [numbered[example.images[0]].size for example in examples]
        found = [read_regions(answer, *size, masks, bins) for answer, size in zip(answers, sizes, strict=True)]
        return found[0] if single else found

    def draw(self, image: ImageInput, regions: Sequence[Region]) -> Image.Image:
        """A copy of the upright image with the boxes and masks of `segment`; unreadable regions are left out."""
        return draw_regions(UserImage(image, "image").pixels(), regions)

    def score(
        self,
        image: ImageInputs,
        prompt: str,
        answers: Sequence[str],
        *,
        normalize: bool,
        checkpoint: str = STAGE_1,
    ) -> list[float]:
        """The log-probability in nats of each of the `answers` to a prompt, the end of the text included.

        They are exact, and comparable between answers: of all texts that the model may write they sum to 1. The image
        and the prompt are encoded once.

        Args:
            image: one, or a sequence of several.
            prompt: as it is (`pk.prompts` writes those of tasks).
            answers: not cut, whatever their length.
            normalize: True divides by the number of tokens, the end included: the mean per token, which does not
                favour short answers. False gives the sum, the log of the answer's probability. There is no default.
            checkpoint: a name of `checkpoints.names`; by default, as for `generate`, that of stage 1 or 2, which no
                transfer has specialised.
        """
        if isinstance(answers, str):
            raise DataError("score takes a list of answers: [answer].")
        if not isinstance(normalize, bool):
            raise DataError(f"normalize should be True or False, not {normalize!r}.")
        examples, numbered = examples_of([image], [require_text(prompt, "prompt")])
        texts = list_of_texts(answers, "answers")
        return self._checkpoint(checkpoint).score(examples, numbered, [texts], normalize)[0]

    def save_pretrained(
        self,
        folder: str | os.PathLike[str],
        *,
        checkpoints: Sequence[str] | None = None,
        max_shard_size: int | str = "5GB",
    ) -> None:
        """Write all checkpoints, or those named, as one folder that nothing else is needed for (`inference.saved`)."""
        save(self.checkpoints, Path(os.path.expanduser(folder)), checkpoints, max_shard_size)

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str],
        *,
        revision: str | None = None,
        token: str | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> PaLI:
        """A saved folder, or `owner/name` on the Hugging Face hub; of a folder that is there the hub is never asked.

        `revision` and `token` are the hub's (`inference.hub.download`). Raises WeightsError for neither of the two, and
        where a folder called `owner` is here: then the folder was meant.
        """
        folder = Path(os.path.expanduser(name))
        if not folder.is_dir():
            folder = download(os.fspath(name), revision=revision, token=token)
        return cls(open_saved(folder), device, dtype)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | None = None,
        commit_message: str = "Upload a PaLI",
        max_shard_size: int | str = "5GB",
    ) -> str:
        """Upload all checkpoints to the Hugging Face hub; returns the address (`inference.hub.push`)."""
        return push(
            self.checkpoints,
            repo_id,
            private=private,
            token=token,
            commit_message=commit_message,
            max_shard_size=max_shard_size,
        )

    def _require_language(self, language: str) -> None:
        """Raise ConfigError for a language that the models do not know; all that have prompts know English's."""
        if require_text(language, "language").lower() != ENGLISH:
            require_language(language, self.checkpoints.languages(), self.checkpoints.name)

    def _checkpoint(self, name: str) -> LoadedCheckpoint:
        """A checkpoint, loaded now if it was not before. Encoders that several share are one object."""
        if require_text(name, "checkpoint") not in self._loaded:
            require_checkpoint(self.checkpoints, name)
            self._loaded[name] = LoadedCheckpoint(
                self.checkpoints.vision(name).to(self.device, self.dtype).eval(),
                self.checkpoints.model(name).to(self.device, self.dtype).eval(),
                self.checkpoints.tokenizer(),
                self.checkpoints.defaults(name),
                self.checkpoints.bins,
                self.dtype,
            )
        return self._loaded[name]

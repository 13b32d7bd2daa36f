"""The description of a saved PaLI: its `config.json`, read and checked without torch.

    config.json                      format, components, checkpoints, sha256 of the files below
    model.safetensors.index.json     which file has which tensor
    vision.safetensors               an image encoder, stored once for all checkpoints that share it
    pali.<checkpoint>.safetensors    projector and language model, stored once for all checkpoints that share them
    mask_tokenizer.safetensors
    tokenizer.model
    preprocessor_config.json         how images are prepared, by encoder
    generation_config.json           how each checkpoint answers
    README.md                        the model card
    recipe.yaml                      the experiment that makes these models

Files of weights above a size are shards, `vision-00001-of-00002.safetensors`. Names of tensors begin with the part that
they belong to: `vision.embed.weight`, `pali.vqav2.projector.linear.weight`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pali3kit import durable
from pali3kit.config.digest import digest
from pali3kit.config.vocabulary import MODES
from pali3kit.errors import WeightsError, choose
from pali3kit.types import Json, Named

MODEL_TYPE, FORMAT = "pali3kit", 2  # since 2, checkpoints may share a part
CONFIG_FILE, TOKENIZER_FILE = "config.json", "tokenizer.model"
PREPROCESSING_FILE, GENERATION_FILE = "preprocessor_config.json", "generation_config.json"
CARD_FILE, RECIPE_FILE = "README.md", "recipe.yaml"
FILES = (
    CONFIG_FILE, TOKENIZER_FILE, PREPROCESSING_FILE, GENERATION_FILE, CARD_FILE, RECIPE_FILE,
    "model.safetensors.index.json", "vision*.safetensors", "pali.*.safetensors", "mask_tokenizer*.safetensors",
)  # fmt: skip
"""Patterns of the files of a saved PaLI; others in its folder or repository are neither replaced nor downloaded."""
MASKS_PART = "mask_tokenizer"
Made = TypeVar("Made")
STAGE_1 = "multimodal"
"""The name of the checkpoint that no transfer has specialised."""


@dataclass(frozen=True)
class SavedCheckpoint:
    """One checkpoint: the parts with its encoder and the rest, its components, the width of the encoder's tokens."""

    encoder: str
    part: str
    vision_width: int
    projector: Named
    language: Named


class SavedPaLI:
    """A saved folder. Raises WeightsError where it is none, of another format, damaged, or lacks a file.

    Attributes:
        folder: where it is.
        bins: the number of values of a coordinate.
        languages: codes of those that it was trained and measured in; empty where the folder does not record them.
        codes, sentinels, rows: arguments of the tokenizer, which has `vocabulary` ids.
        encoders: the image encoders, by the part that has their weights.
        mask_tokenizer: the mask tokenizer, None without one.
        checkpoints: by name.
        parts: the files of each part's weights.
        files: the sha256 of each file that must not change.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = _read_config(folder)
        try:
            tokenizer = config["tokenizer"]
            self.bins = int(config["bins"])
            self.languages = tuple(str(code) for code in config.get("languages", ()))
            self.codes, self.sentinels, self.rows = (int(tokenizer[key]) for key in ("codes", "sentinels", "rows"))
            self.vocabulary = int(tokenizer["size"])
            self.encoders: dict[str, Named] = {part: _built_in(each) for part, each in config["encoders"].items()}
            self.mask_tokenizer = _built_in(config["mask_tokenizer"]) if config["mask_tokenizer"] else None
            self.checkpoints = {name: _checkpoint(name, each) for name, each in config["checkpoints"].items()}
            self.files: dict[str, str] = {str(name): str(digest) for name, digest in config["files"].items()}
            self.parts = {part: [str(name) for name in names] for part, names in config["parts"].items()}
            lost = [name for name, each in self.checkpoints.items() if each.encoder not in self.encoders]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeightsError(f"{folder / CONFIG_FILE} is damaged: {error!r}") from error
        if lost or not self.checkpoints:
            lacks = f"no image encoder for {', '.join(lost)}" if lost else "no checkpoint"
            raise WeightsError(f"{folder / CONFIG_FILE} is damaged: it has {lacks}")
        for name in (*self.files, PREPROCESSING_FILE, GENERATION_FILE):
            if name != Path(name).name or not (folder / name).is_file():
                raise WeightsError(f"{folder} is incomplete: {name} is missing. Save, copy or download it again.")

    def checkpoint(self, name: str) -> SavedCheckpoint:
        """A checkpoint. Raises WeightsError with the names that there are."""
        if name not in self.checkpoints:
            raise WeightsError(f"{self.folder} has no checkpoint '{name}'.{choose(name, self.checkpoints)}")
        return self.checkpoints[name]

    @cached_property
    def preprocessing(self) -> Mapping[str, Any]:
        """The options of each encoder's `ImageSpec`."""
        return _read_json(self.folder / PREPROCESSING_FILE)

    @cached_property
    def generation(self) -> Mapping[str, Any]:
        """The options of each checkpoint's `GenerationDefaults`."""
        return _read_json(self.folder / GENERATION_FILE)

    def image_size(self, encoder: str) -> int:
        """The side of an encoder's images. Raises WeightsError where it is not recorded."""
        size = self.preprocessing.get(encoder, {}).get("size")
        if not isinstance(size, int):
            raise WeightsError(f"{self.folder / PREPROCESSING_FILE} is damaged: it has no size of {encoder}")
        return size

    def start_digest(self, component: str, by_mixture: bool = True) -> str:
        """A digest of what training starts from: the "tokenizer", "vision", "mask_tokenizer", or "pali" of `STAGE_1`.

        By the recorded digests of files, which are verified when they are read. The artifact also has what is not in
        these: the preprocessing of the encoder, and the mixture of the general model, by which it is chosen for
        questions, captions and regions; the latter without `by_mixture`, as it was once.

        Raises WeightsError where there are no such digests.
        """
        start = self.checkpoint(STAGE_1)
        parts = {"vision": start.encoder, "mask_tokenizer": MASKS_PART, "pali": start.part}
        names = [TOKENIZER_FILE] if component == "tokenizer" else self.parts.get(parts[component], [])
        files = [self.files.get(name) for name in names]
        if not files or None in files:
            raise WeightsError(f"{self.folder / CONFIG_FILE} is damaged: it has no sha256 of {component}")
        spec = self.preprocessing.get(start.encoder) if component == "vision" else None
        mixture = {"mixture": self.mixture} if component == "pali" and by_mixture else {}
        return digest({"files": files, "image_spec": spec, **mixture})

    @property
    def mixture(self) -> list[str]:
        """The tasks that the checkpoint `STAGE_1` was trained on."""
        return [str(task) for task in self.generation.get(STAGE_1, {}).get("mixture", [])]

    def start(self, by_mixture: bool = True) -> dict[str, dict[str, Json]]:
        """What training starts from, by `component` of `start_digest`: options of `plan.kinds.saved.Config`.

        Raises WeightsError without the checkpoint `STAGE_1`, and as `start_digest`.
        """
        start = self.checkpoint(STAGE_1)
        size = self.image_size(start.encoder)
        learned = self.vocabulary - self.sentinels - len(MODES) - self.codes
        found: dict[str, dict[str, Json]] = {
            "tokenizer": {"vocabulary": learned, "codes": self.codes, "rows": self.rows},
            "vision": {"vision": self.encoders[start.encoder], "image_size": size},
            "pali": {"projector": start.projector, "language": start.language, "image_size": size},
        }
        if self.mask_tokenizer is not None:
            found["mask_tokenizer"] = {"mask_tokenizer": self.mask_tokenizer}
        return {part: {"weights": self.start_digest(part, by_mixture), **options} for part, options in found.items()}

    def part_files(self, part: str) -> list[Path]:
        """The verified files of a part's weights. Raises WeightsError as `verify`, or where it has none."""
        if not self.parts.get(part):
            raise WeightsError(f"{self.folder / CONFIG_FILE} is damaged: it has no weights of {part}")
        return [self.verify(name) for name in self.parts[part]]

    def verify(self, name: str) -> Path:
        """The path of a file whose sha256 is the recorded one. Raises WeightsError for any other."""
        if name not in self.files:
            raise WeightsError(f"{self.folder / CONFIG_FILE} is damaged: it has no sha256 of {name}")
        path = self.folder / name
        try:
            found = durable.sha256_of(path)
        except OSError as error:
            raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
        if found != self.files[name]:
            raise WeightsError(f"{path} is damaged: {CONFIG_FILE} has another sha256. Copy or download it again.")
        return path


def dataclass_of(kind: Callable[..., Made], options: Mapping[str, object]) -> Made:
    """A dataclass from the JSON of it, whose lists are tuples there."""
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in options.items()})


def is_saved(folder: Path) -> bool:
    """Whether a folder holds a saved PaLI, of any format."""
    try:
        return bool(_read_json(folder / CONFIG_FILE).get("model_type") == MODEL_TYPE)
    except WeightsError:
        return False


def _read_config(folder: Path) -> Mapping[str, Any]:
    if not (folder / CONFIG_FILE).is_file():
        what = f"it has no {CONFIG_FILE}" if folder.is_dir() else "there is no such folder"
        raise WeightsError(f"{folder} is not a saved PaLI: {what}.")
    config = _read_json(folder / CONFIG_FILE)
    kind, number = config.get("model_type"), config.get("format")
    if kind != MODEL_TYPE:
        raise WeightsError(f"{folder} is not a saved PaLI: {CONFIG_FILE} is of the model_type {kind!r}.")
    if isinstance(number, int) and number > FORMAT:
        by = config.get("pali3kit", "newer")
        raise WeightsError(f"{folder} is of format {number}, pali3kit {by}: this one reads {FORMAT}. Upgrade pali3kit.")
    if not isinstance(number, int) or number < 1:
        raise WeightsError(f"{folder} has the unknown format {number!r}: this pali3kit reads {FORMAT}.")
    return config


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} is damaged: it is not a mapping")
    return content


def _checkpoint(name: str, config: Mapping[str, Any]) -> SavedCheckpoint:
    projector, language = _built_in(config["projector"]), _built_in(config["language"])
    part = str(config.get("part", pali_part(name)))
    return SavedCheckpoint(str(config["encoder"]), part, int(config["vision_width"]), projector, language)


def pali_part(checkpoint: str) -> str:
    """The part with the projector and language model of a checkpoint."""
    return f"pali.{checkpoint}"


def _built_in(component: Mapping[str, Json]) -> Named:
    """A component that building runs no code of others for, and needs no network.

    A saved folder may come from anywhere. Raises ValueError for one that it must not name.
    """
    name = str(component["name"])
    if name.startswith("hf/") or component.get("trust_remote_code"):
        raise ValueError(f"'{name}' cannot be built from a saved folder")
    return {key: value for key, value in component.items() if key not in ("weights", "pretrained", "allow")}

"""Saved folders: all checkpoints with tokenizer, preprocessing and model card, and nothing else needed.

`config.saved_pali` describes the files. Weights are safetensors, with the index of shards that transformers writes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

import torch
from torch import nn

from pali3kit import __version__, durable
from pali3kit.config.saved_pali import (
    CARD_FILE,
    CONFIG_FILE,
    FILES,
    FORMAT,
    GENERATION_FILE,
    MASKS_PART,
    MODEL_TYPE,
    PREPROCESSING_FILE,
    RECIPE_FILE,
    TOKENIZER_FILE,
    SavedPaLI,
    dataclass_of,
    is_saved,
    pali_part,
)
from pali3kit.errors import DataError, WeightsError, choose, first_line
from pali3kit.images.spec import ImageSpec
from pali3kit.inference.checkpoints import Architecture, Checkpoints, GenerationDefaults
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.pali import PaLIModel
from pali3kit.registry import MASK_TOKENIZER
from pali3kit.storage.weight_files import INDEX
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.components import build_component, build_language, build_pali, build_vision
from pali3kit.types import Json, Named
from pali3kit.vision.contract import VisionEncoder
from pali3kit.weights.files import load_sharded, save_sharded

Model = TypeVar("Model", bound=nn.Module)


def save(
    checkpoints: Checkpoints, folder: Path, names: Sequence[str] | None = None, max_shard_size: int | str = "5GB"
) -> None:
    """Write the checkpoints, all or those of `names`, as one folder that `open_saved` opens.

    The folder appears when it is whole. A saved PaLI that is there is replaced.

    Args:
        checkpoints: what is saved.
        folder: where; folders above it are made.
        names: of the checkpoints to save.
        max_shard_size: of a file of weights, in bytes or as "5GB".

    Raises:
        WeightsError: the folder holds something else than a saved PaLI, there is no checkpoint of a name, or a
            component can only be built from files outside of the folder.
    """
    folder = folder.resolve()
    chosen = _chosen(checkpoints, names)
    _require_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    durable.remove_partials(folder.parent, folder.name)
    partial = durable.partial_name(folder)
    try:
        partial.mkdir()
        _Writer(checkpoints, partial, max_shard_size).write(chosen)
        mode = (partial / CONFIG_FILE).stat().st_mode
        for path in partial.iterdir():
            path.chmod(mode)  # safetensors makes files that only their owner can read
            durable.sync(path)
        durable.sync(partial)
        _publish(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def open_saved(folder: Path) -> Checkpoints:
    """The checkpoints of a saved folder; weights are read, and verified, when a model is first asked for.

    Raises WeightsError, naming the file, where it is no saved PaLI, of another format, damaged or incomplete.
    """
    return _SavedCheckpoints(SavedPaLI(folder))


def _require_replaceable(folder: Path) -> None:
    """Raise WeightsError where a folder holds anything that is not of a saved PaLI: it would be lost."""
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not is_saved(folder)):
        raise WeightsError(f"{folder} is not a saved PaLI, and is not overwritten: name a new folder.")
    others = sorted(each.name for each in folder.iterdir() if not any(fnmatchcase(each.name, one) for one in FILES))
    if others:
        raise WeightsError(f"{folder} also holds {', '.join(others)}, and is not replaced: name a new folder.")


def _publish(partial: Path, folder: Path) -> None:
    """Rename a folder into place. What was there is removed last: until then it is all there is after a kill."""
    replaced = Path(mkdtemp(prefix=f"{folder.name}.replaced.", dir=folder.parent)) if folder.exists() else None
    if replaced is not None:
        os.replace(folder, replaced)
    os.replace(partial, folder)
    durable.sync(folder.parent)
    if replaced is not None:
        shutil.rmtree(replaced)


def _chosen(checkpoints: Checkpoints, names: Sequence[str] | None) -> tuple[str, ...]:
    for name in names or ():
        if name not in checkpoints.names:
            raise WeightsError(f"{checkpoints.name} has no checkpoint '{name}'.{choose(name, checkpoints.names)}")
    return tuple(name for name in checkpoints.names if names is None or name in names)


class _Writer:
    """Writes the files of a saved folder; one model is in memory at a time."""

    def __init__(self, checkpoints: Checkpoints, folder: Path, max_shard_size: int | str) -> None:
        self.checkpoints, self.folder, self.max_shard_size = checkpoints, folder, max_shard_size
        self.weight_map: dict[str, str] = {}
        self.parts: dict[str, list[str]] = {}
        self.encoders: dict[str, Named] = {}
        self.preprocessing: dict[str, Json] = {}
        self._digests: dict[str, str] = {}  # parts by the digest of what they hold

    def write(self, names: Sequence[str]) -> None:
        source, config = self.checkpoints, dict[str, Json]()
        tokenizer, mask_tokenizer = source.tokenizer(), source.mask_tokenizer()
        shutil.copyfile(tokenizer.path, self.folder / TOKENIZER_FILE)
        if mask_tokenizer is not None:
            self._add(MASKS_PART, mask_tokenizer)
        for name in names:
            config[name] = self._checkpoint(name)
        self._json(INDEX, {"metadata": {"total_size": self._total()}, "weight_map": self.weight_map})
        self._json(PREPROCESSING_FILE, self.preprocessing)
        self._json(GENERATION_FILE, {name: asdict(source.defaults(name)) for name in names})
        for file, text in source.documents().items():
            (self.folder / file).write_text(text, encoding="utf-8")
        described = source.architecture(names[0]).mask_tokenizer
        vocabulary = {"codes": tokenizer.codes, "sentinels": tokenizer.sentinels, "rows": tokenizer.vocabulary.rows}
        files = sorted({*self.weight_map.values(), INDEX, TOKENIZER_FILE})
        self._json(
            CONFIG_FILE,
            {
                "model_type": MODEL_TYPE,
                "format": FORMAT,
                "pali3kit": __version__,
                "bins": source.bins,
                "languages": list(source.languages()),
                "tokenizer": {**vocabulary, "size": len(tokenizer)},
                "mask_tokenizer": described if mask_tokenizer is not None else None,
                "encoders": self.encoders,
                "checkpoints": config,
                "parts": self.parts,
                "files": {file: durable.sha256_of(self.folder / file) for file in files},
            },
        )

    def _checkpoint(self, name: str) -> Named:
        """Write the models of a checkpoint; returns its entry of `config.json`."""
        built, vision = self.checkpoints.architecture(name), self.checkpoints.vision(name)
        for part in (built.vision, built.projector, built.language):
            if str(part["name"]).startswith("hf/") or part.get("trust_remote_code"):
                raise WeightsError(f"'{part['name']}' cannot be saved: it is built from files outside of the folder.")
        encoder, model = self._encoder(built.vision, vision), self.checkpoints.model(name)
        components = {"projector": built.projector, "language": built.language}
        if (digest := _digest(model, components)) not in self._digests:  # benchmarks may share a transfer
            self._digests[digest] = pali_part(name)
            self._add(pali_part(name), model)
        return {"encoder": encoder, "part": self._digests[digest], "vision_width": vision.width, **components}

    def _encoder(self, component: Named, vision: VisionEncoder) -> str:
        """The part with an encoder's weights, which are written unless an equal encoder was."""
        spec = asdict(vision.image_spec)
        digest = _digest(vision, {"component": component, "spec": spec})
        if digest not in self._digests:
            part = f"vision-{len(self.encoders) + 1}" if self.encoders else "vision"
            self._digests[digest], self.encoders[part], self.preprocessing[part] = part, component, spec
            self._add(part, vision)
        return self._digests[digest]

    def _add(self, part: str, module: nn.Module) -> None:
        dtypes = {weight.dtype for weight in module.parameters()} - {torch.float32}
        if dtypes:  # a PaLI of another dtype has converted what it shares with its checkpoints
            raise WeightsError(f"{part} was loaded as {dtypes.pop()}, which has lost digits: load it without a dtype.")
        written = save_sharded(module, self.folder, part, self.max_shard_size)
        self.parts[part] = sorted(set(written.values()))
        self.weight_map |= written

    def _total(self) -> int:
        """Bytes of all files of weights, as the index records them."""
        return sum((self.folder / file).stat().st_size for file in set(self.weight_map.values()))

    def _json(self, name: str, content: Mapping[str, Json]) -> None:
        (self.folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _digest(module: nn.Module, described: Mapping[str, Json]) -> str:
    """A digest of what a module is and of its tensors."""
    hasher = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name, tensor in module.state_dict().items():
        hasher.update(name.encode())
        hasher.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return hasher.hexdigest()


class _SavedCheckpoints(Checkpoints):
    """The checkpoints of a saved folder."""

    def __init__(self, saved: SavedPaLI) -> None:
        self.saved = saved
        self.name, self.names, self.bins = str(saved.folder), tuple(saved.checkpoints), saved.bins
        self._encoder = cache(self._read_encoder)

    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        saved = self.saved
        return Tokenizer(saved.verify(TOKENIZER_FILE), saved.codes, saved.sentinels, saved.rows)

    def mask_tokenizer(self) -> MaskVQVAE | None:
        return self._mask_tokenizer

    @cached_property
    def _mask_tokenizer(self) -> MaskVQVAE | None:
        described = self.saved.mask_tokenizer
        if described is None:
            return None
        return self._filled(MASKS_PART, lambda: build_component(MASK_TOKENIZER, described))

    def vision(self, name: str) -> VisionEncoder:
        """The image encoder of a checkpoint; the same object for all that share it."""
        return self._encoder(self.saved.checkpoint(name).encoder)

    def _read_encoder(self, part: str) -> VisionEncoder:
        try:
            spec = dataclass_of(ImageSpec, self.saved.preprocessing[part])
        except (KeyError, TypeError, AttributeError, DataError) as error:
            raise WeightsError(f"{self.saved.folder / PREPROCESSING_FILE} is damaged: {error!r}") from error
        vision = self._filled(part, lambda: build_vision(self.saved.encoders[part], spec.size))
        vision.image_spec = spec
        return vision

    def model(self, name: str) -> PaLIModel:
        config, tokenizer = self.saved.checkpoint(name), self.tokenizer()

        def build() -> PaLIModel:
            return build_pali(config.projector, config.vision_width, build_language(config.language, tokenizer))

        return self._filled(config.part, build)

    def defaults(self, name: str) -> GenerationDefaults:
        self.saved.checkpoint(name)
        try:
            return dataclass_of(GenerationDefaults, self.saved.generation[name])
        except (KeyError, TypeError, AttributeError) as error:
            raise WeightsError(f"{self.saved.folder / GENERATION_FILE} is damaged: {error}") from error

    def architecture(self, name: str) -> Architecture:
        config = self.saved.checkpoint(name)
        return Architecture(
            vision=self.saved.encoders[config.encoder],
            projector=config.projector,
            language=config.language,
            mask_tokenizer=self.saved.mask_tokenizer,
        )

    def languages(self) -> Sequence[str]:
        return self.saved.languages

    def documents(self) -> Mapping[str, str]:
        """The model card and the experiment that are in the folder, which the next folder gets unchanged."""
        files = [self.saved.folder / name for name in (CARD_FILE, RECIPE_FILE)]
        return {file.name: file.read_text(encoding="utf-8") for file in files if file.is_file()}

    def _filled(self, part: str, build: Callable[[], Model]) -> Model:
        """A model with the weights of its part."""
        folder = self.saved.folder
        try:
            model = build()
        except (TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(f"{folder}: its {part} cannot be built: {first_line(error)}") from error
        load_sharded(model, self.saved.part_files(part), part)
        return model.eval().requires_grad_(False)

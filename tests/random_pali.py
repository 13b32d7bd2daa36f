"""Checkpoints of random models in memory, small enough to be made in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch
import yaml
from PIL import Image

from pali3kit.inference.checkpoints import STAGE_1, Architecture, Checkpoints, GenerationDefaults
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.pali import PaLIModel
from pali3kit.registry import MASK_TOKENIZER
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer
from pali3kit.training.components import build_component, build_language, build_pali, build_vision
from pali3kit.types import Json
from pali3kit.vision.contract import VisionEncoder

VISION = {"name": "vit", "width": 16, "depth": 1, "heads": 2, "mlp": 16, "patch": 16, "head": "gap", "size": None}
LANGUAGE = {
    "name": "ul2", "width": 16, "encoder_depth": 1, "decoder_depth": 1, "heads": 2, "head_width": 8, "mlp": 16,
}  # fmt: skip
MASKS = {"name": "vqvae", "codes": 8, "code_width": 4, "width": 2}


class MemoryCheckpoints(Checkpoints):
    """Stage 1 and a transfer with one encoder; `refcoco` with a larger one, as stage 2 tunes it."""

    name = "memory"
    names: tuple[str, ...] = (STAGE_1, "vqav2", "refcoco")
    bins = 32

    def __init__(self, folder: Path, **language: Json) -> None:
        self.path, self.language = folder / "pieces.model", {**LANGUAGE, **language}
        folder.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            train_tokenizer(["a red fox and 2 dogs"] * 4, self.path, 400)
        self.vision, self.model = cache(self.vision), cache(self.model)  # type: ignore[method-assign]

    def tokenizer(self) -> Tokenizer:
        return Tokenizer(self.path, codes=8)

    def mask_tokenizer(self) -> MaskVQVAE | None:
        torch.manual_seed(0)
        return build_component(MASK_TOKENIZER, MASKS).eval()

    def vision(self, name: str) -> VisionEncoder:
        torch.manual_seed(1)
        return build_vision(VISION, self.defaults(name).image_size).eval()

    def model(self, name: str) -> PaLIModel:
        torch.manual_seed(2 + self.names.index(name))
        return build_pali({"name": "linear"}, 16, build_language(self.language, self.tokenizer())).eval()

    def defaults(self, name: str) -> GenerationDefaults:
        size, task = (48, "refer") if name == "refcoco" else (32, "" if name == STAGE_1 else "vqa")
        return GenerationDefaults(task=task, image_size=size, prompt_length=8, target_length=6, beams=2)

    def architecture(self, name: str) -> Architecture:
        return Architecture(vision=VISION, projector={"name": "linear"}, language=self.language, mask_tokenizer=MASKS)

    def documents(self) -> Mapping[str, str]:
        return {"README.md": "# A card\n"}


def answer(checkpoints: Checkpoints, name: str, prompt: str = "what is it?") -> torch.Tensor:
    """Logits `[1,T,V]` of a checkpoint for a grey image."""
    vision, model, tokenizer = checkpoints.vision(name), checkpoints.model(name), checkpoints.tokenizer()
    side = checkpoints.defaults(name).image_size
    images = vision.image_spec.normalise_batch(torch.full((1, 3, side, side), 99, dtype=torch.uint8))
    ids = torch.tensor([tokenizer.encode(prompt)])
    with torch.no_grad():
        return model(vision(images), vision.native_grid, ids, torch.ones_like(ids, dtype=torch.bool), ids)


def start_from(folder: Path, saved: Path, *overrides: str) -> list[str]:
    """The arguments of an experiment that starts from a saved PaLI, on five images of one's own in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, split in enumerate(("train", "train", "train", "test", "test")):
        Image.new("RGB", (40, 30), (50 * number, 90, 120)).save(folder / f"{number}.png")
        asked = [{"question": "what is it?", "answers": ["a fox"] * 3}]
        with (folder / f"{split}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"image": f"{number}.png", "caption": "a red fox", "questions": asked}) + "\n")
    files = {"path": f"{folder}/train.jsonl", "images": str(folder), "test": f"{folder}/test.jsonl"}
    own = {
        "name": "own", "scale": "smoke", "model": {"from": str(saved)}, "evaluate": ["vqav2"],
        "data": {"source": {"name": "records", **files}, "train": 3, "test": 2},
        "stages": {
            "multimodal": {
                "examples": 8, "batch_size": 4, "mixture": {"vqa": 1, "ocr": 0, "object_vqa": 0, "detect": 0},
            },
            "resolution": {"steps": []}, "transfer": {"examples": 8, "batch_size": 4},
        },
        "evaluation": {"after": ["multimodal", "transfer"]},
    }  # fmt: skip
    (folder / "scales").mkdir(exist_ok=True)
    scale = Path(__file__).parents[1] / "experiments" / "scales" / "smoke.yaml"
    (folder / "scales" / "smoke.yaml").write_bytes(scale.read_bytes())
    (folder / "own.yaml").write_text(yaml.safe_dump(own))
    return [str(folder / "own.yaml"), *overrides]

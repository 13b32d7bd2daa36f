"""Our ViT, timm's and open_clip's, configured to compute the same function. Not a script."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import open_clip
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import pali3kit as pk
from pali3kit.config.shapes import VIT_SHAPES, VitShape

Pooled = Callable[[Tensor], Tensor]
Towers = dict[str, tuple[nn.Module, Pooled]]  # each model, and its function from images to pooled vectors


def build(shape: VitShape, image_size: int) -> Towers:
    """Ours and the peers, with the same random weights."""
    numbers = {"embed_dim": shape.width, "depth": shape.depth, "num_heads": shape.heads, "patch_size": shape.patch}
    numbers |= {"img_size": image_size, "mlp_ratio": shape.mlp / shape.width}
    theirs = timm.create_model("vit_base_patch16_siglip_224", num_classes=0, act_layer="gelu_tanh", **numbers)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "timm.safetensors")
        save_file(theirs.state_dict(), weights)
        ours = pk.create_vision("vit", image_size=image_size, **asdict(shape), weights=str(weights))
    found: Towers = {"pali3kit": (ours, ours.pooled), "timm": (theirs, theirs)}
    if shape == VIT_SHAPES["B/16"] and image_size == 224:
        tower: Any = open_clip.create_model("ViT-B-16-SigLIP").visual
        tower.trunk.load_state_dict(theirs.state_dict())
        for module in tower.modules():
            if isinstance(module, nn.GELU):
                module.approximate = "tanh"
        found["open_clip"] = tower, tower
    return found


def print_differences(towers: Towers, images: Tensor) -> None:
    with torch.no_grad():
        pooled = {name: call(images[:1]) for name, (_, call) in towers.items()}
    ours = pooled.pop("pali3kit")
    told = [f"{name} {(theirs - ours).abs().max() / ours.abs().max():.0e}" for name, theirs in pooled.items()]
    print(f"largest difference of pooled outputs from ours, relative to the largest: {', '.join(told)}\n")

"""Export our weights as folders that timm, open_clip and transformers can load."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import save_file

from pali3kit.errors import ConfigError, WeightsError, choose
from pali3kit.images.spec import RESAMPLING, ImageSpec
from pali3kit.language.ul2 import UL2
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.two_towers import TwoTowers
from pali3kit.vision.heads import MapHead
from pali3kit.vision.vit import ViT
from pali3kit.weights.layout import require_vit
from pali3kit.weights.layouts.mask_vae import mask_links
from pali3kit.weights.layouts.t5 import language_links
from pali3kit.weights.layouts.timm import TIMM, TRUNK
from pali3kit.weights.links import to_theirs
from pali3kit.weights.recognise import LAYOUTS

VISION_FORMATS = ("timm", "hf")
"""Formats that a ViT without text tower can be exported to."""


def export_vision(vit: ViT, folder: Path, to: str) -> None:
    """Write `vit` as a folder that `to` loads: `timm.create_model("local-dir:FOLDER", pretrained=True)` or
    `transformers.AutoModel.from_pretrained(FOLDER)`.

    Raises:
        ConfigError: `to` is unknown, or has no model of this shape.
    """
    if to not in VISION_FORMATS:
        raise ConfigError([f"a ViT cannot be exported to '{to}'.{choose(to, VISION_FORMATS)}"])
    if to == "hf" and not isinstance(vit.head, MapHead):
        raise ConfigError(["transformers' SigLIP needs a MAP head: export this ViT to timm instead"])
    folder.mkdir(parents=True, exist_ok=True)
    prefix = "" if to == "timm" else "vision_model."
    save_file(
        to_theirs(LAYOUTS[to].vision(vit, prefix), vit.state_dict()), folder / "model.safetensors", {"format": "pt"}
    )
    _write_json(folder / "config.json", _timm_config(vit) if to == "timm" else _hf_config(vit))
    if to == "hf":
        _write_json(folder / "preprocessor_config.json", _hf_preprocessing(vit.image_spec))


def export_two_towers(model: TwoTowers, folder: Path, trunk: str) -> None:
    """Write a dual encoder as a folder that open_clip loads: `open_clip.create_model("local-dir:FOLDER")`.

    timm's SigLIP ViTs up to So400m compute the exact GELU; ours, like big_vision's, use the tanh approximation. So
    image embeddings differ slightly, as they do for the published checkpoints.

    Args:
        model: its vision encoder is a ViT with MAP head.
        folder: where `open_clip_config.json` and `open_clip_model.safetensors` are written.
        trunk: timm's name of a ViT of this shape and image size, e.g. `vit_base_patch16_siglip_224`: open_clip can only
            build ViTs by name.

    Raises:
        ConfigError: timm's `trunk` has another shape.
        WeightsError: the image tower is not our `ViT`.
    """
    vit = require_vit(model.vision)
    _require_same_shape(vit, trunk)
    folder.mkdir(parents=True, exist_ok=True)
    links = TIMM.dual_encoder(vit, model.text, TRUNK)
    tensors = to_theirs(links, model.state_dict())
    tensors |= {name: tensors[name].reshape(()) for name in ("logit_scale", "logit_bias")}
    save_file(tensors, folder / "open_clip_model.safetensors")
    text, spec = model.text, vit.image_spec
    config = {
        "embed_dim": vit.width,
        "init_logit_bias": float(model.bias.detach()),
        "custom_text": True,
        "vision_cfg": {"image_size": spec.size, "timm_model_name": trunk, "timm_pool": "map", "timm_proj": "none"},
        "text_cfg": {
            "context_length": text.positions.shape[1],
            "vocab_size": text.embedding.num_embeddings,
            "width": text.embedding.embedding_dim,
            "heads": text.heads,
            "layers": text.depth,
            "mlp_ratio": text.mlp / text.embedding.embedding_dim,
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
            "act_kwargs": {"approximate": "tanh"},
            "norm_kwargs": {"eps": 1e-6},
        },
    }
    preprocessing = {
        "mean": spec.mean,
        "std": spec.std,
        "interpolation": spec.interpolation,
        "resize_mode": spec.resize,
    }
    _write_json(folder / "open_clip_config.json", {"model_cfg": config, "preprocess_cfg": preprocessing})


def export_language(language: UL2, folder: Path) -> None:
    """Write `language` as a folder that transformers loads: `T5ForConditionalGeneration.from_pretrained(FOLDER)`.

    Weights of more than 5 GB are written in shards. Raises WeightsError for a model that is not a `UL2`.
    """
    if not isinstance(language, UL2):
        kind = type(language).__name__
        raise WeightsError(f"only ul2 can be exported, not {kind}: models of transformers have model.save_pretrained")
    folder.mkdir(parents=True, exist_ok=True)
    save_torch_state_dict(to_theirs(language_links(language), language.state_dict()), str(folder))
    _write_json(folder / "config.json", _t5_config(language) | _t5_tokens(language))
    _write_json(folder / "generation_config.json", _t5_tokens(language))


def export_mask_tokenizer(mask_tokenizer: MaskVQVAE, file: Path) -> None:
    """Write `mask_tokenizer` as a file in the layout of big_vision's `vae-oid.npz`; its name must end in `.npz`."""
    tensors = to_theirs(mask_links(mask_tokenizer), mask_tokenizer.state_dict())
    arrays: dict[str, Any] = {name: tensor.numpy(force=True) for name, tensor in tensors.items()}
    np.savez(file, **arrays)


def _t5_config(language: UL2) -> dict[str, object]:
    options = language.options
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "vocab_size": language.vocabulary,
        "d_model": options["width"],
        "num_layers": options["encoder_depth"],
        "num_decoder_layers": options["decoder_depth"],
        "num_heads": options["heads"],
        "d_kv": options["head_width"],
        "d_ff": options["mlp"],
        "feed_forward_proj": _t5_activation(str(options["activation"]), bool(options["gated"])),
        "tie_word_embeddings": options["tied"],
        "relative_attention_num_buckets": options["buckets"],
        "relative_attention_max_distance": options["max_distance"],
        "layer_norm_epsilon": options["epsilon"],
        "dropout_rate": options["dropout"],
        "is_encoder_decoder": True,
    }


def _t5_activation(activation: str, gated: bool) -> str:
    """The activation's name in transformers, whose `gated-gelu` is the tanh approximation, but `gelu` the exact one."""
    names = {"gelu_exact": "gelu", "gelu": "gelu_new"}
    if (activation, gated) == ("gelu_exact", True):
        raise WeightsError("transformers' T5 has no gated exact GELU: its 'gated-gelu' is the tanh approximation")
    return f"gated-{activation}" if gated else names.get(activation, activation)


def _t5_tokens(language: UL2) -> dict[str, int]:
    start, end = language.start_id, language.eos_id
    return {"decoder_start_token_id": start, "pad_token_id": start, "eos_token_id": end}


def _require_same_shape(vit: ViT, trunk: str) -> None:
    with torch.device("meta"):
        model = timm.create_model(trunk, num_classes=0)
    theirs = {name: [*x.shape] for name, x in model.state_dict().items()}
    ours = {name: [*x.shape] for name, x in to_theirs(TIMM.vision(vit, ""), vit.state_dict()).items()}
    differing = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    if differing:
        some = ", ".join(f"{name} {theirs.get(name)} in timm, {ours.get(name)} in ours" for name in differing[:3])
        raise ConfigError([f"timm's {trunk} has another shape: {some}"])


def _timm_config(vit: ViT) -> dict[str, object]:
    """Config of timm's plain ViT; `model_args` replaces every size of the named architecture."""
    pool = "map" if isinstance(vit.head, MapHead) else "token" if vit.class_token is not None else "avg"
    spec = vit.image_spec
    return {
        "architecture": "vit_base_patch16_224",
        "num_classes": 0,
        "num_features": vit.width,
        "global_pool": pool,
        "model_args": {
            "img_size": spec.size,
            "patch_size": vit.patch,
            "embed_dim": vit.width,
            "depth": vit.shape.depth,
            "num_heads": vit.shape.heads,
            "mlp_ratio": vit.shape.mlp / vit.width,
            "class_token": vit.class_token is not None,
            "no_embed_class": True,
            "global_pool": pool,
            "fc_norm": False,
            "act_layer": "gelu_tanh",
        },
        "pretrained_cfg": {
            "input_size": [3, spec.size, spec.size],
            "interpolation": spec.interpolation,
            "crop_mode": "squash" if spec.resize == "squash" else "center",
            "crop_pct": spec.crop,
            "mean": spec.mean,
            "std": spec.std,
            "num_classes": 0,
        },
    }


def _hf_config(vit: ViT) -> dict[str, object]:
    return {
        "architectures": ["SiglipVisionModel"],
        "model_type": "siglip_vision_model",
        "hidden_size": vit.width,
        "intermediate_size": vit.shape.mlp,
        "num_hidden_layers": vit.shape.depth,
        "num_attention_heads": vit.shape.heads,
        "image_size": vit.image_spec.size,
        "patch_size": vit.patch,
        "hidden_act": "gelu_pytorch_tanh",
        "layer_norm_eps": 1e-6,
    }


def _hf_preprocessing(spec: ImageSpec) -> dict[str, object]:
    return {
        "image_processor_type": "SiglipImageProcessor",
        "do_resize": True,
        "size": {"height": spec.size, "width": spec.size},
        "resample": RESAMPLING[spec.interpolation],
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": spec.mean,
        "image_std": spec.std,
    }


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")

"""Image towers of open_clip: `open_clip/<model>`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

import open_clip
import torch
from open_clip import CLIP, CustomTextCLIP
from open_clip.model import _build_vision_tower  # the only way to build one tower alone
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transform import PreprocessCfg
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn

from pali3kit.errors import ConfigError, RegistryError, WeightsError, choose, first_line, nearest
from pali3kit.images.spec import ImageSpec
from pali3kit.nn.attention import attend, merge_heads, split_heads
from pali3kit.nn.positions import Grid
from pali3kit.nn.pretrained import loads_pretrained
from pali3kit.registry import VISION
from pali3kit.vision.adapters.timm import patch_of, to_tokens
from pali3kit.vision.contract import Adapter

Tower: TypeAlias = VisionTransformer | TimmModel | ModifiedResNet
STRIDE = 32  # pixels per feature of a ResNet's last feature map


@VISION.register("open_clip/", "image tower: open_clip/ViT-B-16-SigLIP")
class OpenClipEncoder(Adapter):
    """The image tower of an open_clip model: a ViT's tokens after its last norm, without the class token, or the last
    feature map of a ResNet or of a timm network.

    `pooled` is the tower's output before the projection into the space that it shares with texts, so that tokens and
    `pooled` have the same width; in towers without a projection, as in SigLIP, it is the embedding.

    Args:
        name: open_clip's name, e.g. `ViT-B-16-SigLIP`.
        image_size: side of the images, pixels; None: that of the model's own. The tower takes this resolution only.
        pretrained: a tag of open_clip's weights, which are downloaded, or a file of weights; None: random weights,
            without a download.

    Raises:
        RegistryError, WeightsError: as `create_open_clip`.
        ConfigError: the tower has no tokens on a grid, like CoCa's, or cannot take images of this size.
    """

    def __init__(self, name: str, image_size: int | None = None, pretrained: str | None = None) -> None:
        _require_known(name)
        size = image_size or int(open_clip.get_model_config(name)["vision_cfg"]["image_size"])
        tower = _tower(name, size, pretrained)
        spec = open_clip_image_spec(tower, name, size, pretrained)
        if isinstance(tower, VisionTransformer) and tower.attn_pool is not None:
            raise ConfigError(
                [f"open_clip's {name} has no tokens on a grid: its image tower pools them by learned queries"]
            )
        super().__init__(*_width_and_patch(tower), spec, f"open_clip's {name}")
        self.core = _without_projection(tower)
        self.require_output_shapes(size)

    def grid(self, resolution: int) -> Grid:
        if resolution != self.image_spec.size:
            raise ConfigError(
                [f"{self.name}: its tower was built for {self.image_spec.size} pixels and cannot take {resolution}"]
            )
        return super().grid(resolution)

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor
        if isinstance(self.core, VisionTransformer):
            _, tokens = self.core(images)
            return self.core.ln_post(tokens) if self.core.final_ln_after_pool else tokens
        if isinstance(self.core, ModifiedResNet):
            return _feature_map(self.core, images).flatten(2).transpose(1, 2)
        return to_tokens(self.core, self.core.forward_features(images))

    def pooled(self, images: Tensor) -> Tensor:
        vector: Tensor
        if isinstance(self.core, VisionTransformer):
            vector, _ = self.core(images)
        elif isinstance(self.core, ModifiedResNet):
            vector = _attention_pool(self.core.attnpool, self(images))
        else:
            vector = self.core(images)
        return vector


def create_open_clip(name: str, pretrained: str | None, image_size: int | None = None) -> CLIP | CustomTextCLIP:
    """The model with both towers, at its own image size unless another is given.

    Raises:
        RegistryError: open_clip has no such model.
        WeightsError: `pretrained` is neither a tag of this model nor a file, or cannot be downloaded or loaded.
    """
    _require_known(name)
    if pretrained and not (_tag(name, pretrained) or Path(pretrained).is_file()):
        tags = open_clip.list_pretrained_tags_by_model(name)
        raise WeightsError(
            f"open_clip has no weights '{pretrained}' of {name}, and there is no file {Path(pretrained).resolve()}."
            f"{choose(pretrained, tags)}"
        )
    if not loads_pretrained():
        pretrained = None
    try:
        where = torch.get_default_device()  # else open_clip moves the model to the CPU, from the meta device too
        return open_clip.create_model(name, pretrained=pretrained, force_image_size=image_size, device=where)
    except Exception as error:  # a damaged file may raise anything
        if not pretrained:
            raise
        raise WeightsError(
            f"the weights '{pretrained}' of open_clip's {name} cannot be loaded: {first_line(error)}"
        ) from error


def open_clip_image_spec(tower: Tower, name: str, image_size: int, pretrained: str | None) -> ImageSpec:
    """The preprocessing of the weights that a tag names. For a file and for random weights, which have none, that of
    the first tag of the model.
    """
    tags = open_clip.list_pretrained_tags_by_model(name)
    override = {} if (pretrained and _tag(name, pretrained)) or not tags else _tag(name, tags[0])
    given = asdict(PreprocessCfg()) | open_clip.get_model_preprocess_cfg(tower) | override
    return ImageSpec(
        image_size,
        tuple(given["mean"]),
        tuple(given["std"]),
        resize="squash" if given["resize_mode"] == "squash" else "shortest",
        interpolation=given["interpolation"],
        colours="last",
    )


def _require_known(name: str) -> None:
    if name not in open_clip.list_models():
        raise RegistryError(f"open_clip has no model '{name}'.{nearest(name, open_clip.list_models())}")


def _tag(name: str, pretrained: str) -> dict[str, object]:
    """open_clip's entry of published weights; empty if `pretrained` is not a tag."""
    known: dict[str, object] = open_clip.get_pretrained_cfg(name, pretrained)
    return known


def _tower(name: str, image_size: int, pretrained: str | None) -> Tower:
    """The image tower. Without weights the text tower, which may need a download, is not built."""
    if pretrained:
        visual: Tower = create_open_clip(name, pretrained, image_size).visual
        return visual
    config = open_clip.get_model_config(name)
    vision = config["vision_cfg"] | {"image_size": image_size, "timm_model_pretrained": False}
    try:
        tower: Tower = _build_vision_tower(config["embed_dim"], vision, config.get("quick_gelu", False))
        if isinstance(tower, TimmModel):
            tower.set_input_size(image_size)
    except Exception as error:  # a size that does not fit may raise anything
        raise ConfigError(
            [f"open_clip's {name} cannot be built for {image_size} pixels: {first_line(error)}"]
        ) from error
    return tower


def _width_and_patch(tower: Tower) -> tuple[int, int]:
    """D, and the side of a token in pixels."""
    if isinstance(tower, TimmModel):
        return tower.trunk.num_features, patch_of(tower.trunk)
    if isinstance(tower, ModifiedResNet):
        return tower.attnpool.q_proj.in_features, STRIDE
    return tower.transformer.width, tower.patch_size[0]


def _without_projection(tower: Tower) -> Tower:
    """The tower without its projection into the space that it shares with texts."""
    core: Tower = tower
    if isinstance(tower, TimmModel):
        core = tower.trunk
        if tower.trunk.num_classes:  # open_clip puts the projection in place of timm's classifier
            tower.trunk.reset_classifier(0)
    elif isinstance(tower, ModifiedResNet):
        tower.attnpool.c_proj = nn.Identity()
    else:
        tower.output_tokens, tower.proj = True, None
    return core


def _feature_map(network: ModifiedResNet, images: Tensor) -> Tensor:
    x: Tensor = network.stem(images)
    for layer in (network.layer1, network.layer2, network.layer3, network.layer4):
        x = layer(x)
    return x


def _attention_pool(pool: AttentionPool2d, tokens: Tensor) -> Tensor:
    """CLIP's pooling of ResNets without its projection, `[B,N,D] -> [B,D]`: the mean attends to all tokens."""
    states = torch.cat([tokens.mean(1, keepdim=True), tokens], 1) + pool.positional_embedding.to(tokens.dtype)
    query, key, value = (
        split_heads(project(x), pool.num_heads)
        for project, x in ((pool.q_proj, states[:, :1]), (pool.k_proj, states), (pool.v_proj, states))
    )
    return merge_heads(attend(query, key, value))[:, 0]

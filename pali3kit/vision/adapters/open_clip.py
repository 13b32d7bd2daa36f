"""Image towers of open_clip: `open_clip/<model>`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

import open_clip
import torch
from open_clip import CLIP, CustomTextCLIP
from open_clip.model import _build_vision_tower  # there is no other way to one tower without the other
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
STRIDE = 32  # pixels to a feature of a ResNet's last map


@VISION.register("open_clip/", "image tower: open_clip/ViT-B-16-SigLIP")
class OpenClipEncoder(Adapter):
    """The image tower of an open_clip model: a ViT's tokens after its last norm, without the class token, or the last
    map of a ResNet or of a network of timm.

    `pooled` is the tower's output before the projection into the space that it shares with texts, so that both have
    the same width; where there is no projection, as in SigLIP, it is the embedding.

    Args:
        name: as open_clip has it, `ViT-B-16-SigLIP`.
        image_size: side length of the pictures, pixels. The tower then works at this resolution alone.
        pretrained: a tag of open_clip's weights, which are fetched, or a file of weights; None starts from random ones,
            and nothing is fetched.

    Raises:
        RegistryError, WeightsError: as `create`.
        ConfigError: the tower gives no tokens on a grid, as CoCa's, or not for pictures of this size.
    """

    def __init__(self, name: str, image_size: int, pretrained: str | None = None) -> None:
        tower = _tower(name, image_size, pretrained)
        spec = image_spec(tower, name, image_size, pretrained)
        if isinstance(tower, VisionTransformer) and tower.attn_pool is not None:
            raise ConfigError(
                [f"open_clip's {name} has no tokens on a grid: its image tower reads them into queries of its own"]
            )
        super().__init__(*_measures(tower), spec, f"open_clip's {name}")
        self.core = _without_projection(tower)
        self.demand_contract(image_size)

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
            return _last_map(self.core, images).flatten(2).transpose(1, 2)
        return to_tokens(self.core, self.core.forward_features(images))

    def pooled(self, images: Tensor) -> Tensor:
        vector: Tensor
        if isinstance(self.core, VisionTransformer):
            vector, _ = self.core(images)
        elif isinstance(self.core, ModifiedResNet):
            vector = _attended(self.core.attnpool, self(images))
        else:
            vector = self.core(images)
        return vector


def create(name: str, pretrained: str | None, image_size: int | None = None) -> CLIP | CustomTextCLIP:
    """The whole model, both towers, at its own image size unless another is given.

    Raises:
        RegistryError: open_clip has no such model.
        WeightsError: `pretrained` is neither a tag of this model nor a file, or cannot be fetched or loaded.
    """
    _demand_known(name)
    if pretrained and not (_tag(name, pretrained) or Path(pretrained).is_file()):
        tags = open_clip.list_pretrained_tags_by_model(name)
        raise WeightsError(
            f"open_clip has no weights '{pretrained}' of {name}, and {Path(pretrained).resolve()} is no file."
            f"{choose(pretrained, tags)}"
        )
    if not loads_pretrained():
        pretrained = None
    try:
        where = torch.get_default_device()  # open_clip moves it to the CPU otherwise, also what has no memory
        return open_clip.create_model(name, pretrained=pretrained, force_image_size=image_size, device=where)
    except Exception as error:  # a damaged file is told by whatever its reader stumbles over
        if not pretrained:
            raise
        raise WeightsError(
            f"the weights '{pretrained}' of open_clip's {name} cannot be loaded: {first_line(error)}"
        ) from error


def image_spec(tower: Tower, name: str, image_size: int, pretrained: str | None) -> ImageSpec:
    """What came with the weights of a tag. A file says nothing, and random weights want nothing: for them it is the
    preprocessing of the first weights that were published for the model.
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


def _demand_known(name: str) -> None:
    if name not in open_clip.list_models():
        raise RegistryError(f"open_clip has no model '{name}'.{nearest(name, open_clip.list_models())}")


def _tag(name: str, pretrained: str) -> dict[str, object]:
    """What open_clip knows of published weights; nothing if `pretrained` is no tag."""
    known: dict[str, object] = open_clip.get_pretrained_cfg(name, pretrained)
    return known


def _tower(name: str, image_size: int, pretrained: str | None) -> Tower:
    """The image tower; where there are no weights, without the other, which may have to be fetched."""
    if pretrained:
        whole: Tower = create(name, pretrained, image_size).visual
        return whole
    _demand_known(name)
    config = open_clip.get_model_config(name)
    vision = config["vision_cfg"] | {"image_size": image_size, "timm_model_pretrained": False}
    try:
        tower: Tower = _build_vision_tower(config["embed_dim"], vision, config.get("quick_gelu", False))
        if isinstance(tower, TimmModel):
            tower.set_input_size(image_size)
    except Exception as error:  # a size that does not fit is told by whatever the tower stumbles over
        raise ConfigError([f"open_clip's {name} cannot be had at {image_size} pixels: {first_line(error)}"]) from error
    return tower


def _measures(tower: Tower) -> tuple[int, int]:
    """Width, and pixels a token."""
    if isinstance(tower, TimmModel):
        return tower.trunk.num_features, patch_of(tower.trunk)
    if isinstance(tower, ModifiedResNet):
        return tower.attnpool.q_proj.in_features, STRIDE
    return tower.transformer.width, tower.patch_size[0]


def _without_projection(tower: Tower) -> Tower:
    """What comes before the projection into the space that is shared with texts."""
    core: Tower = tower
    if isinstance(tower, TimmModel):
        core = tower.trunk
        if tower.trunk.num_classes:  # the classifier's place is where timm's networks are given a projection
            tower.trunk.reset_classifier(0)
    elif isinstance(tower, ModifiedResNet):
        tower.attnpool.c_proj = nn.Identity()
    else:
        tower.output_tokens, tower.proj = True, None
    return core


def _last_map(network: ModifiedResNet, images: Tensor) -> Tensor:
    x: Tensor = network.stem(images)
    for layer in (network.layer1, network.layer2, network.layer3, network.layer4):
        x = layer(x)
    return x


def _attended(pool: AttentionPool2d, tokens: Tensor) -> Tensor:
    """CLIP's pooling of ResNets, `[B,N,D] -> [B,D]`, before its projection: their mean attends to the tokens."""
    states = torch.cat([tokens.mean(1, keepdim=True), tokens], 1) + pool.positional_embedding.to(tokens.dtype)
    query, key, value = (
        split_heads(project(x), pool.num_heads)
        for project, x in ((pool.q_proj, states[:, :1]), (pool.k_proj, states), (pool.v_proj, states))
    )
    return merge_heads(attend(query, key, value))[:, 0]

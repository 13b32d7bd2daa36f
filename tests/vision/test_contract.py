"""The interface of vision encoders, and the base class of adapters."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.datasets import FakeData

from pali3kit.errors import ConfigError
from pali3kit.images.spec import ImageSpec
from pali3kit.registry import VISION
from pali3kit.vision.adapters.open_clip import OpenClipEncoder
from pali3kit.vision.adapters.timm import TimmEncoder
from pali3kit.vision.contract import Adapter, VisionEncoder, freeze_unread
from pali3kit.vision.vit import ViT


class Library(nn.Module):
    """An encoder of another library with gradient checkpointing."""

    recomputes = False

    def set_grad_checkpointing(self) -> None:
        self.recomputes = True


class Wrapped(Adapter):
    def __init__(self, model: nn.Module) -> None:
        super().__init__(4, 8, ImageSpec(32))
        self.model = model


def test_every_encoder_is_a_subclass() -> None:
    assert all(issubclass(kind, VisionEncoder) for kind in (ViT, TimmEncoder, OpenClipEncoder))


def test_abstract_methods_raise() -> None:
    encoder, images = VisionEncoder(), torch.zeros(1, 3, 8, 8)
    for asked in (
        encoder,
        encoder.pooled,
        lambda _: encoder.set_gradient_checkpointing(True),
        lambda _: encoder.resample_positions({}, (1, 1)),
    ):
        with pytest.raises(NotImplementedError):
            asked(images)


@pytest.mark.parametrize("name", ["vit", "timm/test_vit", "open_clip/ViT-S-32-alt"])
def test_the_transform_is_what_the_weights_were_trained_with(name: str) -> None:
    """Of images of any mode, in a torchvision data set and pickled for its worker processes."""
    shape = {"width": 16, "depth": 1, "heads": 2, "mlp": 32, "patch": 32} if name == "vit" else {}
    encoder = VISION.build(name, image_size=64, **shape)
    rows = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    for image in (Image.fromarray(rows), Image.fromarray(rows).convert("L")):
        expected = encoder.image_spec.prepare([np.array(image.convert("RGB"))])[0]
        found = encoder.transform(image)
        assert found.shape == (3, 64, 64) and found.dtype == torch.float32 and torch.equal(found, expected)
    loader = DataLoader(FakeData(2, (3, 60, 90), transform=pickle.loads(pickle.dumps(encoder.transform))), batch_size=2)
    assert next(iter(loader))[0].shape == (2, 3, 64, 64)


@pytest.mark.parametrize(("name", "size"), [("timm/test_vit", 160), ("open_clip/ViT-S-32-alt", 224)])
def test_a_models_own_image_size_is_the_default(name: str, size: int) -> None:
    assert VISION.build(name).image_spec.size == size


def test_the_grid_is_square_by_default() -> None:
    encoder = Wrapped(nn.Identity())
    assert encoder.native_grid == (4, 4)
    assert encoder.grid(48) == (6, 6)
    assert encoder.load_report is None
    with pytest.raises(ConfigError, match="patch 8 does not divide a resolution of 30 pixels"):
        encoder.grid(30)


def test_gradient_checkpointing_by_the_librarys_method() -> None:
    library = Library()
    Wrapped(library).set_gradient_checkpointing(False)
    assert not library.recomputes
    Wrapped(library).set_gradient_checkpointing(True)
    assert library.recomputes
    Wrapped(nn.Identity()).set_gradient_checkpointing(True)  # no effect


def test_a_call_runs_hooks() -> None:
    """The typed `__call__` is for type checkers only."""
    vit, seen = ViT(image_size=16, width=8, depth=1, heads=2, mlp=8, patch=8), []
    vit.register_forward_hook(lambda module, given, states: seen.append(states))
    states: Tensor = vit(torch.zeros(1, 3, 16, 16))
    assert seen[0] is states


class Odd(Adapter):
    """An encoder of another library with wrong output shapes."""

    def __init__(self, tokens: tuple[int, ...], pooled: tuple[int, ...], fails: bool = False) -> None:
        super().__init__(4, 8, ImageSpec(32), "their odd-1")
        self.model, self.shapes, self.fails = nn.Linear(3, 4), (tokens, pooled), fails

    def forward(self, images: Tensor) -> Tensor:
        if self.fails:
            raise RuntimeError("32 is odd\nhere")
        return images.new_empty(self.shapes[0]) + self.model.weight.sum()

    def pooled(self, images: Tensor) -> Tensor:
        return images.new_empty(self.shapes[1]) + self.model.bias.sum()


def test_output_shapes_are_checked() -> None:
    encoder = Odd((2, 16, 4), (2, 4))
    encoder.require_output_shapes(32)
    assert encoder.training and not encoder.model.weight.is_meta
    for odd, told in (
        (
            Odd((2, 15, 4), (2, 4)),
            r"their odd-1 does not give tokens of a grid of 4x4 .*: \[15, 4\], not \[16",
        ),
        (
            Odd((2, 4, 4, 4), (2, 4)),
            r"their odd-1 does not give tokens of a grid of 4x4 .*: \[4, 4, 4\], not",
        ),
        (Odd((2, 16, 4), (2, 9)), r"does not give one vector per image for images of 32 pixels: \[9\], not \[4\]"),
        (Odd((2, 16, 4), (2, 4), fails=True), r"their odd-1 cannot encode images of 32 pixels: 32 is odd$"),
    ):
        with pytest.raises(ConfigError, match=told):
            odd.require_output_shapes(32)


def encoder_of(name: str, folder: Path) -> VisionEncoder:
    if name in ("map", "gap", "token"):
        return ViT(16, width=16, depth=1, heads=2, mlp=32, patch=8, head=name)
    if name.startswith("hf/"):
        kind = name.removeprefix("hf/")
        shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "image_size": 32, "patch_size": 8}
        config = getattr(transformers, f"{kind}Config")(**shape)
        getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
        name = f"hf/{folder}"
    encoder: VisionEncoder = VISION.build(name, image_size=64 if "/" in name and "hf/" not in name else 32)
    return encoder


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("map", 15),
        ("gap", 0),
        ("token", 0),
        ("timm/test_vit", 0),
        ("timm/test_vit3", 13),
        ("timm/test_convnext", 2),
        ("timm/mobilenetv3_small_050", 2),
        ("open_clip/ViT-S-32-alt", 0),
        ("hf/SiglipVision", 11),
        ("hf/CLIPVision", 0),
        ("hf/Dinov2", 1),
        ("hf/ViT", 2),
    ],
)
def test_what_no_token_reads_is_frozen_without_running_the_encoder(name: str, held: int, tmp_path: Path) -> None:
    """The same parameters as by a run, whose backward pass gives them no gradient."""
    encoder = encoder_of(name, tmp_path).eval()
    side = encoder.image_spec.size
    named = {key: weight for key, weight in encoder.named_parameters() if weight.requires_grad}
    tokens = encoder(torch.zeros(1, 3, side, side))
    gradients = torch.autograd.grad(tokens.sum(), list(named.values()), allow_unused=True)
    reached = {key for key, gradient in zip(named, gradients, strict=True) if gradient is not None}
    run = list[str]()
    handle = encoder.register_forward_pre_hook(lambda module, given: run.append(given[0].device.type))
    freeze_unread(encoder)
    handle.remove()
    learning = {key for key, weight in encoder.named_parameters() if weight.requires_grad}
    assert learning == reached and "cpu" not in run
    assert len(list(encoder.parameters())) - len(learning) == held


@pytest.mark.parametrize("name", ["timm/mobilenetv3_small_050", "timm/test_vit3"])
def test_an_encoder_is_built_in_inference_mode_as_elsewhere(name: str, tmp_path: Path) -> None:
    """As the stages `features` and `throughput` build it: its weights can have no gradients there."""
    frozen = {}
    for inference in (False, True):
        with torch.inference_mode(inference):
            encoder = encoder_of(name, tmp_path)
            freeze_unread(encoder)
        frozen[inference] = {key for key, weight in encoder.named_parameters() if not weight.requires_grad}
    assert frozen[True] == frozen[False] != set()


def test_an_encoder_that_cannot_run_on_the_meta_device() -> None:
    class Reading(Wrapped):
        def forward(self, images: Tensor) -> Tensor:
            return images * self.model.weight.sum().item()

    with pytest.raises(ConfigError, match=r"the encoder Reading cannot run on the meta device: .*item\(\)"):
        freeze_unread(Reading(nn.Linear(3, 4)))


def test_a_library_without_gradient_checkpointing() -> None:
    class Cannot(nn.Module):
        def set_grad_checkpointing(self) -> None:
            raise AssertionError("gradient checkpointing not supported")

    Wrapped(Cannot()).set_gradient_checkpointing(True)

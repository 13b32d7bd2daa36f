"""timm's models as encoders: timm's own features, without prefix tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from pali3kit.errors import ConfigError, RegistryError, WeightsError
from pali3kit.registry import VISION
from pali3kit.vision.adapters.timm import TimmEncoder


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("vit_tiny_patch16_224", 1),
        ("vit_small_patch14_reg4_dinov2", 5),
        ("test_vit4", 1),
        ("eva02_tiny_patch14_224", 1),
    ],
)
def test_vits(name: str, prefix: int) -> None:
    encoder = VISION.build(f"timm/{name}", image_size=56 if "14" in name else 64).eval()
    side = encoder.image_spec.size
    images = torch.randn(2, 3, side, side)
    with torch.no_grad():
        tokens = encoder(images)
        assert tokens.shape == (2, encoder.native_grid[0] ** 2, encoder.width)
        torch.testing.assert_close(tokens, encoder.model.forward_features(images)[:, prefix:])
        assert encoder.pooled(images).shape == (2, encoder.width)
        torch.testing.assert_close(encoder.pooled(images), encoder.model(images))


def test_another_resolution_by_timms_own_rule() -> None:
    encoder = TimmEncoder("vit_tiny_patch16_224", image_size=64).eval()
    bigger = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=64).eval()
    bigger.load_state_dict(encoder.model.state_dict())
    bigger.set_input_size(img_size=(96, 96))
    images = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(encoder(images), bigger.forward_features(images)[:, 1:], atol=1e-5, rtol=1e-5)
    assert encoder.grid(96) == (6, 6)
    with pytest.raises(ConfigError, match="patch 16 does not divide a resolution of 100 pixels"):
        encoder.grid(100)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "test_convnext"])
def test_maps_of_convolutions_are_tokens(name: str) -> None:
    encoder = TimmEncoder(name, image_size=64).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        features = encoder.model.forward_features(images)
        tokens = encoder(images)
    rows, columns = encoder.native_grid
    assert tokens.shape == (2, rows * columns, encoder.width) and features.shape[-2:] == (rows, columns)
    torch.testing.assert_close(tokens[0, columns], features[0, :, 1, 0])


def test_a_hybrids_patch_is_that_of_its_tokens() -> None:
    """The ResNet before the ViT has a stride of its own."""
    encoder = TimmEncoder("vit_tiny_r_s16_p8_224", image_size=64)
    assert encoder.patch == 32 and encoder(torch.randn(1, 3, 64, 64)).shape == (1, 4, 192)


def test_beit_is_built_for_one_size() -> None:
    with torch.device("meta"):
        encoder = TimmEncoder("beit_base_patch16_224", image_size=64)
    assert encoder.native_grid == encoder.grid(64) == (4, 4)
    with pytest.raises(ConfigError, match=r"timm's beit_base_patch16_224 cannot encode images of 96 pixels: ."):
        encoder.grid(96)


def test_a_class_token_that_is_not_counted_is_removed() -> None:
    """VOLO does not set num_prefix_tokens."""
    with torch.device("meta"):
        encoder = TimmEncoder("volo_d1_224", image_size=64)
        features = encoder.model.forward_features(torch.empty(1, 3, 64, 64))
        assert features.shape == (1, 17, 384) and encoder(torch.empty(1, 3, 64, 64)).shape == (1, 16, 384)


def test_where_the_head_widens_the_mean_is_pooled_and_the_head_not_trained() -> None:
    """DDP fails on parameters without a gradient."""
    encoder = TimmEncoder("mobilenetv3_small_050", image_size=64).eval()
    images = torch.randn(2, 3, 64, 64)
    assert encoder.width == 288 and encoder.model(images).shape == (2, 1024)
    torch.testing.assert_close(encoder.pooled(images), encoder(images).mean(1))
    encoder.pooled(images).sum().backward()
    held = {name for name, parameter in encoder.named_parameters() if not parameter.requires_grad}
    assert held == {"model.conv_head.weight", "model.conv_head.bias"}
    assert all(x.grad is not None for name, x in encoder.named_parameters() if name not in held)


@pytest.mark.parametrize(
    ("name", "side", "told"),
    [
        ("pit_ti_224", 224, r"pit_ti_224 does not give tokens of a grid of 7x7 for images of 224 pixels: \[0, 256"),
        ("coat_lite_tiny", 224, r"does not give tokens of a grid of 7x7 for images of 224 pixels: \[50, 320\], not"),
        ("coat_tiny", 224, "timm's coat_tiny cannot encode images of 224 pixels: it returns several feature maps"),
        ("inception_v3", 320, r"inception_v3 does not give tokens of a grid of 10x10 for images of 320 pixels: \[64,"),
        ("test_vit", 60, "timm's test_vit: patch 16 does not divide a resolution of 60 pixels"),
        ("resnet18.none", 64, r"timm's resnet18.none cannot be built for 64 pixels: Invalid pretrained tag"),
    ],
)
def test_unsuitable_models_are_refused_by_name(name: str, side: int, told: str) -> None:
    with torch.device("meta"), pytest.raises(ConfigError, match=told):
        TimmEncoder(name, side)


def test_weights_that_cannot_be_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def create(name: str, pretrained: bool, **_: object) -> None:
        raise OSError("We couldn't connect to 'https://huggingface.co'\nCheck your connection.")

    monkeypatch.setattr(timm, "create_model", create)
    with pytest.raises(
        WeightsError, match=r"timm's test_vit4 cannot be built for 64 pixels: We couldn't connect to '.*'$"
    ):
        TimmEncoder("test_vit4", 64, pretrained=True)


def test_the_check_of_shapes_has_no_side_effects() -> None:
    """Weights, training mode and batch counts of the encoder are unchanged."""
    torch.manual_seed(0)
    encoder = TimmEncoder("test_resnet", image_size=64)
    torch.manual_seed(0)
    peer = timm.create_model("test_resnet", num_classes=0)
    assert all(
        torch.equal(x, y) for x, y in zip(encoder.state_dict().values(), peer.state_dict().values(), strict=True)
    )
    assert encoder.training and not any(x.is_meta for x in encoder.state_dict().values())


def test_preprocessing_is_the_sources() -> None:
    siglip = TimmEncoder("test_vit4", image_size=64).image_spec
    data = timm.data.resolve_model_data_config(timm.create_model("test_vit4"))
    assert (
        siglip.mean == data["mean"]
        and siglip.interpolation == data["interpolation"]
        and siglip.crop == data["crop_pct"]
    )


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(RegistryError, match=r"timm has no model 'vit_tiny_patch16_22'.*vit_tiny_patch16_224"):
        TimmEncoder("vit_tiny_patch16_22", image_size=64)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit"])
@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_weights_of_a_file_by_timms_names(name: str, ending: str, tmp_path: Path) -> None:
    """The classifier's are left out; the rest is timm's own model."""
    peer, file = timm.create_model(name).eval(), tmp_path / f"a.{ending}"
    if ending == "pth":
        torch.save({"state_dict": peer.state_dict()}, file)
    else:
        save_file(peer.state_dict(), file)
    encoder = TimmEncoder(name, weights=str(file)).eval()
    images = torch.randn(2, 3, encoder.image_spec.size, encoder.image_spec.size)
    with torch.no_grad():
        pooled = peer.forward_head(peer.forward_features(images), pre_logits=True)
        torch.testing.assert_close(encoder.pooled(images), pooled)


def test_positions_of_a_files_grid_are_resampled(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    save_file(timm.create_model("test_vit", img_size=160).state_dict(), file)
    encoder = TimmEncoder("test_vit", image_size=96, weights=str(file)).eval()
    bigger = timm.create_model("test_vit", img_size=160, dynamic_img_size=True, num_classes=0).eval()
    bigger.load_state_dict({key: one for key, one in timm.models.load_state_dict(file).items() if "head." not in key})
    images = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        expected = bigger.forward_features(images)[:, 1:]
        torch.testing.assert_close(encoder(images), expected, atol=1e-5, rtol=1e-5)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    tensors = timm.create_model("test_vit").state_dict()
    del tensors["norm.weight"]
    save_file({**tensors, "another": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=r"a.safetensors does not fit timm's test_vit: .*norm.weight.*another"):
        TimmEncoder("test_vit", weights=str(tmp_path / "a.safetensors"))
    (tmp_path / "b.safetensors").write_bytes(b"no tensors")
    with pytest.raises(WeightsError, match=r"b.safetensors cannot be read: ."):
        TimmEncoder("test_vit", weights=str(tmp_path / "b.safetensors"))
    with pytest.raises(ConfigError, match="timm's test_vit: give pretrained or weights, not both"):
        TimmEncoder("test_vit", pretrained=True, weights="a")


@pytest.mark.parametrize(
    ("positions", "told"),
    [
        ((1, 100, 64), r"pos_embed \[1, 100, 64\] has no square grid after 1 other tokens"),  # no class token
        ((1, 1 + 2 * 4, 64), r"pos_embed \[1, 9, 64\] has no square grid"),
        ((1, 1, 64), r"pos_embed \[1, 1, 64\] has no square grid"),
        ((101, 64), r"pos_embed \[101, 64\] has no square grid"),
        ((1, 1 + 16, 32), "size mismatch for pos_embed"),
    ],
)
def test_positions_of_no_square_grid_are_refused(positions: tuple[int, ...], told: str, tmp_path: Path) -> None:
    tensors = {**timm.create_model("test_vit").state_dict(), "pos_embed": torch.zeros(positions)}
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=rf"a.safetensors does not fit timm's test_vit: {told}"):
        TimmEncoder("test_vit", weights=str(tmp_path / "a.safetensors"))


def test_a_folder_of_weights_is_as_good_as_its_file(tmp_path: Path) -> None:
    peer = timm.create_model("test_efficientnet")
    with pytest.raises(WeightsError, match=r"no weights in .*: it has none of model.safetensors"):
        TimmEncoder("test_efficientnet", weights=str(tmp_path))
    save_file(peer.state_dict(), tmp_path / "model.safetensors")
    read = TimmEncoder("test_efficientnet", weights=str(tmp_path)).model.state_dict()
    assert all(torch.equal(tensor, peer.state_dict()[name]) for name, tensor in read.items()) and read


def test_of_a_checkpoint_the_moving_average_is_read(tmp_path: Path) -> None:
    last = timm.create_model("test_efficientnet").state_dict()
    average = {name: torch.full_like(tensor, 2) for name, tensor in last.items()}
    torch.save({"state_dict": last, "state_dict_ema": average}, tmp_path / "a.pth")
    read = TimmEncoder("test_efficientnet", weights=str(tmp_path / "a.pth")).model.state_dict()
    assert all(torch.equal(tensor, average[name]) for name, tensor in read.items()) and read

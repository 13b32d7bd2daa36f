"""`vqvae` with big_vision's weights equals a direct implementation on the file's arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, relu

from pali3kit.errors import WeightsError
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.registry import MASK_TOKENIZER
from pali3kit.weights.export import export_mask_tokenizer
from pali3kit.weights.files import save_weights

Arrays = dict[str, np.ndarray]


def layer(generator: np.random.Generator, *shape: int, bias: int) -> tuple[np.ndarray, np.ndarray]:
    spread = (2 / np.prod(shape[1:])) ** 0.5
    return tuple((spread * generator.standard_normal(s)).astype(np.float32) for s in (shape, (bias,)))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    """Random weights under the names and in the shapes that big_vision reads (paper.md §4.2, §4.3)."""
    generator = np.random.default_rng(0)
    shapes = {f"encoder.{2 * i}": (16 << i, 8 << i if i else 1, 4, 4) for i in range(4)}
    for block in ("encoder.8", "encoder.9", "decoder.2", "decoder.3"):
        shapes |= {f"{block}.net.{i}": (128, 128, k, k) for i, k in ((0, 3), (2, 3), (4, 1))}
    shapes |= {"encoder.10": (512, 128, 1, 1), "decoder.0": (128, 512, 1, 1), "decoder.12": (1, 16, 1, 1)}
    transposed = {"decoder.4": (128, 128), "decoder.6": (128, 64), "decoder.8": (64, 32), "decoder.10": (32, 16)}
    made: Arrays = {}
    for name, shape in shapes.items():
        made[f"{name}.weight"], made[f"{name}.bias"] = layer(generator, *shape, bias=shape[0])
    for name, (before, after) in transposed.items():
        made[f"{name}.weight"], made[f"{name}.bias"] = layer(generator, before, after, 4, 4, bias=after)
    return made | {"_vq_vae._embedding": generator.standard_normal((128, 512)).astype(np.float32)}


@pytest.fixture
def file(arrays: Arrays, tmp_path: Path) -> Path:
    np.savez(tmp_path / "vae-oid.npz", **arrays)  # type: ignore[arg-type]
    return tmp_path / "vae-oid.npz"


def masks() -> Tensor:
    """Discs, and noise of whole squares: float32 `[12,1,64,64]` in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    discs = [((y - 20 - 3 * i) ** 2 + (x - 40 + 2 * i) ** 2 < (6 + 4 * i) ** 2).float() for i in range(6)]
    noise = torch.rand(6, 8, 8, generator=generator).repeat_interleave(8, 1).repeat_interleave(8, 2)
    return torch.cat([torch.stack(discs), noise])[:, None]


class Reference:
    """big_vision's encoder and decoder, `pp/proj/paligemma/segmentation.py` and the evaluator of that name."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = {name: torch.from_numpy(array) for name, array in arrays.items()}

    def conv(self, x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        return conv2d(x, self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"], stride, padding)

    def block(self, x: Tensor, name: str) -> Tensor:
        inner = relu(self.conv(x, f"{name}.net.0", padding=1))
        return x + self.conv(relu(self.conv(inner, f"{name}.net.2", padding=1)), f"{name}.net.4")

    def encode(self, masks: Tensor) -> Tensor:
        x = 2.0 * (masks - 0.5)
        for i in (0, 2, 4, 6):
            x = relu(self.conv(x, f"encoder.{i}", stride=2, padding=1))
        x = self.conv(self.block(self.block(x, "encoder.8"), "encoder.9"), "encoder.10")
        vectors = x.permute(0, 2, 3, 1).reshape(len(x), 16, 512)
        return torch.cdist(vectors.double(), self.arrays["_vq_vae._embedding"].double()).argmin(-1)

    def decode(self, codes: Tensor) -> Tensor:
        x = self.arrays["_vq_vae._embedding"][codes].reshape(len(codes), 4, 4, 512).permute(0, 3, 1, 2)
        x = self.block(self.block(relu(self.conv(x, "decoder.0")), "decoder.2"), "decoder.3")
        for i in (4, 6, 8, 10):
            weight, bias = (self.arrays[f"decoder.{i}.{part}"] for part in ("weight", "bias"))
            x = relu(conv_transpose2d(x, weight, bias, stride=2, padding=1))
        return self.conv(x, "decoder.12")


@torch.no_grad()
def test_codes_and_reconstructions_are_big_visions(arrays: Arrays, file: Path) -> None:
    ours, reference = MASK_TOKENIZER.build("vqvae", weights=str(file)).eval(), Reference(arrays)
    codes = reference.encode(masks())
    assert len(codes.unique()) > 15
    assert torch.equal(ours.encode(masks()), codes)
    torch.testing.assert_close(ours.decode(codes), reference.decode(codes), atol=1e-5, rtol=1e-5)
    assert reference.decode(codes).std() > 0.1


def test_the_report(arrays: Arrays, file: Path) -> None:
    report = MASK_TOKENIZER.build("vqvae", weights=str(file)).load_report
    assert report.layout == "mask_vae" and report.source == str(file) and len(report.sha256) == 64
    names = {name for name in arrays if not name.startswith("_")}
    assert set(report.loaded) == {*names, "codebook.codes", "codebook.sizes", "codebook.sums"}
    assert report.missing == report.unexpected == report.ignored == report.kept == ()
    assert report.resized["codebook.sums"] == "a copy of the codes"
    assert MASK_TOKENIZER.build("vqvae").load_report is None


@torch.no_grad()
def test_unused_codes_without_averages_do_not_move(file: Path) -> None:
    loaded = MASK_TOKENIZER.build("vqvae", weights=str(file))
    before = loaded.codebook.codes.clone()
    loaded.codebook.update(before[3:4] + 5.0, torch.tensor([3]))
    moved = (loaded.codebook.codes - before).abs().amax(1)
    assert moved[3] > 0.04 and moved[torch.arange(128) != 3].max() < 1e-2


@torch.no_grad()
def test_exported_it_is_read_back_with_its_averages(tmp_path: Path) -> None:
    torch.manual_seed(0)
    saved = MaskVQVAE()
    saved.codebook.update(torch.randn(40, 512), torch.arange(40))
    export_mask_tokenizer(saved, tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as written:
        assert written["_vq_vae._ema_cluster_size"].shape == (128,)
        assert written["decoder.10.weight"].shape == (32, 16, 4, 4)
    loaded = MASK_TOKENIZER.build("vqvae", weights=str(tmp_path / "x.npz"))
    assert loaded.state_dict().keys() == saved.state_dict().keys()
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in saved.state_dict().items())
    codes = saved.encode(masks())
    assert torch.equal(loaded.encode(masks()), codes) and torch.equal(loaded.decode(codes), saved.decode(codes))
    assert loaded.load_report.resized == {}


def without(name: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {key: array for key, array in arrays.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("decoder.2.net.4.bias"), r"vae-oid.npz, read as mask_vae, .* missing decoder.2.net.4.bias\."),
        (without("_vq_vae._embedding"), r"no mask tokenizer of big_vision: it has .*, but no _vq_vae._embedding"),
        (lambda arrays: {"params/img/embedding/kernel": np.ones(3)}, "it has params/img/embedding/kernel, but no"),
        (lambda arrays: {**arrays, "encoder.11.weight": np.ones(3)}, r"unexpected encoder\.11\.weight\."),
        (lambda arrays: {**arrays, "_vq_vae._ema_w": np.ones((128, 512))}, r"missing codebook\.sizes\."),
        (
            lambda arrays: {**arrays, "decoder.8.weight": arrays["decoder.8.weight"].transpose(2, 3, 1, 0)},
            r"decoder.8.weight has shape \[4, 4, 32, 64\], the model expects \[64, 32, 4, 4\]",
        ),
        (
            lambda arrays: {**arrays, "_vq_vae._embedding": np.ones((1024, 512))},
            r"codebook.codes has shape \[1024, 512\], the model expects \[128, 512\]",
        ),
        (
            lambda arrays: {**arrays, "encoder.0.bias": np.array([None] * 16)},
            "vae-oid.npz is not a readable file of weights: Object arrays cannot be loaded when allow_pickle=False",
        ),
        (lambda arrays: {**arrays, "encoder.0.bias": np.array(["a"] * 16)}, "not a readable .*: can't convert"),
    ],
    ids=["missing", "no codebook", "another model", "left over", "half of the averages", "turned", "size", "pickle",
         "words"],
)  # fmt: skip
def test_errors(arrays: Arrays, tmp_path: Path, change: Callable[[Arrays], Arrays], message: str) -> None:
    np.savez(tmp_path / "vae-oid.npz", **change(arrays))  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match=message):
        MASK_TOKENIZER.build("vqvae", weights=str(tmp_path / "vae-oid.npz"))


def test_other_files_are_refused(file: Path, tmp_path: Path) -> None:
    save_weights(MaskVQVAE(), tmp_path / "own.safetensors")
    with pytest.raises(WeightsError, match=r"no mask tokenizer of big_vision: it has codebook\.codes"):
        MASK_TOKENIZER.build("vqvae", weights=str(tmp_path / "own.safetensors"))
    with pytest.raises(WeightsError, match="there is no such file or folder"):
        MASK_TOKENIZER.build("vqvae", weights=str(tmp_path / "none.npz"))
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(WeightsError, match="not a readable file of weights"):
        MASK_TOKENIZER.build("vqvae", weights=str(file))


def test_exceptions_are_named(arrays: Arrays, tmp_path: Path) -> None:
    np.savez(tmp_path / "more.npz", **arrays, step=np.ones(1))  # type: ignore[arg-type]
    loaded = MASK_TOKENIZER.build("vqvae", weights=str(tmp_path / "more.npz"), allow=["step"])
    assert loaded.load_report.ignored == ("step",)


def test_a_prefix_of_a_wrapping_model_is_removed(arrays: Arrays, tmp_path: Path) -> None:
    tensors = {f"model._orig_mod.{name}": torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}
    torch.save({"state_dict": tensors}, tmp_path / "masks.ckpt")
    np.savez(tmp_path / "plain.npz", **arrays)  # type: ignore[arg-type]
    found, plain = (MASK_TOKENIZER.build("vqvae", weights=str(tmp_path / name)) for name in ("masks.ckpt", "plain.npz"))
    assert all(torch.equal(x, plain.state_dict()[name]) for name, x in found.state_dict().items())

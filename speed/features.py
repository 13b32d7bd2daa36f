"""Images per second of our feature extraction and of open_clip's evaluation loop, with the same model.

The loop is `open_clip_train.zero_shot.run`, with its DataLoader in this process, open_clip's preprocessing, and a
classifier of ten classes, whose cost is negligible. Ours is `evals.features.extract` of the same function, with our
preprocessing. Weights and images of 320x240 are random, in fp32. The table's last column is the largest difference
between the features, which have unit length.

open_clip 3.3's own count of hits is left out, as it fails with NumPy 2.4 (it converts an array of shape [1] to float).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median
from types import SimpleNamespace

import numpy as np
import open_clip
import torch
from _common import interleaved, paired_ratio, print_setup, print_table
from open_clip_train import zero_shot
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

import pali3kit as pk
from pali3kit.evals.features import Encoder, extract

Images = list[np.ndarray]


def theirs(model: nn.Module, preprocess: Callable[[Image.Image], Tensor], images: Images, batch: int) -> Tensor:
    """Features of unit length `[n,D]`, recorded inside the loop."""
    zero_shot.tqdm = lambda loader, **_: loader  # no progress bar
    zero_shot.accuracy = lambda *_, **__: (0.0, 0.0)
    device, found = next(model.parameters()).device, []

    def heard(image: Tensor) -> dict[str, Tensor]:
        output = model(image=image)
        output = output if isinstance(output, dict) else {"image_features": output[0]}
        found.append(output["image_features"])
        return output

    loader = DataLoader([(image, 0) for image in images], batch_size=batch, collate_fn=partial(collated, preprocess))
    options = SimpleNamespace(device=device, precision="fp32", batch_size=batch)
    zero_shot.run(heard, torch.zeros(model.visual.output_dim, 10, device=device), loader, options)
    return torch.cat(found).cpu()


def collated(
    preprocess: Callable[[Image.Image], Tensor], samples: list[tuple[np.ndarray, int]]
) -> tuple[Tensor, Tensor]:
    images = torch.stack([preprocess(Image.fromarray(image)) for image, _ in samples])
    return images, torch.tensor([label for _, label in samples])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="ViT-S-32-alt", help="of open_clip")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, _, preprocess = open_clip.create_model_and_transforms(arguments.model, device=device)
    model.eval()
    size = model.visual.image_size[0]
    spec = pk.create_vision(f"open_clip/{arguments.model}", image_size=size).image_spec
    encoder = Encoder(lambda images: model.encode_image(images.to(device)), spec)
    photos = list(np.random.default_rng(0).integers(0, 256, (arguments.images, 240, 320, 3), np.uint8))
    print_setup("open_clip")
    calls: dict[str, Callable[[], object]] = {
        "pali3kit": partial(extract, encoder, photos, arguments.batch),
        "open_clip": partial(theirs, model, preprocess, photos, arguments.batch),
    }
    ours = nn.functional.normalize(torch.from_numpy(calls["pali3kit"]()), dim=-1)
    difference = float((ours - calls["open_clip"]()).abs().max())
    seconds = interleaved(calls, arguments.rounds)
    print(f"{arguments.model} at {size} pixels, {len(photos)} images in batches of {arguments.batch}\n")
    rows = [
        [
            name,
            f"{len(photos) / median(taken):.1f}",
            f"{paired_ratio(taken, seconds['pali3kit']):.3f}",
            f"{difference:.1e}",
        ]
        for name, taken in seconds.items()
    ]
    print_table(["by", "images/s", "time / ours", "difference"], rows)


if __name__ == "__main__":
    main()

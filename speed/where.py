"""What a linear layer reads from an encoder's frozen tokens: which thing is at a token, and where a thing is.

    python speed/where.py pali3kit/shipped/vision-*      # folders of vision artifacts, trained on the embedded world

It is trained on the tokens of 6,000 training scenes, with the thing at a token's centre as its label, and measured on
1,500 test scenes: how often it names the thing at a token, and, for each thing that stands once in its scene, how often
the token that is most likely that thing overlaps its box. Regions need both of an encoder.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from _common import print_table
from torch import Tensor, nn
from torch.nn import functional

from pali3kit.data.world.scene import Box, Scene
from pali3kit.data.world.source import WorldSource
from pali3kit.training.components import Artifact
from pali3kit.vision.contract import VisionEncoder

TRAIN, TEST, BATCH, EPOCHS, RATE = 6000, 1500, 100, 6, 1e-2
Scenes = tuple[list[Scene], Tensor]  # and their images, uint8 `[N,3,H,W]`


def scenes(source: WorldSource, split: str, count: int) -> Scenes:
    """The first scenes of a split."""
    found = [source.scene(split, index) for index in range(count)]
    images = np.stack([source.render(scene) for scene in found])
    return found, torch.from_numpy(images).permute(0, 3, 1, 2)


@torch.no_grad()
def frozen_tokens(vision: VisionEncoder, images: Tensor) -> Tensor:
    """`[N,T,D]`."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (vision.image_spec.mean, vision.image_spec.std))
    return torch.cat([vision((batch / 255 - mean) / std) for batch in images.split(500)])


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes share a pixel."""
    return max(a[0], b[0]) < min(a[2], b[2]) and max(a[1], b[1]) < min(a[3], b[3])


def things_at(cells: Sequence[Box], found: Sequence[Scene], classes: Sequence[str]) -> Tensor:
    """The class of the topmost thing at the centre of each token, `[N,T]`; `len(classes)` where there is none."""
    labels = torch.full((len(found), len(cells)), len(classes))
    for row, scene in zip(labels, found, strict=True):
        for token, (y0, x0, y1, x1) in enumerate(cells):
            y, x = (y0 + y1) // 2, (x0 + x1) // 2
            for thing in scene.things:  # a later one covers an earlier one
                if overlap(thing.box, (y, x, y + 1, x + 1)):
                    row[token] = classes.index(thing.emoji)
    return labels


def trained_layer(inputs: Tensor, labels: Tensor, classes: int) -> nn.Linear:
    """A linear layer on single tokens."""
    torch.manual_seed(0)
    layer = nn.Linear(inputs.shape[-1], classes)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(inputs)).split(BATCH):
            loss = functional.cross_entropy(layer(inputs[batch]).flatten(0, 1), labels[batch].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return layer


def share_found(likely: Tensor, cells: Sequence[Box], found: Sequence[Scene], classes: Sequence[str]) -> float:
    """How often the token of highest `likely` `[N,T,C]` for a thing overlaps its box, of those that stand once."""
    hits = []
    for scene, of_scene in zip(found, likely, strict=True):
        times = Counter(thing.emoji for thing in scene.things)
        for thing in scene.things:
            if times[thing.emoji] == 1:
                hits.append(overlap(thing.box, cells[int(of_scene[:, classes.index(thing.emoji)].argmax())]))
    return sum(hits) / len(hits)


def measure(folder: str, source: WorldSource, train: Scenes, test: Scenes) -> tuple[str, str, str]:
    """A row of the table."""
    vision = Artifact(Path(folder)).vision()
    grid = vision.grid(source.image_size)
    y, x = source.image_size // grid[0], source.image_size // grid[1]
    cells = [(i * y, j * x, i * y + y, j * x + x) for i in range(grid[0]) for j in range(grid[1])]
    inputs, held_out = frozen_tokens(vision, train[1]), frozen_tokens(vision, test[1])
    mean, std = inputs.mean((0, 1)), inputs.std((0, 1))
    labels = things_at(cells, train[0], source.classes)
    layer = trained_layer((inputs - mean) / std, labels, len(source.classes) + 1)
    with torch.no_grad():
        likely = layer((held_out - mean) / std).log_softmax(-1)
    labels = things_at(cells, test[0], source.classes)
    thing = labels < len(source.classes)
    named = (likely.argmax(-1)[thing] == labels[thing]).double().mean().item()
    return folder, f"{100 * named:.1f}", f"{100 * share_found(likely, cells, test[0], source.classes):.1f}"


def main() -> None:
    torch.set_num_threads(1)
    source = WorldSource(objects=40)
    train, test = scenes(source, "train", TRAIN), scenes(source, "test", TEST)
    rows = [measure(folder, source, train, test) for folder in sys.argv[1:]]
    print_table(("encoder", "names the thing at a token, %", "finds the token of a thing, %"), rows)


if __name__ == "__main__":
    main()

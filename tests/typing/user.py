"""What a user writes: tiny parts by name, a whole PaLI of them, a batch, an answer, sets and an experiment.

`tests/test_typing.py` runs it, and asks mypy for the type of each name at its end.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from PIL import Image

import pali3kit as pk
from pali3kit.data.batch import collate
from pali3kit.data.task import held_out
from pali3kit.text.tokenizer import train_tokenizer

folder, file = Path(sys.argv[1]), sys.argv[2]

source = pk.create_source("world", image_size=64)
train_tokenizer(source.sentences(0, 32, 300), folder / "pieces.model", 800)
tokenizer = pk.Tokenizer(folder / "pieces.model")

encoder = pk.create_vision("vit", image_size=64, width=16, depth=1, heads=2, mlp=32, patch=16)
language = pk.create_language(
    "ul2", vocabulary=len(tokenizer), width=16, encoder_depth=1, decoder_depth=1, heads=2, head_width=8, mlp=32
)
projector = pk.create_projector("linear", encoder.width, language.width)
model = pk.PaLIModel(encoder, projector, language)

image = source.image("train", 0)
images = torch.from_numpy(image)[None].permute(0, 3, 1, 2) / 255
task = source.task("caption", 32)
examples = held_out(task, "test", count=20, limit=1, seed=0)
batch = collate(examples, tokenizer, prompt_length=16, target_length=8)

grid = encoder.grid(224)
pooled = encoder.pooled(images)
patches = encoder(images)
same_patches = encoder.forward(images)
projected = projector(patches, encoder.native_grid)
room = projector.out_tokens(encoder.native_grid)
embedded = language.embed(batch["prompts"])
memory = language.encode(embedded, batch["prompt_mask"])
tokens, seen_grid = model.encode_images(images)
logits = model(tokens, seen_grid, batch["prompts"], batch["prompt_mask"], batch["targets"])
ids = model.generate(tokens, seen_grid, batch["prompts"], batch["prompt_mask"], max_length=4)
answer = tokenizer.decode(ids[0].tolist())

masks = pk.create_mask_tokenizer("vqvae", width=4, blocks=1)
labelled = pk.create_labelled("world_classes", objects=8, test=2)
labels = labelled.labels("test")
captioned = pk.create_captioned("world_captions", test=2)
captions = captioned.captions("en")
world = pk.World(image_size=64)
scene = world.scene("train", 0)
names = pk.list_vision("v*")

towers = pk.TwoTowers(encoder, pk.TextTower(len(tokenizer), 8, encoder.width, 16, 1, 2, 32))
siglip = pk.SigLIPModule(towers, optimizer="adamw", learning_rate=1e-3, freeze=["vision.*"])
classifier = pk.ClassifierModule(pk.Classifier(encoder, 3), loss="softmax", warmup=0.1)
module = pk.PaLIModule(model, weight_decay=0.1, schedule="rsqrt")
mixture = pk.MixtureDataModule(source, {"caption": 1.0}, encoder, tokenizer, 4, images=20)
pairs = pk.PretrainingDataModule(source, encoder, 4, tokenizer=tokenizer)
prepared = encoder.transform(Image.fromarray(image))
prompt = pk.prompts.for_answer("how many?")
loss = pk.losses.sigmoid_loss(pooled, pooled, towers.log_scale, towers.bias)

score = pk.metrics.vqa_accuracy(["a cat"], [["a cat", "cat"]])
knn = pk.evals.knn
experiment = pk.load_experiment(file, ["evaluation.limit=7"])
limit = experiment.evaluation.limit
steps = experiment.stages.vision.examples
part = experiment.model.vision

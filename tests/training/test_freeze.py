"""Frozen parameters: no gradients, eval mode, and errors of patterns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pali3kit.errors import StageError
from pali3kit.models.text_tower import TextTower
from pali3kit.models.two_towers import TwoTowers
from pali3kit.training.freeze import freeze, keep_frozen_in_eval_mode
from pali3kit.training.modules import SigLIPModule
from pali3kit.vision.vit import ViT


def towers() -> TwoTowers:
    vision = ViT(16, width=16, depth=1, heads=2, mlp=32, patch=8)
    return TwoTowers(vision, TextTower(20, 4, out=16, width=16, depth=1, heads=2, mlp=32))


def test_only_the_text_tower_of_lit_is_trained() -> None:
    """The image tower is frozen, the text tower is not."""
    module = SigLIPModule(towers(), freeze=["vision.*"], optimizer="adamw", learning_rate=1e-2)
    before = {name: tensor.clone() for name, tensor in module.model.state_dict().items()}
    optimizer = module.configure_optimizers()["optimizer"]
    module.losses({"images": torch.randn(3, 3, 16, 16), "ids": torch.randint(20, (3, 4))})["loss"].backward()
    optimizer.step()
    moved = {name for name, tensor in module.model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert not any(name.startswith("vision.") for name in moved)
    assert {"text.embedding.weight", "log_scale", "bias"} <= moved


def test_frozen_modules_stay_in_eval_mode() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Dropout()), nn.Sequential(nn.Linear(2, 2), nn.Dropout()))
    freeze(model, ["0.*"])
    model.train()
    keep_frozen_in_eval_mode(model)
    assert [module.training for module in model] == [False, True]
    assert not model[0][1].training and model[1][1].training
    module = SigLIPModule(towers(), freeze=["vision.*"])
    module.train()
    assert not module.model.vision.training and module.model.text.training


def test_patterns_that_match_nothing_or_everything() -> None:
    with pytest.raises(StageError, match=r"no parameter is called 'vison\.embed\.bias'.*'vision\.embed\.bias'"):
        freeze(towers(), ["vison.embed.bias"])
    with pytest.raises(StageError, match=r"freeze: \* leave no trainable parameter"):
        freeze(towers(), ["*"])

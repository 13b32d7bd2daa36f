"""A linear classifier on frozen features, trained by gradient descent: the usual linear probe of the literature."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pali3kit.errors import DataError, StageError
from pali3kit.metrics.inputs import require_features, require_labels

ROWS = 4096  # features read from their file at a time
EPSILON = 1e-5


class LinearClassifier(nn.Module):
    """Features `[B,D]`, standardised by the train set's `mean` and `std`, to logits `[B,C]` over `classes`."""

    def __init__(self, mean: Tensor, std: Tensor, classes: Tensor) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.classes: Tensor
        for name, value in (("mean", mean), ("std", std), ("classes", classes)):
            self.register_buffer(name, value)
        self.linear = nn.Linear(len(mean), len(classes))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.linear((features - self.mean) / self.std)
        return logits

    @classmethod
    def fit(
        cls,
        features: NDArray[np.float32],
        labels: NDArray[np.integer],
        epochs: int = 30,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-4,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> LinearClassifier:
        """Softmax regression by AdamW with a cosine schedule, on `features [N,D]`, which may be memory-mapped.

        Raises DataError where features are not finite or not as many as labels, StageError where the loss is not
        finite.
        """
        require_labels(features, np.asarray(labels), "train images")
        if not len(features):
            raise DataError("a linear classifier cannot be trained on no images")
        if epochs < 1 or batch_size < 1:
            raise DataError(f"epochs and batch_size of a linear classifier start at 1, not {epochs} and {batch_size}")
        mean, std = _moments(features)
        classes, targets = np.unique(labels, return_inverse=True)
        tensors = (torch.from_numpy(each) for each in (mean, std, classes.astype(np.int64)))
        model = cls(*tensors).to(device)
        steps = epochs * -(-len(labels) // batch_size)
        optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        random = np.random.default_rng(seed)
        for epoch in range(epochs):
            order = random.permutation(len(labels))
            for start in range(0, len(order), batch_size):
                rows = np.sort(order[start : start + batch_size])  # reads a memory-mapped file front to back
                logits = model(torch.from_numpy(np.asarray(features[rows], np.float32)).to(device))
                loss = nn.functional.cross_entropy(logits, torch.from_numpy(targets[rows]).to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            if not loss.isfinite():
                told = f"the linear classifier's loss is {loss.item()} in epoch {epoch + 1} of {epochs}"
                raise StageError(f"{told}: choose a learning_rate below {learning_rate:g}")
        return model.eval()

    @torch.inference_mode()
    def predict(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """The class of each of `features [N,D]`. Raises DataError where they have another width, or are not finite."""
        require_features(features, "test images", len(self.mean))
        predictions = []
        for start in range(0, len(features), ROWS):
            part = torch.from_numpy(np.array(features[start : start + ROWS], np.float32)).to(self.mean.device)
            predictions.append(self.classes[self(part).argmax(1)].numpy(force=True))
        return np.concatenate(predictions)


def _moments(features: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of each column, computed in float64 over `ROWS` rows at a time."""
    total, squares = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for start in range(0, len(features), ROWS):
        part = np.asarray(features[start : start + ROWS], np.float64)
        total += part.sum(0)
        squares += (part**2).sum(0)
    mean = total / len(features)
    variance = squares / len(features) - mean**2
    if not np.isfinite(variance).all():
        raise DataError("the features are not all finite: no classifier can be trained on them")
    return mean.astype(np.float32), (np.sqrt(np.maximum(variance, 0)) + EPSILON).astype(np.float32)

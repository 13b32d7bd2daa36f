"""What the language models of transformers have in common under our contract."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from pali3kit.errors import ConfigError


class HfLanguage(nn.Module):
    """A model of transformers whose states are logits already (`to_logits` changes nothing).

    How it makes them, with scales, biases or soft caps, is its own affair. Where a model multiplies embeddings, visual
    tokens are multiplied too.

    Args:
        model: the model of transformers.
        vocabulary: the rows of its embedding that are used, V; surplus ones stay.
        start: the id that targets begin with.
    """

    def __init__(self, model: Any, vocabulary: int, start: int) -> None:
        super().__init__()
        self.model, self.vocabulary = model, vocabulary
        self.width = int(model.get_input_embeddings().embedding_dim)
        self.start_id, self.eos_id = start, token(model.config, "eos_token_id")
        self.options: dict[str, Any] = {}
        self.load_report: Any = None
        self._checkpointing = False

    @property
    def checkpointing(self) -> bool:
        """Whether layers keep no activations for the backward pass."""
        return self._checkpointing

    @checkpointing.setter
    def checkpointing(self, wanted: bool) -> None:
        if wanted and not self._checkpointing:
            self.model.gradient_checkpointing_enable({"use_reentrant": False})
        elif self._checkpointing and not wanted:
            self.model.gradient_checkpointing_disable()
        self._checkpointing = wanted

    def embed(self, ids: Tensor) -> Tensor:
        """`[B,N] int64 -> [B,N,D]`."""
        return self.model.get_input_embeddings()(ids)  # type: ignore[no-any-return]

    def to_logits(self, x: Tensor) -> Tensor:
        """The logits, which they are."""
        return x


def token(config: Any, *names: str) -> int:
    """The id that a config gives under the first of `names` that it knows: itself, for its decoder, or for its text.

    Raises ConfigError where it gives none.
    """
    places = [config, getattr(config, "decoder", None), config.get_text_config()]
    for name in names:
        for place in places:
            found = getattr(place, name, None)
            if found is not None:
                return int(found[0] if isinstance(found, list) else found)
    raise ConfigError([f"'{config.model_type}' says no {' or '.join(names)}: it cannot begin and end answers."])

"""How much memory the image encoder's forward pass needs."""

from __future__ import annotations

from pali3kit.plan.encoder_cost import Config as Config
from pali3kit.plan.encoder_cost import encoder_cost

KIND = encoder_cost("memory", "count the bytes that the image encoder's forward pass has at once", seconds=2.0)

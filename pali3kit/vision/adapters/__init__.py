"""Vision encoders of timm, open_clip and transformers as `VisionEncoder`s."""

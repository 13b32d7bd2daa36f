"""Vision encoders of timm, open_clip and transformers under our contract."""

"""Vision encoders: images to tokens."""

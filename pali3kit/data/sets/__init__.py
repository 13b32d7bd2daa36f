"""Sets for evaluating image encoders alone: images with one class each, images with captions."""

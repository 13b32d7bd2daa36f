"""Images: decoding, augmentation, and the preprocessing that each encoder needs."""

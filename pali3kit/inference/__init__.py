"""Trained models in use: load, ask, caption, segment, score, save and share."""

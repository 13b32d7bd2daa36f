"""The fakes stand in for the real stages in this folder's tests."""

from bench import experiment, fake_stages

__all__ = ["experiment", "fake_stages"]

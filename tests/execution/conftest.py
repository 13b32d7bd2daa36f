"""The fakes stand in for the real stages in this folder's tests."""

from bench import bench, experiment, fake_stages, finished

__all__ = ["bench", "experiment", "fake_stages", "finished"]

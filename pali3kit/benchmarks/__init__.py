"""Benchmarks, each a `Benchmark` object that describes it completely. Nothing here imports torch."""

"""Benchmarks: what can be measured, one object each with all that the program knows of it. Free of torch."""

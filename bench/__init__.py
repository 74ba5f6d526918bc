"""Benchmarks. Each prints ratios measured in one run, on this machine, never a pass or a fail."""

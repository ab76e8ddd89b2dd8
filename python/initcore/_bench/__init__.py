"""Benchmarks that travel with the wheel: cases, NumPy twins, the judging rule, the command."""

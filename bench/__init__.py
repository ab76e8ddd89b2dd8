"""Benchmarks and experiments that run from the clone: `python -m bench.reach`, for one.

`initcore bench` has what it needs in the package, in `initcore._bench`, and this builds on it. The
wheel does not contain it.
"""

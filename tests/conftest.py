"""Fixtures that any test may ask for."""

import os
from collections.abc import Iterator

import pytest

from initcore import kernels

os.environ.setdefault("KERAS_BACKEND", "numpy")  # the quickest; before anybody imports Keras


@pytest.fixture(params=kernels.isas_available())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test under every instruction set of this CPU, one after the other."""
    before = kernels.isa()
    kernels._select_isa(request.param)
    yield request.param
    kernels._select_isa(before)

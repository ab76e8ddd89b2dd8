"""Fixtures that any test may ask for, and the markers that its file gives a test."""

import os
from collections.abc import Iterator

import pytest
from runs import markers

from initcore import kernels

os.environ.setdefault("KERAS_BACKEND", "numpy")  # the quickest; before anybody imports Keras


@pytest.fixture(params=kernels.isas_available())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test under every instruction set of this CPU, one after the other."""
    before = kernels.isa()
    kernels._select_isa(request.param)
    yield request.param
    kernels._select_isa(before)


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the markers of CI's further runs."""
    for item in items:
        for name in markers(item.path, getattr(item, "originalname", item.name)):
            item.add_marker(name)

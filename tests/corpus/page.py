"""docs/corpus.md: how many models of each library start under strict, and what is refused."""

import importlib
from collections.abc import Iterable
from pathlib import Path

from corpus.look import Row, look

LIBRARIES = ("transformers", "timm")
_HEAD = """# Models of other libraries

`cd tests && python -m corpus.page` builds models of each library from their own classes, tiny and
without a download, gives each a recipe under `strict`, and wrote this page. *Started* means that
every parameter has a rule or is kept by one, without a rule written for the model.

| library | models built | started | materialize equals initialize | it asks for values | outputs finite | audit clean |
|---|---|---|---|---|---|---|
"""  # noqa: E501
_REFUSED = """
"It asks for values" counts models with tensors that only a constructor computes: `materialize`
refuses these and names them; build such a model on the CPU, or pass `buffers=`. Models above 12
million elements are planned, not written. Classes whose configuration cannot be built are left out.
Models that the audit does not call clean hold equal tables which their library computes for several
layers, such as the sampling offsets of deformable attention.

## Refused

| model | recipe | why |
|---|---|---|
"""


def rows(library: str, *, every: int = 1) -> list[Row]:
    """What is seen of each model of a library, or of each `every`-th."""
    cases = list(importlib.import_module(f"corpus.{library}_models").cases())
    return [look(case) for case in cases[::every]]


def page(seen: Iterable[Row]) -> str:
    """The page."""
    built = [row for row in seen if not row.unbuilt]
    lines = []
    for library in dict.fromkeys(row.library for row in built):
        own = [row for row in built if row.library == library]
        written = [row for row in own if row.same != "-"]
        cells = (
            library,
            len(own),
            sum(row.is_started for row in own),
            sum(row.same == "yes" for row in written),
            sum(row.same.startswith("ValueError") for row in written),
            f"{sum(row.forward == 'finite' for row in own)} of "
            f"{sum(row.forward != '-' for row in own)}",
            f"{sum(not row.audit for row in written)} of {len(written)}",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |\n")
    refused = [
        f"| {row.name} | {row.recipe} | {'; '.join(row.refused).replace('|', '/')[:300]} |\n"
        for row in built
        if row.refused
    ]
    return _HEAD + "".join(lines) + _REFUSED + "".join(refused)


if __name__ == "__main__":
    everything = [row for library in LIBRARIES for row in rows(library)]
    path = Path(__file__).parents[2] / "docs" / "corpus.md"
    path.write_text(page(everything), encoding="utf-8")

"""Models that people own: nearly all start under strict, and what is refused says why."""

from importlib.util import find_spec

import pytest

pytest.importorskip("torch", reason="the corpus needs torch, transformers and timm")
for library in ("transformers", "timm"):
    if find_spec(library) is None:  # timm alone cannot be imported where torchvision is missing
        pytest.skip(f"the corpus needs {library}", allow_module_level=True)

from corpus.look import Row  # noqa: E402
from corpus.page import rows  # noqa: E402

DIFFERENT = {
    "lw_detr": "torch.Tensor(n) makes memory that nobody writes under torch.device('meta')",
    "vit_mae": "its code computes no table where a layer is marked as initialized",
}
"""Models whose library leaves `materialize` other values than its constructor gives."""

pytestmark = pytest.mark.filterwarnings("ignore")


def require(seen: list[Row], least: int) -> None:
    built = [row for row in seen if not row.unbuilt]
    assert len(built) >= least
    refused = {row.name: row.refused for row in built if row.refused}
    assert len(refused) <= 0.05 * len(built), refused
    assert not [row.name for row in built if row.forward == "not finite"]
    assert not {row.name: row.same for row in built if row.same.startswith("no")}.keys() - DIFFERENT


@pytest.mark.slow
def test_some_models_of_timm_start_under_strict() -> None:
    require(rows("timm", every=4), 20)


@pytest.mark.nightly
@pytest.mark.parametrize(("library", "least"), [("transformers", 150), ("timm", 80)])
def test_models_of_a_library_start_under_strict(library: str, least: int) -> None:
    require(rows(library), least)

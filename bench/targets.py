"""The targets of the benchmarks that run from the clone: dense layers, and whole models."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reach:
    """The rows of the dense layer's table, which `reach.rows` decides.

    Attributes
    ----------
    ratios
        By dtype and threads: the geometric mean over all shapes, over the large ones (None: no
        row), and the worst, each against the fastest peer of the shape.
    shares
        By instruction set: for a shape the least share of the peak of its core, float32 or float64.
    layer_overhead
        Seconds that a layer may add to a call of its kernel.
    """

    ratios: dict[tuple[str, int], tuple[float, float | None, float]]
    shares: dict[str, dict[tuple[int, int, int], float]]
    layer_overhead: float


_LARGE_BATCHES = ((256, 512, 512), (512, 1024, 1024), (1024, 2048, 2048))

REACH = Reach(
    ratios={
        ("float32", 1): (1.5, 1.10, 0.97),
        ("float32", 2): (1.6, None, 1.05),
        ("float64", 1): (1.35, None, 0.97),
    },
    shares={
        "avx512": {
            (128, 784, 256): 0.85,
            **dict.fromkeys(_LARGE_BATCHES, 0.85),
            (64, 4096, 1024): 0.80,
        },
        "avx2": dict.fromkeys(_LARGE_BATCHES, 0.85),
    },
    layer_overhead=1e-6,
)

MODELS = {"resnet50": 6.5, "gpt2-xl": 6.5, "llama-7b": 6.5, "vit-b16": 40.0}
"""Whole models: the least ratio over torch with two threads."""

MODEL_RISE = 64 * 2**20
"""Bytes by which the peak of memory may rise in a call for a whole model, at most."""

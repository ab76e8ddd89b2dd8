"""The targets: for which case, against which peer, what ratio at least."""

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class Target:
    """A row of the table; `judge.Ratio.reaches` decides whether it is met."""

    case: str
    peer: str
    at_least: float
    threads: int = 1


TARGETS = (
    # a layer must not cost its user what plain NumPy gives
    Target("dense-relu-float32-128x784x256", "numpy", 0.97),
    # a small layer is mostly the call
    Target("dense-relu-float32-1x64x64", "numpy", 5.0),
    Target("fill-normal-float32-67108864", "torch", 3.7),
    Target("fill-normal-float32-67108864", "torch", 7.0, threads=2),
    Target("fill-normal-float32-67108864", "memset", 0.32, threads=2),
    Target("fill-normal-float32-1048576-avx2", "torch", 2.5),
    Target("fill-uniform-float32-67108864", "torch", 8.0, threads=2),
    Target("fill-uniform-float32-67108864", "memset", 0.5, threads=2),
    Target("fill-truncated_normal-float32-67108864", "torch", 60.0, threads=2),
    Target("fill-truncated_normal-float32-67108864", "jax", 10.0, threads=2),
    Target("fill-truncated_normal-float32-67108864", "initcore normal", 0.8, threads=2),
    Target("fill-uncut_normal-float32-1048576", "initcore normal", 1.0),
    *(
        [Target("fill-normal-bfloat16-4194304", "torch", 7.0, threads=2)]
        if find_spec("ml_dtypes")
        else []
    ),
    Target("fill-normal-float16-4194304", "torch", 7.0, threads=2),
    Target("fill-normal-float64-1048576", "numpy", 3.0),
    Target("fill-normal-float64-1048576", "mkl_random", 0.8),
    Target("fill-glorot_uniform-float32-64x64", "torch", 4.0),
    *(
        [Target("fill-glorot_uniform-float32-64x64-torch", "torch", 3.0)]
        if find_spec("torch")
        else []
    ),
    Target("fill-normal_io-float32-2048x2048", "initcore canonical", 0.7),
    Target("orthogonal-float32-1024x1024", "torch", 1.5),
    Target("orthogonal-float32-1024x1024", "torch", 1.5, threads=2),
    Target("orthogonal-float32-4096x512", "torch", 1.5),
    Target("orthogonal-float32-4096x512", "torch", 1.5, threads=2),
    Target("train-tanh-momentum-64-128-64-10-by32", "jax", 1.3),
    Target("train-tanh-momentum-64-128-64-10-by32", "numpy", 2.4),
    Target("train-tanh-momentum-64-128-64-10-by32", "torch", 9.0),
    Target("train-tanh-momentum-52x64-by64", "jax", 1.2),
    Target("train-tanh-momentum-52x64-by64", "torch", 5.0),
    Target("train-relu-adam-784-512-512-10-by128", "jax", 1.1, threads=2),
    Target("train-relu-adam-784-512-512-10-by128", "torch", 1.1, threads=2),
    Target(
        "train-tanh-momentum-64-128-64-10-by32-24networks", "initcore one by one", 1.8, threads=2
    ),
)

"""The tensors of published models, for the benchmark of whole models."""

from collections.abc import Iterator

Shapes = Iterator[tuple[str, tuple[int, ...], str]]
"""Name, shape and role of each tensor; the roles are those of `interop.ROLES`."""


def resnet50() -> Shapes:
    """25.6 M parameters in 161 tensors."""
    yield "conv1.weight", (64, 3, 7, 7), "weight"
    yield from _norm("bn1", 64)
    n_in = 64
    for stage, (blocks, width) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512), strict=True), 1):
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            sizes = ((width, n_in, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1))
            for at, shape in enumerate(sizes, 1):
                yield f"{name}.conv{at}.weight", shape, "weight"
                yield from _norm(f"{name}.bn{at}", shape[0])
            if block == 0:
                yield f"{name}.downsample.0.weight", (4 * width, n_in, 1, 1), "weight"
                yield from _norm(f"{name}.downsample.1", 4 * width)
            n_in = 4 * width
    yield from _dense("fc", 1000, 2048)


def _norm(name: str, n: int) -> Shapes:
    yield f"{name}.weight", (n,), "scale"
    yield f"{name}.bias", (n,), "shift"


def _dense(name: str, n_out: int, n_in: int) -> Shapes:
    yield f"{name}.weight", (n_out, n_in), "weight"
    yield f"{name}.bias", (n_out,), "bias"


def _transformer(layers: int, width: int) -> Shapes:
    for layer in range(layers):
        name = f"blocks.{layer}"
        yield from _norm(f"{name}.norm1", width)
        yield from _dense(f"{name}.qkv", 3 * width, width)
        yield from _dense(f"{name}.proj", width, width)
        yield from _norm(f"{name}.norm2", width)
        yield from _dense(f"{name}.fc1", 4 * width, width)
        yield from _dense(f"{name}.fc2", width, 4 * width)


def gpt2_xl() -> Shapes:
    """1.56 G parameters in 580 tensors."""
    yield "wte.weight", (50257, 1600), "weight"
    yield "wpe.weight", (1024, 1600), "weight"
    yield from _transformer(48, 1600)
    yield from _norm("norm", 1600)


def llama_7b_layers(layers: int = 2) -> Shapes:
    """Layers of 202 M parameters in 9 tensors; the model streams through 32 of them."""
    width, inner = 4096, 11008
    for layer in range(layers):
        for part in ("q", "k", "v", "o"):
            yield f"layers.{layer}.{part}.weight", (width, width), "weight"
        yield f"layers.{layer}.gate.weight", (inner, width), "weight"
        yield f"layers.{layer}.up.weight", (inner, width), "weight"
        yield f"layers.{layer}.down.weight", (width, inner), "weight"
        yield f"layers.{layer}.norm1.weight", (width,), "scale"
        yield f"layers.{layer}.norm2.weight", (width,), "scale"


def vit_b16() -> Shapes:
    """86.6 M parameters in 150 tensors."""
    yield "patch.weight", (768, 3, 16, 16), "weight"
    yield "positions", (197, 768), "weight"
    yield from _transformer(12, 768)
    yield from _norm("norm", 768)
    yield from _dense("head", 1000, 768)

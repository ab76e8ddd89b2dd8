"""Fans, against the terms that other libraries' layers really sum.

With inputs and weights of 1 an output is the number of its terms, which is the fan_in, and the
gradient of an input is the number of outputs that it reaches, which is the fan_out.
"""

import importlib
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import initcore as ic
from initcore import initializers
from initcore.initializers import Fans, Initializer, einsum_layout, fans

KEY = ic.Key(5) / "fans"
PAGE = (Path(__file__).parents[1] / "docs" / "fans.md").read_text(encoding="utf-8")


def counted(
    n_in: int, n_out: int, kernel: tuple[int, ...], stride: int, groups: int, transposed: bool
) -> tuple[float, float]:
    """fan_in and fan_out as PyTorch's layer has them, far from the edges."""
    torch = pytest.importorskip("torch")
    ndim = len(kernel)
    name = f"conv{'_transpose' if transposed else ''}{ndim}d"
    function = getattr(torch.nn.functional, name)
    shape = (n_in, n_out // groups, *kernel) if transposed else (n_out, n_in // groups, *kernel)
    side = {1: 48, 2: 24, 3: 24}[ndim]
    x = torch.ones(1, n_in, *(side,) * ndim, requires_grad=True)
    y = function(x, torch.ones(shape), stride=stride, groups=groups)
    y.sum().backward()

    def middle(array: Any, period: int) -> float:
        # whole periods about the center, far from the edges
        edge = array.shape[-1] // 3
        length = (array.shape[-1] - 2 * edge) // period * period
        inner = array[(slice(None), slice(None), *(slice(edge, edge + length),) * ndim)]
        return float(inner.mean())

    return middle(y.detach(), stride if transposed else 1), middle(
        x.grad, 1 if transposed else stride
    )


CONVOLUTIONS = [
    ((16, 8), (5,), 1, 1),
    ((16, 8), (3, 3), 1, 1),
    ((16, 8), (3, 3), 1, 4),
    ((16, 8), (4, 2), 2, 2),
    ((8, 8), (3, 3), 1, 8),
    ((8, 24), (3, 3), 1, 8),
    ((8, 24), (5,), 1, 8),
    ((4, 8), (2, 2, 2), 2, 4),
    ((16, 8), (4, 4), 2, 1),
    ((4, 2), (3,), 2, 1),
]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("channels", "kernel", "stride", "groups"), CONVOLUTIONS)
def test_fans_of_a_convolution_are_the_terms_that_torch_sums(
    channels: tuple[int, int], kernel: tuple[int, ...], stride: int, groups: int, transposed: bool
) -> None:
    n_in, n_out = channels
    expected = counted(n_in, n_out, kernel, stride, groups, transposed)
    shape = (n_in, n_out // groups, *kernel) if transposed else (n_out, n_in // groups, *kernel)
    found = fans(
        shape,
        "io" if transposed else "oi",
        groups=groups,
        transposed=transposed,
        stride=stride,
    )
    assert (found.fan_in, found.fan_out) == pytest.approx(expected, rel=1e-6)


def test_a_transposed_convolution_with_stride_keeps_the_variance_it_says() -> None:
    torch = pytest.importorskip("torch")
    shape, arguments = (64, 32, 4, 4), {"layout": "io", "transposed": True, "stride": 2}
    w = ic.LecunNormal()(shape, key=KEY, **arguments)
    x = torch.from_numpy(ic.Normal()((4, 64, 24, 24), key=KEY / "x"))
    y = torch.nn.functional.conv_transpose2d(x, torch.from_numpy(w), stride=2)[..., 8:-8, 8:-8]
    # a channel's variance is that of 256 squared weights: relative error sqrt(2 / 256 / 32)
    assert float(y.var()) == pytest.approx(1.0, abs=5 * math.sqrt(2 / 256 / 32))


@pytest.mark.parametrize("spatial", [(5,), (3, 3), (2, 3, 2)])
def test_a_depthwise_kernel_is_the_same_layer_in_every_library(spatial: tuple[int, ...]) -> None:
    channels, multiplier = 6, 4
    taps = math.prod(spatial)
    torch_shape = (channels * multiplier, 1, *spatial)
    letters = "DHW"[3 - len(spatial) :]
    torch_like = ic.HeNormal(mode="fan_out")(torch_shape, key=KEY, groups=channels)
    assert fans(torch_shape, groups=channels) == Fans(taps, multiplier * taps)
    keras = ic.HeNormal(mode="fan_out")(
        (*spatial, channels, multiplier), key=KEY, layout=f"{letters}GO"
    )
    assert fans((*spatial, channels, multiplier), f"{letters}GO") == Fans(taps, multiplier * taps)
    moved = np.moveaxis(keras, (-2, -1), (0, 1)).reshape(torch_shape)
    assert (moved == torch_like).all()
    flax = ic.HeNormal(mode="fan_out")(
        (*spatial, 1, channels * multiplier), key=KEY, layout=f"{letters}IO", groups=channels
    )
    assert (np.moveaxis(flax, (-1, -2), (0, 1)) == torch_like).all()


EINSUMS = [
    ("btd,dnh->btnh", (12, 3, 4), "ioo"),
    ("btnh,nhd->btd", (3, 4, 12), "iio"),
    ("ecd,edf->ecf", (5, 12, 7), "gio"),
    ("bd,df->bf", (12, 7), "io"),
    ("fd,bd->bf", (7, 12), "oi"),
    ("lbd,ldnh->lbnh", (2, 12, 3, 4), "gioo"),
    ("...d,kdf->...kf", (3, 12, 7), "oio"),
]


@pytest.mark.parametrize(("equation", "shape", "layout"), EINSUMS)
def test_fans_of_an_einsum_are_the_terms_it_sums(
    equation: str, shape: tuple[int, ...], layout: str
) -> None:
    operands, output = equation.split("->")
    weight = int(operands.split(",")[1].replace(".", "") == "bd") ^ 1
    assert einsum_layout(equation, weight) == layout
    found = fans(shape, layout)
    names = operands.split(",")
    sizes = {**dict.fromkeys("btc", 1), **dict(zip(names[weight], shape, strict=True))}
    other = [sizes[letter] for letter in names[1 - weight] if letter != "."]
    inputs = [np.ones(other), np.ones(shape)][:: 1 if weight else -1]
    y = np.einsum(equation, *inputs)
    assert (y == found.fan_in).all()
    back = f"{names[weight]},{output}->{names[1 - weight]}"
    assert (np.einsum(back, np.ones(shape), np.ones(y.shape)) == found.fan_out).all()


def test_heads_are_the_same_layer_as_one_flat_projection() -> None:
    flat = ic.GlorotUniform()((3 * 4, 12), key=KEY)
    heads = ic.GlorotUniform()((12, 3, 4), key=KEY, layout=einsum_layout("btd,dnh->btnh"))
    assert (flat == heads.reshape(12, 12).T).all()


@pytest.mark.parametrize("init", [ic.HeNormal(), ic.Orthogonal(), ic.Sparse(0.5)], ids=repr)
def test_several_axes_are_one_flat_axis_in_every_scheme(init: Initializer) -> None:
    flat = init((3 * 2 * 4, 5 * 2), key=KEY)
    shape, layout = (5, 3, 2, 2, 4), "ioioo"
    split = init(shape, key=KEY, layout=layout)
    assert (split.transpose(1, 3, 4, 0, 2).reshape(24, 10) == flat).all()
    for index in (np.s_[1:4, ::-1, :, 1, ::2], np.s_[:, 2], np.s_[..., :0]):
        block = init.block(shape, index, key=KEY, layout=layout)
        assert (block == split[index]).all()


@pytest.mark.parametrize("init", [ic.HeNormal(), ic.Orthogonal(), ic.Sparse(0.5), ic.Identity()])
def test_copies_have_the_fans_and_the_law_of_one(init: Initializer) -> None:
    stack = init((6, 16, 8), key=KEY, layout="goi", dtype=np.float64)
    other = init((6, 8, 16), key=KEY, layout="gio", dtype=np.float64)
    assert (stack == other.transpose(0, 2, 1)).all()
    one = init((16, 8), key=KEY, dtype=np.float64)
    if isinstance(init, ic.Identity):
        assert (stack == one).all()
        return
    assert len({copy.tobytes() for copy in stack}) == 6
    if isinstance(init, ic.Orthogonal):
        for number, copy in enumerate(stack):
            assert np.abs(copy.T @ copy - np.eye(8)).max() < 1e-12
            assert (copy == init((16, 8), key=KEY / number, dtype=np.float64)).all()
    elif isinstance(init, ic.Sparse):
        assert ((stack == 0).sum(axis=1) == 8).all()
    else:
        assert (stack[0] == one).all()
        assert init.law(fans((6, 16, 8), "goi")) == init.law(fans((16, 8)))
    block = init.block((6, 16, 8), np.s_[1:5:2, ::-1, 3], key=KEY, layout="goi", dtype=np.float64)
    assert (block == stack[1:5:2, ::-1, 3]).all()


def test_groups_of_an_orthogonal_kernel_are_orthogonal_each() -> None:
    w = ic.Orthogonal()((12, 8, 1, 1), key=KEY, groups=3, dtype=np.float64)[..., 0, 0]
    axis = ic.Orthogonal()((3, 4, 8, 1, 1), key=KEY, layout="goi", dtype=np.float64)
    assert (w.reshape(3, 4, 8) == axis[..., 0, 0]).all()
    for group in w.reshape(3, 4, 8):
        assert np.abs(group @ group.T - np.eye(4)).max() < 1e-12
    back = ic.Orthogonal()(
        (12, 4, 1), key=KEY, groups=3, transposed=True, layout="io", dtype=np.float64
    )[..., 0]
    for group in back.reshape(3, 4, 4):
        assert np.abs(group @ group.T - np.eye(4)).max() < 1e-12


def test_an_embedding_row_has_one_input() -> None:
    assert fans((1000, 64), "go") == Fans(1, 64)
    table = ic.VarianceScaling(1.0, "fan_out")((1000, 64), key=KEY, layout="go")
    assert table.std() == pytest.approx(1 / 8, rel=5 / math.sqrt(2 * table.size))


QKV = initializers.Packed(ic.GlorotNormal(), (1, 1, 1), ("q", "k", "v"))


def test_packed_projections_are_the_projections_one_by_one() -> None:
    w = QKV((192, 64), key=KEY)
    for number, name in enumerate("qkv"):
        own = ic.GlorotNormal()((64, 64), key=KEY / name)
        assert (w[64 * number : 64 * number + 64] == own).all()
    stored = QKV((64, 192), key=KEY, layout="io")
    assert (w == stored.T).all()
    assert (w == QKV((64, 3, 4, 16), key=KEY, layout="iooo").reshape(64, 192).T).all()
    # Glorot's law of one (64, 64) projection, where the packed shape would say 2 / 256
    assert w.std() == pytest.approx(math.sqrt(2 / 128), rel=5 / math.sqrt(2 * w.size))


def test_grouped_query_attention_and_gates_have_blocks_of_their_lengths() -> None:
    gqa = initializers.Packed(ic.GlorotNormal(), (512, 128, 128), ("q", "k", "v"))
    w = gqa((768, 512), key=KEY)
    assert (w[512:640] == ic.GlorotNormal()((128, 512), key=KEY / "k")).all()
    # the same heads, packed group by group: 4 queries, a key and a value, twice
    mixed = initializers.Packed(ic.GlorotNormal(), (4, 1, 1), ("q", "k", "v"), repeats=2)
    rows = mixed((768, 512), key=KEY).reshape(2, 6, 64, 512)
    assert (rows[:, :4].reshape(512, 512) == w[:512]).all()
    assert (rows[:, 4].reshape(128, 512) == w[512:640]).all()
    assert (rows[:, 5].reshape(128, 512) == w[640:]).all()
    gated = initializers.Packed(ic.GlorotNormal(), (1, 1), ("gate", "up"))
    assert (gated((256, 64), key=KEY)[128:] == ic.GlorotNormal()((128, 64), key=KEY / "up")).all()


def test_an_lstm_packs_an_orthogonal_matrix_for_each_gate_and_a_bias() -> None:
    gates = initializers.Packed(ic.Orthogonal(), (1, 1, 1, 1), tuple("ifgo"))
    for gate in gates((64, 16), key=KEY, dtype=np.float64).reshape(4, 16, 16):
        assert np.abs(gate @ gate.T - np.eye(16)).max() < 1e-12
    bias = initializers.Packed(
        (ic.Zeros(), ic.Ones(), ic.Zeros(), ic.Zeros()), (1, 1, 1, 1), tuple("ifgo")
    )
    assert (bias((64,)) == initializers.ForgetBias()((64,))).all()
    stacked = gates((3, 64, 16), key=KEY, layout="goi", dtype=np.float64)
    assert np.abs(stacked[2, :16] @ stacked[2, :16].T - np.eye(16)).max() < 1e-12


def test_packed_blocks_and_round_trips() -> None:
    w = QKV((192, 64), key=KEY)
    assert (QKV.block((192, 64), np.s_[60:70, ::3], key=KEY) == w[60:70, ::3]).all()
    mixed = initializers.Packed((ic.HeNormal(), initializers.Icnr(4)), (3, 1))
    assert initializers.from_dict(mixed.to_dict()) == mixed
    assert hash(mixed) == hash(initializers.from_dict(mixed.to_dict()))
    half = QKV((192, 64), key=KEY, dtype=np.float16)
    assert (half == w.astype(np.float16)).all()


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: QKV((191, 64), key=KEY), ValueError, r"sizes=\(1, 1, 1\).*191"),
        (lambda: initializers.Packed(ic.Zeros(), (0, 1)), ValueError, r"sizes\[0\]=0"),
        (lambda: initializers.Packed(ic.Zeros(), ()), ValueError, r"sizes=\(\)"),
        (lambda: initializers.Packed(ic.Zeros(), (1, 1), ("q", "q")), ValueError, "names="),
        (lambda: initializers.Packed((ic.Zeros(),), (1, 1)), ValueError, "init="),
        (lambda: fans((4, 4, 3, 3), stride=0), ValueError, "stride=0"),
        (lambda: fans((4, 4, 3, 3), stride=(1, 2, 3)), ValueError, r"stride=\(1, 2, 3\)"),
        (lambda: fans((4, 4, 3), stride=1.5), TypeError, "stride=1.5"),
        (lambda: fans((4, 4), "g"), ValueError, "layout='g'"),
        (lambda: fans((4, 4, 4), "ooi "), ValueError, "names 4 axes"),
        (lambda: fans((4, 4, 4, 4), "oihh"), ValueError, "layout='oihh'"),
        (lambda: einsum_layout("bd,df"), ValueError, "must say its output"),
        (lambda: einsum_layout("bd,df->b"), ValueError, "axis 'f'"),
        (lambda: einsum_layout("bd,dd->bd"), ValueError, "'dd'"),
        (lambda: einsum_layout("bd,df->bf", weight=2), ValueError, "weight=2"),
    ],
)
def test_impossible_fans_are_refused_by_name(call: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def lines() -> list[list[str]]:
    """The cells of the page's table of what others make of a shape."""
    table = PAGE[PAGE.index("| layer |") : PAGE.index("JAX's functions take")]
    rows = table.strip().splitlines()[2:]
    return [[cell.strip() for cell in row.strip()[1:-1].split(" | ")] for row in rows]


def drawn_by(library: str, call: str, shape: tuple[int, ...]) -> Any:
    """What a library's initializer gives to a shape."""
    name = {"torch": "torch.nn.init", "jax": "jax.nn.initializers", "keras": "keras.initializers"}
    module = pytest.importorskip(name[library], reason=f"{library} is not installed")
    if library == "torch":
        torch = importlib.import_module("torch")
        torch.manual_seed(1)
        tensor = torch.empty(shape)
        function, _, arguments = call.partition("(")
        eval(f"{function}(tensor, {arguments}", {**vars(module), "tensor": tensor})
        return tensor.numpy()
    make = eval(call, vars(module))
    if library == "keras":
        importlib.import_module("keras").utils.set_random_seed(1)
        tensor = make(shape)
        return np.asarray(getattr(tensor, "value", tensor))
    return np.asarray(make(importlib.import_module("jax").random.key(1), shape))


@pytest.mark.parametrize("line", lines(), ids=lambda line: f"{line[2]}-{line[1]}")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_page_says_what_others_make_of_a_shape_and_what_the_law_asks(line: list[str]) -> None:
    _, shape_text, elsewhere, theirs, init_text, said, ours = line
    shape = eval(shape_text.strip("`"))
    arguments = eval(f"dict({said.strip('`')})")
    init = eval(init_text.strip("`"), {**vars(initializers), **vars(ic)})
    w = init(shape, key=KEY, **arguments)
    # 5 standard errors of a standard deviation, and half a unit of the last digit
    error = 5 / math.sqrt(2 * w.size)
    assert w.std() == pytest.approx(float(ours), rel=error, abs=5e-5)
    if not isinstance(init, initializers.Packed):
        law = init.law(fans(shape, **arguments))
        assert law[1][1] == pytest.approx(float(ours), abs=5e-5)
    library, call = re.fullmatch(r"(\w+) `(.*)`", elsewhere).groups()  # type: ignore[union-attr]
    assert drawn_by(library, call, shape).std() == pytest.approx(float(theirs), rel=error, abs=5e-5)


def test_a_convolution_s_fans_do_not_depend_on_where_a_library_stores_its_axes() -> None:
    # out 64, in 32, 3 x 3: PyTorch, Keras and Flax, MLX, MXNet's NHWC
    for shape, layout in (
        ((64, 32, 3, 3), "OIHW"),
        ((3, 3, 32, 64), "HWIO"),
        ((64, 3, 3, 32), "OHWI"),
        ((32, 64, 3, 3), "IOHW"),
    ):
        assert fans(shape, layout) == Fans(288, 576)
    # Burn stores dense layers by column too: the fans stay, where it swaps them
    assert fans((256, 128), "io") == fans((128, 256)) == Fans(256, 128)

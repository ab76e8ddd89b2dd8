"""Arrays of other libraries are filled where they lie, or refused by name."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import initcore as ic
from initcore import interop
from initcore._memory import torch_tensors

KEY = ic.Key(7) / "fc" / "weight"
INITIALIZERS: list[ic.initializers.Initializer] = [
    ic.HeNormal(),
    ic.GlorotUniform(),
    ic.TruncatedNormal(std=0.02),
    ic.Orthogonal(),
    ic.Sparse(0.5),
    ic.Sign(),
    ic.Constant(0.3),
    ic.Identity(),
]


def torch() -> Any:
    return pytest.importorskip("torch")


def numbers(tensor: Any) -> np.ndarray[Any, Any]:
    """Its values as float64, by torch's own conversion."""
    array: np.ndarray[Any, Any] = tensor.detach().double().contiguous().numpy()
    return array


DTYPES = {
    "float32": np.float32,
    "float64": np.float64,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("init", INITIALIZERS, ids=lambda init: type(init).__name__)
def test_a_tensor_gets_the_bytes_of_a_numpy_array(init: Any, dtype: str) -> None:
    tensor = torch().full((24, 16), 9.0, dtype=getattr(torch(), dtype))
    assert init.fill(tensor, key=KEY) is tensor
    expected = init((24, 16), key=KEY, dtype=DTYPES[dtype])
    assert numbers(tensor).tobytes() == expected.astype(np.float64).tobytes()


def test_a_tensor_of_any_strides_is_written_where_it_lies() -> None:
    expected = ic.HeNormal()((6, 10), key=KEY).astype(np.float64)
    for dtype in (torch().float32, torch().bfloat16):
        rounded = torch().tensor(expected).to(dtype).double().numpy()
        zeros = partial(torch().zeros, dtype=dtype)
        for view in (zeros(10, 6).t(), zeros(12, 20)[1::2, ::2], zeros(2, 6, 10)[1]):
            ic.HeNormal().fill(view, key=KEY)
            assert (numbers(view) == rounded).all()
    around = torch().zeros(12, 20)
    ic.HeNormal().fill(around[1::2, ::2], key=KEY)
    assert (around[::2] == 0).all()
    assert (around[:, 1::2] == 0).all()


def test_a_parameter_that_tracks_gradients_is_filled_and_its_version_moves() -> None:
    parameter = torch().nn.Parameter(torch().zeros(8, 4))
    before, memory = parameter._version, parameter.data_ptr()
    ic.HeNormal().fill(parameter, key=KEY)
    assert parameter._version == before + 1
    assert (parameter.data_ptr(), parameter.requires_grad, parameter.grad_fn) == (
        memory,
        True,
        None,
    )
    loss = (parameter * parameter).sum()
    ic.HeNormal().fill(parameter[:2], key=KEY)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_block_may_be_written_into_a_tensor() -> None:
    whole = ic.HeNormal()((64, 8), key=KEY)
    shard = torch().zeros(16, 8)
    assert ic.HeNormal().block((64, 8), np.s_[16:32], key=KEY, out=shard) is shard
    assert (numbers(shard) == whole[16:32]).all()
    assert shard._version == 1
    with pytest.raises(ValueError, match=r"out has shape \(16, 8\)"):
        ic.HeNormal().block((64, 8), np.s_[:8], key=KEY, out=shard)


def test_a_memory_mapped_array_is_written_to_its_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.npy"
    mapped = np.lib.format.open_memmap(path, "w+", np.float32, (32, 16))
    assert ic.HeNormal().fill(mapped, key=KEY) is mapped
    mapped.flush()
    assert (np.load(path) == ic.HeNormal()((32, 16), key=KEY)).all()
    with pytest.raises(ValueError, match="array is read-only"):
        ic.HeNormal().fill(np.load(path, mmap_mode="r"), key=KEY)


def _inference(t: Any) -> Any:
    with t.inference_mode():
        return t.zeros(4, 4)


def _fake(t: Any) -> Any:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        return t.zeros(4, 4)


def _wrapper(t: Any) -> Any:
    from torch.testing._internal.two_tensor import TwoTensor

    return TwoTensor(t.zeros(4, 4), t.zeros(4, 4))


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "meta": (lambda t: t.zeros(4, 4, device="meta"), "meta device.*materialize"),
    "fake": (_fake, "FakeTensor: it has no memory"),
    "inference": (_inference, "inference tensor.*outside of"),
    "wrapper": (_wrapper, "TwoTensor, which wraps other tensors"),
    "lazy": (lambda t: t.nn.LazyLinear(3).weight, "Uninitialized.*one forward pass"),
    "sparse": (lambda t: t.zeros(4, 4).to_sparse(), r"layout torch\.sparse_coo"),
    "expanded": (lambda t: t.zeros(4, 1).expand(4, 4), r"use tensor\.contiguous\(\)"),
    "negated": (lambda t: t._neg_view(t.zeros(4, 4)), r"resolve_neg\(\)"),
    "meta parameter": (
        lambda t: t.nn.Parameter(t.zeros(4, 4, device="meta")),
        "meta device.*materialize",
    ),
    "negated bfloat16": (
        lambda t: t._neg_view(t.zeros(4, 4, dtype=t.bfloat16)),
        r"resolve_neg\(\)",
    ),
    "expanded bfloat16": (
        lambda t: t.zeros(4, 1, dtype=t.bfloat16).expand(4, 4),
        r"use tensor\.contiguous\(\)",
    ),
    "sparse bfloat16": (
        lambda t: t.zeros(4, 4, dtype=t.bfloat16).to_sparse(),
        r"layout torch\.sparse_coo",
    ),
    "int": (lambda t: t.zeros(4, 4, dtype=t.int32), r"dtype torch\.int32: use one of"),
    "complex": (lambda t: t.zeros(4, 4, dtype=t.complex64), r"dtype torch\.complex64"),
    "fp8": (lambda t: t.zeros(4, 4, dtype=t.float8_e4m3fn), r"dtype torch\.float8_e4m3fn"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_tensor_that_can_not_be_written_is_refused_with_a_remedy(kind: str) -> None:
    make, message = REFUSED[kind]
    init = ic.HeNormal()
    for _ in range(2):  # also where the initializer knows the shape
        with pytest.raises(TypeError, match=message):
            init.fill(make(torch()), key=KEY)
        init.fill(torch().zeros(4, 4), key=KEY)


@pytest.mark.parametrize("layout", ["oi", "io"])
def test_a_tensor_of_a_shape_that_was_filled_before_is_filled_alike(layout: str) -> None:
    init = ic.GlorotUniform()
    expected = init((6, 4), key=KEY, layout=layout)
    for base in (torch().zeros(6, 4), torch().zeros(4, 6).t(), torch().zeros(6, 8)[:, ::2]):
        tensor, version = base, base._version
        assert init.fill(tensor, key=KEY, layout=layout) is tensor
        assert (tensor.numpy() == expected).all()
        assert tensor._version == version + 1


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_parameter_and_every_dtype_are_known_again(
    dtype: str, tracked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    init, tensor = ic.HeNormal(), torch().zeros(6, 4, dtype=getattr(torch(), dtype))
    if tracked:
        tensor = torch().nn.Parameter(tensor)
    init.fill(tensor, key=ic.Key(1))
    monkeypatch.setattr(torch_tensors, "view", None)  # the long way would call it
    assert init.fill(tensor, key=KEY) is tensor
    assert (numbers(tensor) == init((6, 4), key=KEY, dtype=DTYPES[dtype]).astype(float)).all()
    assert (tensor._version, tensor.requires_grad) == (2, tracked)


def test_tracers_of_torch_are_refused() -> None:
    messages = []

    def fill(x: Any) -> Any:
        with pytest.raises(TypeError, match="tracer") as caught:
            ic.HeNormal().fill(x, key=KEY)
        messages.append(str(caught.value))
        return x.sum()

    torch().func.grad(fill)(torch().zeros(3, 3))
    torch().func.vmap(fill)(torch().zeros(2, 3, 3))
    torch().fx.symbolic_trace(fill)
    assert len(messages) == 3


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("init", INITIALIZERS, ids=lambda init: type(init).__name__)
def test_a_tensor_on_a_gpu_is_filled_in_parts_from_the_host(
    init: Any, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CPU tensor stands for one on a GPU: the parts are what is claimed, not the copy."""
    tensor = torch().nn.Parameter(torch().zeros(16, 24, dtype=getattr(torch(), dtype)).t())
    sizes = []

    def host(shape: tuple[int, ...], dtype: Any) -> Any:
        sizes.append(shape)
        return torch().empty(shape, dtype=dtype)

    monkeypatch.setattr(torch_tensors, "on_gpu", lambda array: array is tensor)
    monkeypatch.setattr(
        torch_tensors, "quick_view", lambda array: None
    )  # NumPy refuses such a tensor
    monkeypatch.setattr(torch_tensors, "_host", host)
    monkeypatch.setattr(torch_tensors, "_STAGE_BYTES", 5 * 16 * tensor.element_size())
    assert init.fill(tensor, key=KEY) is tensor
    expected = init((24, 16), key=KEY, dtype=DTYPES[dtype])
    assert numbers(tensor).tobytes() == expected.astype(np.float64).tobytes()
    by_element = isinstance(init, ic.HeNormal | ic.GlorotUniform | ic.TruncatedNormal)
    by_element |= isinstance(init, ic.Sparse | ic.Sign | ic.Constant)
    assert sizes == ([(5, 16)] if by_element else [(24, 16)])
    assert tensor._version == (5 if by_element else 1)
    scalar = torch().zeros(())
    monkeypatch.setattr(torch_tensors, "on_gpu", lambda array: array is scalar)
    assert float(ic.Constant(0.5).fill(scalar)) == 0.5


def test_a_tensor_on_a_device_is_told_to_come_by_way_of_the_cpu() -> None:
    """Of a device that this machine need not have, the check sees the name alone."""
    refusal = torch_tensors.elsewhere(torch().device("cuda:0"))
    assert refusal is not None
    assert refusal.startswith("on cuda:0: fill a CPU tensor and copy it")
    assert torch_tensors.elsewhere(torch().device("cpu")) is None


def test_arrays_of_jax_are_refused_with_a_remedy() -> None:
    jax = pytest.importorskip("jax")
    with pytest.raises(TypeError, match=r"JAX arrays never change: make a NumPy array"):
        ic.HeNormal().fill(jax.numpy.zeros((3, 3)), key=KEY)

    def traced(x: Any) -> Any:
        with pytest.raises(TypeError, match="JAX arrays never change"):
            ic.HeNormal().fill(x, key=KEY)
        return x

    jax.jit(traced)(np.zeros((3, 3), np.float32))


def test_variables_of_keras_are_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    pytest.importorskip("jax")
    keras = pytest.importorskip("keras")
    with pytest.raises(TypeError, match=r"Keras's variables are written by variable\.assign"):
        ic.HeNormal().fill(keras.Variable(np.zeros((3, 3), np.float32)), key=KEY)


def test_allow_takes_a_class_that_exports_memory_and_fill_writes_there() -> None:
    class Held:
        def __init__(self, array: np.ndarray[Any, Any]) -> None:
            self.array = array

        def __dlpack__(self, **said: Any) -> Any:
            return self.array.__dlpack__(**said)

        def __dlpack_device__(self) -> Any:
            return self.array.__dlpack_device__()

    held = Held(np.zeros((4, 6), np.float32))
    with pytest.raises(TypeError, match=r"Held; it must be a numpy\.ndarray"):
        ic.HeNormal().fill(held, key=KEY)
    interop.allow(Held)
    assert ic.HeNormal().fill(held, key=KEY) is held
    assert (held.array == ic.HeNormal()((4, 6), key=KEY)).all()
    with pytest.raises(TypeError, match="__dlpack__"):
        interop.allow(int)


def test_an_array_of_the_standards_own_library_is_filled() -> None:
    strict = pytest.importorskip("array_api_strict")
    array = strict.zeros((3, 4), dtype=strict.float32)
    ic.HeNormal().fill(array, key=KEY)
    assert (np.from_dlpack(array) == ic.HeNormal()((3, 4), key=KEY)).all()


def test_torch_is_not_imported_unless_the_user_did() -> None:
    code = (
        "import sys, numpy as np, initcore as ic\n"
        "ic.HeNormal().fill(np.zeros((4, 4)), key=ic.Key(0) / 'a')\n"
        "from initcore import interop\n"
        "interop.initialize(ic.Sequential(ic.Dense(4, 4)), 'he', key=0)\n"
        "print(sorted({'torch', 'jax', 'keras', 'ml_dtypes'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

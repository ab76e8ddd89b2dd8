"""The same operations in other libraries, where they are installed, as their users write them."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Call = Callable[[], Any]

PEERS = ("torch", "jax", "mkl_random")


def installed() -> list[str]:
    """Which of the peers can be imported; none is imported to find out."""
    return [name for name in PEERS if find_spec(name) is not None]


def on_cpu() -> Any:
    """JAX on the CPU, with a float64 that is one."""
    jax = import_module("jax")
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    return jax


def set_threads(wanted: Sequence[str], threads: int) -> None:
    """Let the peers use so many threads; JAX reads its number from the environment."""
    if "torch" in wanted:
        torch: Any = import_module("torch")

        torch.set_num_threads(threads)


def environment(threads: int) -> dict[str, str]:
    """What a process must start with for BLAS libraries and JAX to use so many threads."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    found = {name: str(threads) for name in (*names, "INITCORE_NUM_THREADS")}
    if threads == 1:
        found["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return found


def dense(
    wanted: Sequence[str], x: Array, w: Array, b: Array, dy: Array, activation: str
) -> dict[str, Call]:
    """Forward and backward of a layer: (y, dx, dw, db)."""
    calls: dict[str, Call] = {}
    if "torch" in wanted:
        calls |= _torch_dense(x, w, b, dy, activation)
    if "jax" in wanted:
        jax = on_cpu()

        phi = {"relu": jax.nn.relu, "tanh": jax.numpy.tanh}[activation]

        def layer(x: Any, w: Any, b: Any, dy: Any) -> Any:
            y, pull = jax.vjp(lambda x, w, b: phi(x @ w.T + b), x, w, b)
            return y, *pull(dy)

        step = jax.jit(layer)
        arrays = [jax.device_put(a) for a in (x, w, b, dy)]
        calls["jax"] = lambda: jax.block_until_ready(step(*arrays))
    return calls


def _torch_dense(x: Array, w: Array, b: Array, dy: Array, activation: str) -> dict[str, Call]:
    torch: Any = import_module("torch")
    tx, tw, tb, tdy = (torch.from_numpy(a) for a in (x, w, b, dy))
    leaves = [t.detach().requires_grad_() for t in (tx, tw, tb)]
    phi = {"relu": torch.relu, "tanh": torch.tanh}[activation]
    phi_ = {"relu": torch.relu_, "tanh": torch.tanh_}[activation]
    y = torch.empty_like(tdy)
    dx, dw, db = torch.empty_like(tx), torch.empty_like(tw), torch.empty_like(tb)
    dphi: Callable[[Any, Any], Any] = {
        "relu": lambda dy, y: torch.ops.aten.threshold_backward(dy, y, 0),
        "tanh": torch.ops.aten.tanh_backward,
    }[activation]

    def autograd() -> tuple[Array, ...]:
        out = phi(torch.nn.functional.linear(*leaves))
        gradients = torch.autograd.grad(out, leaves, tdy)
        return (out.detach().numpy(), *(g.numpy() for g in gradients))

    results = tuple(t.numpy() for t in (y, dx, dw, db))

    def by_hand() -> tuple[Array, ...]:
        torch.addmm(tb, tx, tw.t(), out=y)
        phi_(y)
        dz = dphi(tdy, y)
        torch.mm(dz, tw, out=dx)
        torch.mm(dz.t(), tx, out=dw)
        torch.sum(dz, 0, out=db)
        return results

    return {"torch autograd": autograd, "torch": torch.no_grad()(by_hand)}


def loss(wanted: Sequence[str], name: str, y: Array, target: Array) -> dict[str, Call]:
    """A loss and the gradient of its outputs."""
    calls: dict[str, Call] = {}
    if "torch" in wanted:
        torch: Any = import_module("torch")

        logits = torch.from_numpy(y).requires_grad_()
        right = torch.from_numpy(target)
        formula = {
            "softmax_cross_entropy": torch.nn.functional.cross_entropy,
            "mean_squared_error": torch.nn.functional.mse_loss,
        }[name]

        def with_torch() -> tuple[float, Array]:
            value = formula(logits, right)
            (gradient,) = torch.autograd.grad(value, logits)
            return value.item(), gradient.numpy()

        calls["torch"] = with_torch
    if "jax" in wanted:
        jax = on_cpu()
        jnp = jax.numpy

        def mean_loss(y: Any, target: Any) -> Any:
            if name == "mean_squared_error":
                return jnp.mean(jnp.square(y - target))
            picked = jnp.take_along_axis(jax.nn.log_softmax(y), target[:, None], axis=1)
            return -jnp.mean(picked)

        step = jax.jit(jax.value_and_grad(mean_loss))
        arrays = jax.device_put(y), jax.device_put(target)

        def with_jax() -> tuple[float, Array]:
            value, gradient = jax.block_until_ready(step(*arrays))
            return float(value), gradient

        calls["jax"] = with_jax
    return calls


def sgd(
    wanted: Sequence[str],
    parameter: Array,
    gradient: Array,
    velocity: Array,
    lr: float,
    momentum: float,
) -> dict[str, Call]:
    """A step with momentum: (parameter, velocity)."""
    calls: dict[str, Call] = {}
    if "torch" in wanted:
        torch: Any = import_module("torch")

        p, v = torch.from_numpy(parameter.copy()), torch.from_numpy(velocity.copy())
        g = torch.from_numpy(gradient)
        results = p.numpy(), v.numpy()

        def with_torch() -> tuple[Array, Array]:
            v.mul_(momentum).add_(g)
            p.sub_(v, alpha=lr)
            return results

        calls["torch"] = torch.no_grad()(with_torch)
    if "jax" in wanted:
        jax = on_cpu()

        step = jax.jit(lambda p, g, v: (p - lr * (momentum * v + g), momentum * v + g))
        arrays = [jax.device_put(a) for a in (parameter, gradient, velocity)]
        calls["jax"] = lambda: jax.block_until_ready(step(*arrays))
    return calls


def _as_array(tensor: Any) -> Array:
    """A tensor's memory as a NumPy array; torch gives bfloat16 away only as integers."""
    if str(tensor.dtype) == "torch.bfloat16":
        torch: Any = import_module("torch")
        integers: Array = tensor.view(torch.int16).numpy()
        return integers.view(import_module("ml_dtypes").bfloat16)
    array: Array = tensor.numpy()
    return array


def glorot_uniform(wanted: Sequence[str], n: int) -> dict[str, Call]:
    """A layer of n units with n inputs."""
    calls: dict[str, Call] = {}
    if "torch" in wanted:
        torch: Any = import_module("torch")

        out = torch.empty(n, n)
        result: Array = out.numpy()

        def with_torch() -> Array:
            torch.nn.init.xavier_uniform_(out)
            return result

        calls["torch"] = with_torch
    if "jax" in wanted:
        jax = on_cpu()

        key, init = jax.random.key(0), jax.nn.initializers.glorot_uniform()
        calls["jax"] = lambda: jax.block_until_ready(init(key, (n, n), "float32"))
    return calls


def fill(
    wanted: Sequence[str], law: str, n: int, dtype: str, parameters: Mapping[str, float]
) -> dict[str, Call]:
    """A new or refilled array of a law."""
    calls: dict[str, Call] = {}
    if "torch" in wanted:
        torch: Any = import_module("torch")

        out = torch.empty(n, dtype=getattr(torch, dtype))
        result = _as_array(out)
        draws: dict[str, Call] = {
            "uniform": lambda: out.uniform_(parameters["low"], parameters["high"]),
            "normal": lambda: out.normal_(parameters["mean"], parameters["std"]),
            "truncated_normal": lambda: torch.nn.init.trunc_normal_(
                out,
                parameters["mean"],
                parameters["std"],
                parameters["low"],
                parameters["high"],
            ),
        }

        def with_torch() -> Array:
            draws[law]()
            return result

        calls["torch"] = with_torch
    # JAX draws 16-bit normals from uniforms of 16 bits: their mean is off by more than six sigma
    if "jax" in wanted and dtype in ("float32", "float64"):
        jax = on_cpu()

        key = jax.random.key(0)
        laws: dict[str, Callable[[Any], Any]] = {
            "uniform": lambda key: jax.random.uniform(
                key, (n,), dtype, parameters["low"], parameters["high"]
            ),
            "normal": lambda key: parameters["std"] * jax.random.normal(key, (n,), dtype),
            "truncated_normal": lambda key: (
                parameters["std"]
                * jax.random.truncated_normal(
                    key,
                    parameters["low"] / parameters["std"],
                    parameters["high"] / parameters["std"],
                    (n,),
                    dtype,
                )
            ),
        }
        jitted = jax.jit(laws[law])
        calls["jax"] = lambda: jax.block_until_ready(jitted(key))
    return calls


def mkl_normal(
    wanted: Sequence[str], n: int, dtype: str, parameters: Mapping[str, float]
) -> dict[str, Call]:
    """A new array of normals by the quickest of MKL's generators that this project timed."""
    if "mkl_random" not in wanted or dtype != "float64":
        return {}
    # of ten generators and three methods: MCG59 with the inverse, 3 % before SFMT19937
    generator = import_module("mkl_random").RandomState(0, brng="MCG59")
    mean, std = parameters["mean"], parameters["std"]
    return {"mkl_random": lambda: generator.normal(mean, std, n, method="ICDF")}


def orthogonal(wanted: Sequence[str], rows: int, columns: int, dtype: str) -> dict[str, Call]:
    """A new or refilled orthogonal matrix."""
    calls: dict[str, Call] = {}
    if "torch" in wanted:
        torch: Any = import_module("torch")

        out = torch.empty(rows, columns, dtype=getattr(torch, dtype))
        result: Array = out.numpy()

        def with_torch() -> Array:
            torch.nn.init.orthogonal_(out)
            return result

        calls["torch"] = with_torch
    if "jax" in wanted:
        jax = on_cpu()

        key, draw = jax.random.key(0), jax.nn.initializers.orthogonal()
        jitted = jax.jit(lambda key: draw(key, (rows, columns), dtype))
        calls["jax"] = lambda: jax.block_until_ready(jitted(key))
    return calls

"""Networks that are not plain classifiers: linear, residual, wide, and born dead."""

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

import initcore as ic
from bench.outcomes._outcome import KEY, Outcome, digits, train
from initcore import recipes, theory
from initcore._exact.linear_algebra import eigh, product
from initcore.initializers import Initializer
from initcore.layers import Activation, Scale
from initcore.recipes import Role

Array = NDArray[np.float32]

_STEPS = 1000
_RATES = [16.0 * math.sqrt(0.5) ** k for k in range(20)]
_LEFT = 0.05  # of the error that a linear map can learn
_DEPTHS = (4, 8, 16, 32, 64)


def deep_linear() -> Outcome:
    """Saxe et al. 2013, figure 6: how long deep linear networks take to learn to classify."""
    goal = _whitened_digits()
    rows, curves, numbers = [], {}, {}
    laws: dict[str, Initializer] = {"orthogonal": ic.Orthogonal(), "Gaussian": ic.XavierNormal()}
    for name, law in laws.items():
        for depth in _DEPTHS:
            numbers[f"{name} {depth}"] = _steps_to_learn(goal, law, depth)
        found = {depth: numbers[f"{name} {depth}"] for depth in _DEPTHS}
        curves[name] = [
            (math.log2(depth), math.log10(steps))
            for depth, steps in found.items()
            if math.isfinite(steps)
        ]
        for depth, steps in found.items():
            text = f"{steps:.0f}" if math.isfinite(steps) else f"never within {_STEPS}"
            rows.append([str(depth), name, text])
    first, last = (numbers[f"orthogonal {depth}"] for depth in (_DEPTHS[0], _DEPTHS[-1]))
    flat = last < 2.5 * first and last < 1.5 * numbers["orthogonal 16"]
    grows = numbers["Gaussian 16"] > 5 * numbers["Gaussian 4"]
    never = math.isinf(numbers["Gaussian 64"])
    return Outcome(
        name="linear",
        title="Deep linear networks",
        source="Saxe, McClelland, Ganguli 2013, figure 6",
        setup=f"digits, whitened, least squares, layers of {goal.shape[0]} units, full batch, "
        f"steps until the error is within {100 * _LEFT:.0f} % of the best linear map's, at the "
        f"best of {len(_RATES)} learning rates, as published (there MNIST and 1000 units)",
        published="From orthogonal weights the number of steps does not depend on depth; from "
        "Gaussian ones it grows with it.",
        found=f"Orthogonal weights take {first:.0f} steps with {_DEPTHS[0]} layers and "
        f"{last:.0f} with {_DEPTHS[-1]}, where the curve has become flat; Gaussian ones "
        f"{numbers['Gaussian 4']:.0f}, {numbers['Gaussian 8']:.0f} and "
        f"{numbers['Gaussian 16']:.0f} with 4, 8 and 16, and deeper ones do not arrive.",
        verdict="reproduced" if flat and grows and never else "partly reproduced",
        columns=("layers", "weights", "steps"),
        rows=rows,
        curves=curves,
        x_label="log2 of the number of layers",
        y_label="log10 of the steps",
        numbers=numbers,
    )


def _whitened_digits() -> Array:
    """Correlation of the classes with the inputs, uncorrelated and of variance 1: (inputs, 10).

    The gradient of least squares on such data is that of learning this matrix, up to a constant.
    """
    data = digits()
    x = data.x_train.astype(np.float64)
    values, vectors = eigh(product(x.T, x) / len(x))
    kept = values > 1e-6 * values[0]  # the digits have pixels that never change
    white = product(x, vectors[:, kept]) / np.sqrt(values[kept])
    y = np.eye(10)[data.y_train]
    y -= y.mean(axis=0)
    return (product(white.T, y) / len(x)).astype(np.float32)


def _steps_to_learn(goal: Array, law: Initializer, depth: int) -> float:
    """Steps of gradient descent until little is left of the error, at the best learning rate."""
    width, classes = goal.shape
    x = np.eye(width, dtype=np.float32)
    enough = _LEFT * float(np.square(goal).mean())
    best = math.inf
    for rate in _RATES:
        sizes = [width] * depth + [classes]
        layers = [ic.Dense(a, b, bias=False) for a, b in pairwise(sizes)]
        net = ic.Sequential(*layers)
        net.initialize(law, key=KEY / "linear" / depth)
        history = net.fit(
            x,
            goal,
            loss="mean_squared_error",
            # of half the summed square, whose largest curvature goes with depth
            optimizer=ic.SGD(lr=rate / depth * goal.size / 2),
            epochs=int(min(best, _STEPS)),  # a run that takes longer is of no interest
            batch_size=width,
            key=KEY,
            shuffle=False,
            callback=lambda _, history: bool(history.loss[-1] < enough),
        )
        if math.isfinite(history.loss[-1]) and history.loss[-1] < enough:
            best = min(best, float(len(history.loss)))
    return best


_BLOCKS = 50


def residual() -> Outcome:
    """Zhang et al. 2019, De and Smith 2020: residual networks without normalization."""
    rows, curves, numbers = [], {}, {}
    for name in ("He", "1/√L", "Fixup", "SkipInit"):
        net, rates = _residual_network(name)
        net.initialize(key=KEY / "residual")
        accuracy, curve = train(net, lr=0.01, epochs=15, momentum=0.0, rates=rates)
        numbers[name], curves[name] = accuracy, curve
        numbers[f"{name} loss"] = curve[0][1]
        lost = not math.isfinite(curve[-1][1])
        rows.append([name, f"{curve[0][1]:.3g}", "diverged" if lost else f"{accuracy:.3f}"])
    trained = [name for name in curves if name != "He"]
    fine = numbers["He"] < 0.5 and min(numbers[name] for name in trained) > 0.9
    return Outcome(
        name="residual",
        title="Fifty residual blocks without normalization",
        source="Zhang, Dauphin, Ma 2019; De, Smith 2020; Bachlechner et al. 2020",
        setup=f"digits, {_BLOCKS} blocks x + a W2 relu(W1 relu(x)) of width 64, plain SGD 0.01, "
        "15 epochs; the multiplier a is trained in Fixup, from 1, and in SkipInit, from 0",
        published="With He's variance in every layer the mean square doubles per block and "
        "training diverges; Fixup, SkipInit and 1/√L train without normalization.",
        found=f"The same: He starts from a loss of {numbers['He loss']:.1e}, near the root of "
        f"2^50, and is lost; Fixup starts at ln 10 = {numbers['Fixup loss']:.4f}, and the three "
        "train.",
        verdict="reproduced" if fine else "not reproduced",
        columns=("start", "loss before training", "training accuracy"),
        rows=rows,
        curves={
            name: [(x, math.log10(y)) for x, y in curve if y > 0 and math.isfinite(y)]
            for name, curve in curves.items()
        },
        x_label="epoch",
        y_label="log10 of the training loss (nats)",
        numbers=numbers,
    )


def _residual_network(name: str) -> tuple[ic.Sequential, dict[str, float]]:
    """Blocks that begin with their activation, by a recipe, and the rates of their multipliers."""
    fixup, skipinit = recipes.Fixup(_BLOCKS), recipes.SkipInit()
    first = last = Role(ic.HeNormal())
    readout: Initializer = ic.XavierNormal()
    scale: Initializer | None = None
    rates: dict[str, float] = {}
    if name == "1/√L":
        first = last = recipes.InverseSqrtDepth(_BLOCKS).role("branch")
        scale = ic.Constant(first.multiplier)
        rates = {f"residual_{at}.scale_0": 0.0 for at in range(_BLOCKS)}  # a constant
    elif name == "Fixup":
        first, last = fixup.role("branch"), fixup.role("branch_last")
        scale = fixup.role("scalar_multiplier").weight
        readout = fixup.role("classifier").weight
    elif name == "SkipInit":
        first = last = skipinit.role("branch")
        scale = skipinit.role("branch_gain").weight

    def block() -> ic.Residual:
        layers: list[ic.layers.Layer] = [
            Activation("relu"),
            ic.Dense(64, 64, "relu", init=first.weight),
            ic.Dense(64, 64, init=last.weight),
        ]
        return ic.Residual(*layers, *([] if scale is None else [Scale(init=scale)]))

    return ic.Sequential(*(block() for _ in range(_BLOCKS)), ic.Dense(64, 10, init=readout)), rates


def width_transfer() -> Outcome:
    """Yang et al. 2022: the coordinate check."""
    rows, curves, numbers = [], {}, {}
    widths = (64, 128, 256, 512, 1024)
    for name in ("standard", "muP"):
        sizes = []
        for width in widths:
            sizes.append(_coordinates(name, width))
        logs = np.log2(np.array(sizes))
        slopes = np.polyfit(np.log2(widths), logs, 1)[0]
        for layer, slope in zip(("hidden 1", "hidden 2", "output"), slopes, strict=True):
            numbers[f"{name} {layer}"] = float(slope)
            rows.append([name, layer, f"{slope:+.3f}"])
        curves[f"{name} h2"] = list(zip(np.log2(widths).tolist(), logs[:, 1].tolist(), strict=True))
        curves[f"{name} out"] = list(
            zip(np.log2(widths).tolist(), logs[:, 2].tolist(), strict=True)
        )
    steepest = max(abs(slope) for name, slope in numbers.items() if name.startswith("muP"))
    flat = steepest < 0.1 and numbers["standard output"] > 0.25
    return Outcome(
        name="width",
        title="muP: the coordinate check",
        source="Yang et al. 2022 (Tensor Programs V)",
        setup="digits, two hidden ReLU layers of width 64 to 1024, five steps of Adam 0.01 on one "
        "batch of 256; mean absolute activation, and the slope of its logarithm over that of width",
        published="In the standard parametrization activations grow with width after a few "
        "steps; under muP they do not.",
        found=f"In the standard parametrization the output grows with a slope of "
        f"{numbers['standard output']:.2f}, the second hidden layer with "
        f"{numbers['standard hidden 2']:.2f} only; under muP no slope is beyond {steepest:.2f}.",
        verdict="reproduced" if flat else "not reproduced",
        columns=("parametrization", "layer", "slope"),
        rows=rows,
        curves=curves,
        x_label="log2 of the width",
        y_label="log2 of the mean absolute activation",
        numbers=numbers,
    )


def _coordinates(name: str, width: int) -> list[float]:
    """Mean absolute activations of the three layers after five steps."""
    data, base = digits(), 64
    x, y = data.x_train[:256], data.y_train[:256]
    recipe = recipes.MuP(width=width, base_width=base, scale=2.0, input_fan=64)
    roles = recipe.roles()
    multiplier, rates = 1.0, (1.0, 1.0, 1.0)
    inits: list[Initializer] = [ic.HeNormal(), ic.HeNormal(), ic.XavierNormal()]
    if name == "muP":
        inits = [roles[role].weight for role in ("input", "hidden", "readout")]
        multiplier = roles["readout"].multiplier
        rates = (roles["input"].lr, roles["hidden"].lr, roles["readout"].lr)
    layers = [
        ic.Dense(64, width, "relu", init=inits[0], name="input"),
        ic.Dense(width, width, "relu", init=inits[1], name="hidden"),
        ic.Dense(width, 10, init=inits[2], name="readout"),
        Scale(init=ic.Constant(multiplier), name="multiplier"),
    ]
    net = ic.Sequential(*layers)
    net.initialize(key=KEY / "width")
    # a bias is a vector: its rate is the input's
    factors = zip(("input.weight", "hidden.weight", "readout.weight"), rates, strict=True)
    net.fit(
        x,
        y,
        optimizer=ic.Adam(0.01, rates={**dict(factors), "multiplier": 0.0}),
        epochs=5,
        batch_size=len(x),
        key=KEY,
        shuffle=False,
    )
    net.forward(x)
    return [float(np.abs(np.asarray(layers[at].y)).mean()) for at in (0, 1, 3)]


_TRAINED = 300


def born_dead() -> Outcome:
    """Lu et al. 2019: ReLU networks that are constant from the start."""
    nets, width = 100_000, 2
    rows, numbers = [], {}
    found, at_point = [], []
    weights = ic.Normal(std=1.0)((nets, 10, width, width), key=KEY / "dead")
    right = np.maximum(weights[:, 0, :, 0], 0.0)
    left = np.maximum(-weights[:, 0, :, 0], 0.0)
    for depth in range(1, 11):
        if depth > 1:
            w = weights[:, depth - 1]
            right = np.maximum(np.einsum("noi,ni->no", w, right), 0.0)
            left = np.maximum(np.einsum("noi,ni->no", w, left), 0.0)
        dead = ~right.any(axis=1)
        point, both = float(dead.mean()), float((dead & ~left.any(axis=1)).mean())
        low, high = theory.born_dead([width] * depth)
        at_point.append((float(depth), point))
        found.append((float(depth), both))
        numbers[f"dead {depth}"] = both
        expected = theory.dead_at_input([width] * depth)
        rows.append(
            [
                str(depth),
                f"{point:.4f}",
                f"{expected:.4f}",
                f"{both:.4f}",
                f"{low:.4f} to {high:.4f}",
            ]
        )
    low, high = theory.born_dead([width] * 10)
    numbers["trained"] = _constant_after_training()
    fine = low - 0.01 < numbers["dead 10"] < high + 0.01 and numbers["trained"] > 0.85
    return Outcome(
        name="dead",
        title="Born dead",
        source="Lu, Shin, Su, Karniadakis 2019",
        setup="100 000 ReLU networks of one input and two units per hidden layer, biases 0; "
        f"{_TRAINED} of nine hidden layers trained on |x|, 30 epochs of Adam 0.01",
        published="About 90 % of ten-layer networks of this width start as, and train to, a "
        "constant.",
        found=f"{numbers['dead 9']:.3f} with nine hidden layers and {numbers['dead 10']:.3f} with "
        "ten start so, within the bounds of the theory; after training "
        f"{numbers['trained']:.3f} of those with nine are constants.",
        verdict="reproduced" if fine else "not reproduced",
        columns=("hidden layers", "0 at one input", "theory", "born dead", "theory's bounds"),
        rows=rows,
        curves={"one input": at_point, "born dead": found},
        x_label="hidden layers",
        y_label="share of networks",
        numbers=numbers,
    )


def _constant_after_training() -> float:
    """Share of ten-layer networks of two units that |x| is fitted with, and that end constant."""
    key = KEY / "dead" / "trained"
    x = ic.Uniform(low=-math.sqrt(3.0), high=math.sqrt(3.0))((1024, 1), key=key / "x")
    constant = 0
    for number in range(_TRAINED):
        hidden = [ic.Dense(a, b, "relu") for a, b in pairwise([1, *[2] * 9])]
        net = ic.Sequential(*hidden, ic.Dense(2, 1))
        net.initialize(ic.HeNormal(), key=key / number)
        net.fit(
            x,
            np.abs(x),
            loss="mean_squared_error",
            optimizer=ic.Adam(0.01),
            epochs=30,
            batch_size=64,
            key=key / number / "batches",
        )
        constant += bool(np.ptp(net.predict(x)) < 1e-3)
    return constant / _TRAINED

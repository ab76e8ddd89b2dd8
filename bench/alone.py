"""Several threads: each implementation in processes of its own, in turns, and the best of all.

Threads of a library that has just worked look for more work for a while, and take a CPU from the
next library in the same process. So none is measured beside another here.
"""

from dataclasses import asdict
from typing import Any

from bench import processes
from initcore._bench import command, judge, peers

ROUNDS = 5
IMPLEMENTATIONS = {
    "initcore": [],
    "numpy": [],
    "torch": ["torch"],
    "torch autograd": ["torch"],
    "jax": ["jax"],
}
"""What a process must import for each."""


def measure(names: list[str], threads: int, *, quick: bool = False) -> dict[str, Any]:
    """The figures of these cases of dense layers, in the form of `command.measure`.

    A ratio is that of the shortest times of all rounds; its interval holds those of each round.
    """
    installed = peers.installed()
    request = {
        "cases": names,
        "threads": threads,
        "effort": asdict(judge.QUICK if quick else judge.Effort()),
    }
    rounds: list[dict[str, dict[str, float]]] = []
    for _ in range(2 if quick else ROUNDS):
        best = {}
        for who, needs in IMPLEMENTATIONS.items():
            if set(needs) <= set(installed):
                answer = processes.process(request | {"alone": who, "peers": needs})
                best[who] = {name: min(times) for name, times in answer["measured"].items()}
        rounds.append(best)
    rows = [
        _row(name, who, [(one["initcore"][name], one[who][name]) for one in rounds])
        for name in names
        for who in rounds[0]
        if who != "initcore"
    ]
    return {
        "machine": answer["machine"],
        "correctness": command.CHECKED,
        "processes": len(rounds) * len(rounds[0]),
        "level": 1.0,
        "rule": "best of all rounds, each library in a process of its own, with the least and the "
        "largest ratio of a round",
        "rows": rows,
    }


def _row(name: str, who: str, seconds: list[tuple[float, float]]) -> dict[str, Any]:
    ratios = [peer / ours for ours, peer in seconds]
    ours, peer = (min(times) for times in zip(*seconds, strict=True))
    return {
        "case": name,
        "peer": who,
        "ratio": {
            "median": peer / ours,
            "low": min(ratios),
            "high": max(ratios),
            "processes": ratios,
        },
        "seconds": ours,
        "peer_seconds": peer,
        "targets": [],
    }

"""The comparison as plain data: what `--json` writes."""

import json
import math
from typing import Any

import initcore as ic
from initcore.lab.comparison import Comparison, ComparisonRow, SeedRun


def to_dict(comparison: Comparison, command: str) -> dict[str, Any]:
    """All that was measured, as dicts, lists, texts and numbers.

    A number that is not finite becomes None, which JSON writes as null: in this record it says
    that a loss or a statistic was NaN or infinite, or that there was nothing to measure.
    """
    data, settings = comparison.dataset, comparison.settings
    record = {
        "initcore": ic.__version__,
        "command": command,
        "data": {
            "name": data.name,
            "sha256": data.digest,
            "features": data.features,
            "constant_features": data.constant_features,
            "task": data.task,
            "classes": list(data.classes),
            "training_samples": len(data.y_train),
            "test_samples": len(data.y_test),
            "reading": data.reading,
            "remarks": list(data.remarks),
            "loss_of_guessing": data.guessing,
            "split": data.split,
            "split_key": data.split_key.to_dict(),
        },
        "settings": {
            "activations": list(settings.activations),
            "widths": list(settings.widths),
            "epochs": settings.epochs,
            "batch_size": settings.batch_size,
            "lr": settings.lr,
            "seeds": settings.seeds,
        },
        "rows": [_row(row, _SCORES[data.task]) for row in comparison.rows],
    }
    cleaned: dict[str, Any] = _finite(record)
    return cleaned


def to_json(comparison: Comparison, command: str) -> str:
    """`to_dict` as JSON text that ends with a newline; equal for equal comparisons."""
    return json.dumps(to_dict(comparison, command), indent=1, allow_nan=False) + "\n"


# What the score of a task is called in the record.
_SCORES = {"classification": "test_accuracy", "regression": "test_r2"}


def _row(row: ComparisonRow, score: str) -> dict[str, Any]:
    return {
        "initialization": row.name,
        "rule": row.initialization.rule,
        "activation": row.activation,
        "level": row.verdict.level.name,
        "word": row.verdict.word,
        "reason": row.verdict.reason,
        "outcome": row.outcome,
        score: row.score,
        "runs": [_run(run, score) for run in row.runs],
    }


def _run(run: SeedRun, score: str) -> dict[str, Any]:
    s, e = run.statistics, run.statistics.evidence
    return {
        "seed": run.seed,
        score: run.score,
        "outcome": run.outcome,
        "diverged_step": run.diverged_step,
        "losses": list(run.losses),
        "distinct_units": e.distinct,
        "distinct_units_after": run.distinct_after,
        "units": e.units,
        "dead_share": e.dead,
        "saturated_share": e.saturated,
        "signal_decades": e.signal_decades,
        "gradient_decades": e.gradient_decades,
        "initial_loss_ratio": e.loss_ratio,
        "layers": {
            "signal": s.signal.tolist(),
            "rms": s.rms.tolist(),
            "mean_activation": s.mean.tolist(),
            "gradient": s.gradient.tolist(),
            "dead": s.dead.tolist(),
            "distinct": s.distinct.tolist(),
            "units": s.units.tolist(),
        },
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

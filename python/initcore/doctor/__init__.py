"""Whether a network's weights are what they should be, and what they do to signal and gradient."""

from initcore.doctor.audit import Audit, Finding, audit
from initcore.doctor.measure import Statistics, measure
from initcore.doctor.verdict import Evidence, Level, Verdict, judge

__all__ = [
    "Audit",
    "Evidence",
    "Finding",
    "Level",
    "Statistics",
    "Verdict",
    "audit",
    "judge",
    "measure",
]

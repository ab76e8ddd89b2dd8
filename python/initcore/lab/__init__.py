"""The lab: what the starting weights do to a network, measured and shown.

`compare` trains one network on one set of data from several initializations; `experiments` holds
the smaller demonstrations; `verdict` turns measured statistics into a word.
"""

from initcore.doctor.measure import Statistics, measure
from initcore.doctor.verdict import Evidence, Level, Verdict, judge
from initcore.lab.comparison import Comparison, Settings, compare
from initcore.lab.datasets import Dataset, load

__all__ = [
    "Comparison",
    "Dataset",
    "Evidence",
    "Level",
    "Settings",
    "Statistics",
    "Verdict",
    "compare",
    "judge",
    "load",
    "measure",
]

"""Training: losses, optimizers, schedules, and the loop that takes the steps."""

from initcore.training.history import History
from initcore.training.losses import Loss
from initcore.training.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp, State
from initcore.training.probes import ProbeRecord, Probes
from initcore.training.schedules import Schedule

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "History",
    "Loss",
    "Optimizer",
    "ProbeRecord",
    "Probes",
    "RMSProp",
    "Schedule",
    "State",
]

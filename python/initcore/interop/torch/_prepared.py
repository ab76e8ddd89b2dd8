"""A torch model and its plan, to be started as often as one likes."""

from dataclasses import replace
from typing import Any

import torch

from initcore._memory import torch_tensors
from initcore.interop.torch._describe import Described, Place
from initcore.interop.torch._split import Split
from initcore.keys import Key, root_key
from initcore.models.plan import Entry, Plan, key_below
from initcore.models.writing import Writer


def is_counter(tensor: torch.Tensor) -> bool:
    """Whether it holds whole numbers, or truths."""
    return not (tensor.is_floating_point() or tensor.is_complex())


def split_to_set(plan: Plan, described: Described) -> list[tuple[str, str, Split]]:
    """The weight-normalized weights whose direction is written and whose magnitude follows it."""
    kept = {entry.parameter.name for entry in plan if entry.is_kept}
    return [s for s in described.splits if s[0] in kept and s[1] not in kept]


class Prepared:
    """A model and what a recipe comes to on it; `prepare` makes one.

    `write` starts the model, each time from another key if one likes. Names, rules, fans and laws
    have been worked out by then, so that it costs little more than the numbers themselves.
    """

    def __init__(self, plan: Plan, described: Described) -> None:
        self._plan = plan
        self._described = described
        # where each tensor is in the model, what it is, and over which memory
        self._held: list[tuple[dict[str, Any], Place, Any, torch.Tensor]] = []
        self._counters: list[torch.Tensor] = []
        self._elsewhere: list[tuple[Entry, torch.Tensor]] = []
        here = []
        for entry in plan:
            if entry.is_kept:
                continue
            name = entry.parameter.name
            place = described.places[name][0]
            tensor = place.get()
            if is_counter(tensor):
                if entry.parameter.role != "counter":
                    raise ValueError(
                        f"{name} is of dtype {tensor.dtype}, which no law fits; give it a rule "
                        'with "init": "keep"'
                    )
                self._counters.append(tensor)
            elif tensor.is_cpu:
                here.append((entry, torch_tensors.view(tensor, name)))
            else:
                torch_tensors.require(tensor, name, gpu=True)
                self._elsewhere.append((entry, tensor.detach()))
            self._held.append((place.store, place, tensor, tensor.detach()))
        self._writer = Writer(here)
        self._splits = [split for _, _, split in split_to_set(plan, described)]
        self._tensors = [tensor for _, _, tensor, _ in self._held]

    def __reduce__(self) -> tuple[type["Prepared"], tuple[Plan, Described]]:
        """A copy, or a pickle, has the layers that it writes and not views of their memory."""
        return type(self), (self._plan, self._described)

    @property
    def plan(self) -> Plan:
        """What `write` does without a key."""
        return self._plan

    def write(self, key: Any = None) -> None:
        """Write every tensor of the model that the plan starts.

        Parameters
        ----------
        key : Key, int, numpy.random.Generator or numpy.random.SeedSequence, optional
            Of the model, in place of the plan's.

        Raises
        ------
        ValueError
            If the model has been given other tensors since, as by ``model.to(...)``; nothing is
            written then.
        """
        for store, place, tensor, memory in self._held:
            now: Any = store.get(place.name)
            if now is not tensor or not now.is_set_to(memory):
                raise ValueError(
                    f"{place.full_name} is another tensor, or lies elsewhere, than when the model "
                    "was prepared; prepare the model as it is now"
                )
        own = None if key is None else root_key(key)
        self._writer.write(own)
        for entry, tensor in self._elsewhere:
            (entry if own is None else _under(entry, own)).write(tensor)
        with torch.no_grad():
            for tensor in self._counters:
                tensor.zero_()
        for split in self._splits:
            split.set_magnitude()
        torch_tensors.all_written(self._tensors)


def _under(entry: Entry, key: Key) -> Entry:
    return replace(entry, key=key_below(entry.parameter.path, {(): key}))

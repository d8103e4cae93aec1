"""Summarises numbers with the standard library's statistics."""

import statistics

import wit_world
from componentize_py_types import Err


class WitWorld(wit_world.WitWorld):
    def summarise(self, numbers: list[float]) -> wit_world.Summary:
        if not numbers:
            raise Err("there are no numbers")
        deviation = statistics.stdev(numbers) if len(numbers) > 1 else None
        return wit_world.Summary(statistics.mean(numbers), statistics.median(numbers), deviation)

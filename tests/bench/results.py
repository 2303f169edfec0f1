"""What was measured, and how it becomes a table."""

import json
import statistics
from dataclasses import dataclass

from bench.figures import FIGURES

AUTORA = "autora"


@dataclass
class Cell:
    """Samples of one figure for one daemon at one N: medians are compared, the span is the noise."""

    samples: list

    @property
    def median(self):
        return statistics.median(self.samples)

    @property
    def span(self):
        return min(self.samples), max(self.samples)


class Results:
    def __init__(self):
        self.cells = {}
        self.notes = []

    def add(self, key, who, n, samples):
        """More samples of a figure; a number or several."""
        samples = list(samples) if isinstance(samples, (list, tuple)) else [samples]
        assert key in FIGURES, key
        self.cells.setdefault((key, who, n), Cell([])).samples.extend(samples)

    def note(self, text):
        """Something that a reader of the table must know."""
        if text not in self.notes:
            self.notes.append(text)

    def get(self, key, who, n):
        return self.cells.get((key, who, n))

    def sizes(self, key):
        return sorted({n for k, _, n in self.cells if k == key})

    def names(self, key):
        return list(dict.fromkeys(who for k, who, _ in self.cells if k == key))

    def save(self, path):
        rows = [[*key, cell.samples] for key, cell in self.cells.items()]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"cells": rows, "notes": self.notes}, file)


def number(value):
    """Three digits that count."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def named(figure):
    return f"{figure.title}, {figure.unit}" if figure.unit else figure.title


def shown(cell):
    if cell is None:
        return "–"
    low, high = cell.span
    text = number(cell.median)
    if number(low) != number(high):
        text += f" ({number(low)} to {number(high)})"
    return text


def verdict(figure, cell):
    if figure.limit is None:
        return ""
    if cell is None:
        return "not measured"
    return "met" if cell.median <= figure.limit else "**not met**"


def main_table(results, names):
    """One line per figure, at the size that its budget is for."""
    lines = [
        f"| figure | N | must reach | {AUTORA} | | {' | '.join(names)} |",
        f"|---|---|---|---|---|{'---|' * len(names)}",
    ]
    for key, figure in FIGURES.items():
        sizes = results.sizes(key)
        n = figure.at if figure.at in sizes else max(sizes, default=figure.at)
        own = results.get(key, AUTORA, n)
        peers = " | ".join(shown(results.get(key, name, n)) for name in names)
        budget = f"≤ {number(figure.limit)}" if figure.limit is not None else ""
        lines.append(f"| {named(figure)} | {n} | {budget} | {shown(own)} | {verdict(figure, own)} | {peers} |")
    return lines


def scale_table(results, key):
    """One line per daemon, one column per N."""
    sizes = results.sizes(key)
    lines = [
        f"| {named(FIGURES[key])} | {' | '.join(f'N = {n}' for n in sizes)} |",
        f"|---|{'---|' * len(sizes)}",
    ]
    for name in results.names(key):
        lines.append(f"| {name} | {' | '.join(shown(results.get(key, name, n)) for n in sizes)} |")
    return lines

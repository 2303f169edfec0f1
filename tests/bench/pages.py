"""RESULTS.md and the plots."""

import os

from bench import plot
from bench.figures import BOOTED, FIGURES
from bench.results import AUTORA, main_table, scale_table


def write(results, home, seconds):
    """Everything below `home`; the path of the table."""
    plots = os.path.join(home, "plots")
    os.makedirs(plots, exist_ok=True)
    names = [name for name in dict.fromkeys(who for _, who, _ in results.cells) if name in plot.COLOURS and name != AUTORA]
    lines = ["# autora and its peers, measured", ""]
    lines += [*results.machine, f"With `tests/bench/run.py`, {seconds:.0f} s.", ""]
    lines += [
        "Medians, and in brackets the lowest and the highest of several; – is not measured. Everything is one run of"
        " one machine: compare within a line. What each figure is, and how it is taken, is in [README.md](README.md).",
        "",
    ]
    lines += main_table(results, names)
    lines += ["", "## Plots, and by the number of interfaces", ""]
    for key, figure in FIGURES.items():
        if figure.plot and results.sizes(key):
            with open(os.path.join(plots, f"{figure.plot}.svg"), "w", encoding="utf-8") as file:
                file.write(plot.draw(results, key))
            if len(results.sizes(key)) > 1:
                lines += [*scale_table(results, key), ""]
            lines += [f"![{figure.title}](plots/{figure.plot}.svg)", ""]
    booted = [key for key in BOOTED if results.sizes(key)]
    if booted:
        lines += ["## Booted systems", "", "autora is measured in Debian 13 where nothing is said.", ""]
        for key in booted:
            lines += [*scale_table(results, key), ""]
    if results.notes:
        lines += ["## Notes", "", *(f"- {note}" for note in results.notes), ""]
    path = os.path.join(home, "RESULTS.md")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    return path

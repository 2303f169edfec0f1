"""One figure as SVG: lines over the number of interfaces, or bars where there is only one number."""

import math
from html import escape

from bench.figures import FIGURES
from bench.results import number

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 84, 150, 44, 52
# Okabe and Ito's colours, which colour-blind eyes can tell apart too.
COLOURS = {
    "autora": "#d55e00",
    "radvd": "#0072b2",
    "radvd × N": "#56b4e9",
    "dnsmasq": "#009e73",
    "BIRD": "#cc79a7",
    "empty process": "#999999",
}
# A panel of its own, so that it can be read on any page.
STYLE = """
.panel { fill: #ffffff } text { fill: #222222; font: 13px sans-serif } .grid { stroke: #dddddd } .axis { stroke: #666666 }
.title { font-weight: bold; font-size: 15px } .limit { stroke: #222222; stroke-dasharray: 6 4 }
@media (prefers-color-scheme: dark) {
.panel { fill: #16191d } text { fill: #e4e4e4 } .grid { stroke: #33383e } .axis { stroke: #999999 } .limit { stroke: #e4e4e4 }
}"""


class Scale:
    """A logarithmic axis."""

    def __init__(self, low, high, begin, end):
        self.low, self.high = math.floor(math.log10(low)), math.ceil(math.log10(high))
        if self.low == self.high:
            self.high += 1
        self.begin, self.end = begin, end

    def __call__(self, value):
        share = (math.log10(max(value, 10**self.low)) - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self):
        return [10.0**e for e in range(self.low, self.high + 1)]


def draw(results, key):
    """The figure as the text of an SVG file."""
    figure = FIGURES[key]
    series = {
        who: [(n, results.get(key, who, n)) for n in results.sizes(key) if results.get(key, who, n)]
        for who in results.names(key)
    }
    sizes = results.sizes(key)
    values = [v for points in series.values() for _, cell in points for v in (*cell.span, cell.median) if v > 0]
    values += [figure.limit] if figure.limit else []
    values = values or [1.0]
    # Nothing at all cannot be on a logarithmic axis: it is drawn at its foot.
    y = Scale(min(values), max(values), HEIGHT - BOTTOM, TOP)
    parts = [_frame(figure), *_horizontal(y)]
    if len(sizes) > 1:
        x = Scale(min(sizes), max(sizes), LEFT, WIDTH - RIGHT)
        parts += _lines(series, x, y, sizes)
        parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "interfaces", "middle"))
    else:
        parts += _bars(series, y)
        at = f"N = {sizes[0]}" if sizes else "not measured"
        parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, at, "middle"))
    if figure.limit:
        parts.append(f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(figure.limit):.1f}" y2="{y(figure.limit):.1f}"/>')
    parts += _legend(series, figure.limit)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">\n'
        f"<style>{STYLE}\n</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _text(x, y, text, anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'


def _frame(figure):
    unit = f", {figure.unit}" if figure.unit else ""
    return "\n".join(
        (
            f'<rect class="panel" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
            _text(LEFT, 26, figure.title + unit, more=' class="title"'),
            f'<line class="axis" x1="{LEFT}" x2="{LEFT}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>',
            f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>',
        )
    )


def _horizontal(y):
    for tick in y.ticks():
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        yield _text(LEFT - 8, y(tick) + 4, f"{tick:,.0f}" if tick >= 1 else f"{tick:g}", "end")


def _lines(series, x, y, sizes):
    for n in sizes:
        yield _text(x(n), HEIGHT - BOTTOM + 18, f"{n:,}", "middle")
    for who, points in series.items():
        colour = COLOURS[who]
        path = " ".join(f"{x(n):.1f},{y(cell.median):.1f}" for n, cell in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for n, cell in points:
            yield _noise(x(n), y, cell, colour)
            yield f'<circle cx="{x(n):.1f}" cy="{y(cell.median):.1f}" r="4" fill="{colour}"/>'


def _bars(series, y):
    step = (WIDTH - LEFT - RIGHT) / max(1, len(series))
    for i, (who, points) in enumerate(series.items()):
        middle = LEFT + (i + 0.5) * step
        for _, cell in points:
            top = y(cell.median) if cell.median > 0 else HEIGHT - BOTTOM - 1
            yield (
                f'<rect x="{middle - step / 4:.1f}" y="{top:.1f}" width="{step / 2:.1f}" '
                f'height="{HEIGHT - BOTTOM - top:.1f}" fill="{COLOURS[who]}"/>'
            )
            yield _noise(middle, y, cell, COLOURS[who])
            yield _text(middle, top - 8, number(cell.median), "middle")
        yield _text(middle, HEIGHT - BOTTOM + 18, who, "middle")


def _noise(x, y, cell, colour):
    low, high = cell.span
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y(low):.1f}" y2="{y(high):.1f}" stroke="{colour}" stroke-width="1.5"/>'


def _legend(series, limit):
    left = WIDTH - RIGHT + 18
    for i, who in enumerate(series):
        top = TOP + 10 + 22 * i
        yield f'<rect x="{left}" y="{top - 9}" width="12" height="12" fill="{COLOURS[who]}"/>'
        yield _text(left + 18, top + 2, who)
    if limit:
        top = TOP + 10 + 22 * len(series)
        yield f'<line class="limit" x1="{left - 4}" x2="{left + 14}" y1="{top - 3}" y2="{top - 3}"/>'
        yield _text(left + 18, top + 2, f"budget: {number(limit)}")

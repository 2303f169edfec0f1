"""What a terminal showed, as text and as an SVG that follows the reader's light or dark scheme."""

import re
from html import escape

ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")
WIDTH, HEIGHT, MARGIN, SIZE = 8.5, 20, 16, 14

# How a terminal shows what autora asks for: class, light, dark.
COLOURS = {
    "1": ("b", None, None),
    "2": ("f", "#6e7781", "#8b949e"),
    "31": ("r", "#cf222e", "#ff7b72"),
    "32": ("g", "#116329", "#7ee787"),
    "33": ("y", "#8a5a00", "#e3b341"),
}


def text(output):
    return ESCAPE.sub("", output)


def svg(output, columns):
    lines = [row for line in output.rstrip("\n").split("\n") for row in wrapped(line, columns)]
    width, height = columns * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    rows = "\n".join(
        f'<text x="{MARGIN}" y="{MARGIN + (row + 1) * HEIGHT - 6}">{spans(line)}</text>'
        for row, line in enumerate(lines)
        if line
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" \
viewBox="0 0 {width:.0f} {height}" xml:space="preserve" role="img">
<title>A terminal session with autora</title>
<desc>{escape(text(output))}</desc>
<style>
text {{ font: {SIZE}px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre; fill: #1f2328 }}
rect {{ fill: #f6f8fa; stroke: #d0d7de }}
.b {{ font-weight: bold }}
{style(1)}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e6edf3 }}
rect {{ fill: #0d1117; stroke: #30363d }}
{style(2)}
}}
</style>
<rect x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1}" rx="8"/>
{rows}
</svg>
"""


def wrapped(line, columns):
    """The rows in which a terminal shows a line; a style goes on in the next row."""
    rows, style_now, room = [""], "", columns
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if ESCAPE.fullmatch(piece):
            style_now = piece
            rows[-1] += piece
            continue
        for character in piece:
            if not room:
                rows.append(style_now)
                room = columns
            rows[-1] += character
            room -= 1
    return rows


def style(which):
    return "\n".join(f".{names[0]} {{ fill: {names[which]} }}" for names in COLOURS.values() if names[which])


def spans(line):
    """Each run of characters in one style. An unknown style is an error: it would not be seen."""
    shown, style_now, at = "", "", 0
    for match in [*ESCAPE.finditer(line), None]:
        piece = escape(line[at : match.start() if match else len(line)])
        if piece:
            shown += f'<tspan class="{style_now}">{piece}</tspan>' if style_now else piece
        if match:
            at = match.end()
            for code in (match[1] or "0").split(";"):
                style_now = "" if code == "0" else f"{style_now} {COLOURS[code][0]}".strip()
    return shown

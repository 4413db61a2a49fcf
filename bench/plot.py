# SPDX-License-Identifier: MIT
"""Line plots with logarithmic axes, as an SVG file that needs nothing to be seen."""

import math
from dataclasses import dataclass

WIDTH, HEIGHT, COLUMNS = 420, 260, 2
LEFT, RIGHT, TOP, BOTTOM = 62, 92, 34, 44
COLOURS = ["#1667c2", "#c2571a", "#2f8f46", "#7a3fa0"]


@dataclass
class Panel:
    title: str
    x: list
    lines: dict  # name: values, one for each of x


def decades(low, high):
    """The powers of ten that enclose the values."""
    return range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)


def panel_svg(panel, x_label):
    values = [value for line in panel.lines.values() for value in line]
    ticks = decades(min(values), max(values))
    low, span = ticks[0], max(ticks[-1] - ticks[0], 1)
    x_low, x_span = math.log10(panel.x[0]), math.log10(panel.x[-1] / panel.x[0])
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x, y):
        return (LEFT + width * (math.log10(x) - x_low) / x_span,
                TOP + height * (1 - (math.log10(y) - low) / span))
    parts = [f'<text x="{LEFT}" y="20" font-weight="bold">{panel.title}</text>']
    for tick in ticks:
        _, y = place(panel.x[0], 10 ** tick)
        parts.append(f'<path d="M{LEFT} {y:.1f}h{width}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
                     f'{10 ** tick:,}</text>')
    for x in panel.x:
        at, _ = place(x, 10 ** low)
        parts.append(f'<text x="{at:.1f}" y="{TOP + height + 16}" text-anchor="middle">{x}</text>')
    parts.append(f'<text x="{LEFT + width / 2}" y="{HEIGHT - 10}" text-anchor="middle">'
                 f'{x_label}</text>')
    labels = []
    # Each line is thinner than the one before, which so is seen where they coincide.
    for number, (colour, (name, line)) in enumerate(zip(COLOURS, panel.lines.items())):
        stroke = 2 + 4 * (len(panel.lines) - 1 - number)
        points = [place(x, y) for x, y in zip(panel.x, line)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                     f'stroke-width="{stroke}" stroke-linejoin="round" stroke-linecap="round"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{stroke / 2 + 2:g}" fill="{colour}"/>'
                  for x, y in points]
        labels.append([points[-1][1] + 4, name, colour])
    labels.sort()
    for above, label in zip(labels, labels[1:]):
        label[0] = max(label[0], above[0] + 13)  # no label on another
    parts += [f'<text x="{LEFT + width + 8}" y="{y:.1f}" fill="{colour}">{name}</text>'
              for y, name, colour in labels]
    return "\n".join(parts)


def write_svg(path, panels, x_label):
    rows = math.ceil(len(panels) / COLUMNS)
    width, height = WIDTH * COLUMNS, HEIGHT * rows
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             f'font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for number, panel in enumerate(panels):
        x, y = WIDTH * (number % COLUMNS), HEIGHT * (number // COLUMNS)
        parts.append(f'<g transform="translate({x} {y})">\n{panel_svg(panel, x_label)}\n</g>')
    path.write_text("\n".join([*parts, "</svg>\n"]), encoding="utf-8")

"""Bars in groups as SVG, on a logarithmic scale, for bench/snapshots."""

import math

LEFT, WIDTH, HEIGHT, TOP = 60, 780, 190, 40


def plot(path, panels, colours):
    """`panels` has a title for each, with groups of bars: `{title: {group: {name: milliseconds}}}`; a name always has one colour."""
    tall = HEIGHT + 80
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}" height="{len(panels) * tall + 70}" '
             'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>']
    for at, (title, groups) in enumerate(panels.items()):
        parts += panel(title, groups, colours, at * tall + TOP)
    for at, (name, colour) in enumerate(colours.items()):
        x, y = LEFT + at % 3 * 260, len(panels) * tall + 20 + at // 3 * 20
        parts.append(f'<rect x="{x}" y="{y}" width="14" height="8" fill="{colour}"/><text x="{x + 20}" y="{y + 9}">{name}</text>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def panel(title, groups, colours, top):
    values = [ms for bars in groups.values() for ms in bars.values()]
    low = math.floor(math.log10(min(values)))
    high = math.ceil(math.log10(max(values)))
    bottom = top + HEIGHT

    def height(ms):
        return HEIGHT * (math.log10(ms) - low) / (high - low)

    parts = [f'<text x="{LEFT}" y="{top - 16}" font-weight="bold">{title}</text>']
    for power in range(low, high + 1):
        y = bottom - height(10**power)
        parts.append(f'<path d="M{LEFT},{y:.0f} H{LEFT + WIDTH}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{10**power:,}</text>')
    room = WIDTH / len(groups)
    for at, (group, bars) in enumerate(groups.items()):
        names = [name for name in colours if name in bars]
        thick = min(34, (room - 30) / len(names))
        parts.append(f'<text x="{LEFT + (at + 0.5) * room:.0f}" y="{bottom + 18}" text-anchor="middle">{group}</text>')
        begin = LEFT + (at + 0.5) * room - thick * len(names) / 2
        for place, name in enumerate(names):
            tall, x = height(bars[name]), begin + place * thick
            parts.append(f'<rect x="{x:.1f}" y="{bottom - tall:.1f}" width="{thick - 3:.1f}" height="{tall:.1f}" fill="{colours[name]}"/>')
            parts.append(f'<text x="{x + thick / 2 - 1:.1f}" y="{bottom - tall - 4:.1f}" text-anchor="middle" font-size="9">{bars[name]:,.0f}</text>')
    parts.append(f'<path d="M{LEFT},{top} V{bottom} H{LEFT + WIDTH}" fill="none" stroke="black"/>')
    return parts

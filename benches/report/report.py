"""Makes BENCHMARKS.md and its plots of what a run of benches/run.sh has measured.

    report.py FIGURES    # a folder with *.jsonl, flood.md, stores.md and machine.md

The text is in text.md beside this file; `{{name}}` in it is replaced by a table or a file. Only
what is in Python's standard library is used.
"""

import json
import re
import sys
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def main(figures):
    lines = []
    for file in sorted(figures.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            lines.append(json.loads(line) | {"file": file.stem})
    if not lines:
        sys.exit(f"there are no figures in {figures}")
    text = (HERE / "text.md").read_text()
    text = re.sub(r"\{\{(.+?)\}\}", lambda found: fill(found[1], lines, figures), text)
    (ROOT / "BENCHMARKS.md").write_text(text)
    plots = ROOT / "benches" / "plots"
    plots.mkdir(exist_ok=True)
    (plots / "hits.svg").write_text(hits(lines))
    (plots / "peers.svg").write_text(peers(lines))


def fill(name, lines, figures):
    kind, _, rest = name.partition(" ")
    if kind == "targets":
        return targets(lines)
    if kind == "table":
        return table(lines, *rest.split("/"))
    if kind == "sizes":
        return sizes(lines, *rest.split("/"))
    if kind == "file":
        file = figures / rest
        return file.read_text().strip() if file.exists() else "*Not measured in this run.*"
    sys.exit(f"text.md asks for {name}")


def targets(lines):
    """Every figure that has a target."""
    rows = ["| figure | measured | target | aim | |", "| --- | ---: | ---: | ---: | --- |"]
    for line in lines:
        if "target" in line:
            sign = "at least" if line["aim"] > line["target"] else "at most"
            where = line["row"] if "size" not in line else f"{line['row']} ({count(line)})"
            rows.append(
                f"| {where} | {spread(line)} | {sign} {number(line['target'])} "
                f"| {number(line['aim'])} | {verdict(line)} |"
            )
    return "\n".join(rows)


def count(line):
    if line["file"] == "scale":
        return f"{line['table']}, {line['size']:,} logins"
    return f"{line['size']} cores"


def table(lines, file, name):
    """All figures of a table, one below the other."""
    rows = ["| | measured | |", "| --- | ---: | --- |"]
    for line in lines:
        if line["file"] == file and line["table"] == name:
            rows.append(f"| {line['row']} | {spread(line)} | {verdict(line)} |")
    return "\n".join(rows) if len(rows) > 2 else "*Not measured in this run.*"


def sizes(lines, file, name):
    """The figures of a table that was measured at several sizes, a column for each."""
    own = [line for line in lines if line["file"] == file and line["table"] == name]
    if not own:
        return "*Not measured in this run.*"
    columns = sorted({line["size"] for line in own})
    names = list(dict.fromkeys(line["row"] for line in own))
    cells = {(line["row"], line["size"]): line for line in own}
    head = " | ".join(f"{size:,}" for size in columns)
    rows = [f"| | {head} |", "| --- |" + " ---: |" * len(columns)]
    for row in names:
        found = [cells.get((row, size)) for size in columns]
        values = [number(line["value"]) if line else "" for line in found]
        unit = next(line["unit"] for line in found if line)
        rows.append(f"| {row}, {unit} | " + " | ".join(values) + " |")
    return "\n".join(rows)


def verdict(line):
    if "target" not in line:
        return ""
    at_least = line["aim"] > line["target"]
    reached = [line["value"] >= limit if at_least else line["value"] <= limit
               for limit in (line["target"], line["aim"])]
    return "aim" if all(reached) else "target" if reached[0] else "**OVER**"


def spread(line):
    values = [number(line[key]) for key in ("value", "low", "high")]
    text = values[0] if values[1] == values[2] else f"{values[0]} ({values[1]} to {values[2]})"
    return f"{text} {line['unit']}".strip()


def number(value):
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 3 if abs(value) < 1 else 2
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


# Plots: 720 wide, with colours for a light and for a dark page.

STYLE = """<style>
  svg { background: #fff; color: #222; font: 13px sans-serif }
  .grid { stroke: #ddd } .one { stroke: #0b62c4; fill: #0b62c4 } .two { stroke: #b4530a; fill: #b4530a }
  .other { fill: #8a8a8a } text { fill: currentColor; stroke: none } path { fill: none !important; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; color: #ddd } .grid { stroke: #333 }
    .one { stroke: #6cb0ff; fill: #6cb0ff } .two { stroke: #ffa657; fill: #ffa657 } .other { fill: #777 }
  }
</style>"""


def svg(height, title, parts):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" role="img">'
        f"<title>{escape(title)}</title>{STYLE}"
        f'<text x="20" y="24" font-weight="bold">{escape(title)}</text>'
        + "".join(parts) + "</svg>\n"
    )


def hits(lines):
    """A hit by number of logins, ours and the bare map's."""
    def series(row):
        own = [l for l in lines if l["file"] == "scale" and l["table"] == "access" and l["row"] == row]
        return {l["size"]: l["value"] for l in own}

    ours, times = series("hit"), series("hit, of the bare map's")
    bare = {size: ours[size] / times[size] for size in ours if size in times}
    if not bare:
        return svg(60, "Hits were not measured in this run", [])
    most = max([*ours.values(), *bare.values()])
    mark = next(m for m in (step * 10**power for power in range(9) for step in (1, 2, 5)) if m * 5 >= most)
    parts, top = [], mark * 5
    all_sizes = sorted(ours)
    left, right, low, high = 70, 560, 300, 50
    step = (right - left) / max(len(all_sizes) - 1, 1)
    x = {size: left + index * step for index, size in enumerate(all_sizes)}

    def y(value):
        return low - (low - high) * value / top

    for value in range(0, top + 1, mark):
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.0f}</text>')
    for size in all_sizes:
        parts.append(f'<text x="{x[size]:.1f}" y="320" text-anchor="middle">{size:,}</text>')
    for style, name, values in (("one", "MemoryTokens", ours), ("two", "bare map", bare)):
        points = " L".join(f"{x[size]:.1f} {y(values[size]):.1f}" for size in sorted(values))
        parts.append(f'<path class="{style}" d="M{points}"/>')
        last = max(values)
        parts.append(f'<text x="{right + 10}" y="{y(values[last]) + 4:.1f}">{name}</text>')
        for size, value in values.items():
            parts.append(f'<circle class="{style}" cx="{x[size]:.1f}" cy="{y(value):.1f}" r="3"/>')
    return svg(340, "A hit, in nanoseconds, by number of logins", parts)


def peers(lines):
    """What a guard adds to a request: a bar for each, on a scale of logarithms."""
    from math import log10

    own = [l for l in lines if l["file"] == "peers" and l["table"] == "hit-overhead"]
    if not own:
        return svg(60, "Peers were not measured in this run", [])
    first, last = log10(min(l["value"] for l in own)) - 0.3, log10(max(l["value"] for l in own))
    parts = []
    for index, line in enumerate(own):
        y = 44 + 26 * index
        width = 330 * (log10(line["value"]) - first) / (last - first)
        style = "one" if "this crate" in line["row"] or index == 0 else "other"
        parts.append(f'<text x="310" y="{y + 14}" text-anchor="end">{escape(line["row"])}</text>')
        parts.append(f'<rect class="{style}" x="318" y="{y}" width="{width:.1f}" height="18"/>')
        parts.append(f'<text x="{324 + width:.1f}" y="{y + 14}">{line["value"]:,.0f}</text>')
    title = "What a guard adds to a request, in nanoseconds (logarithmic)"
    return svg(60 + 26 * len(own), title, parts)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))

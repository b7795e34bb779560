"""Draw a run's losses as an SVG: what docs/poignant.md shows.

    python benchmarks/curve.py RUN docs/poignant.svg

Reads the run's metrics.jsonl, nothing else: training loss as the mean of a few dozen steps,
validation loss as points on a line, both in bits per byte, and gzip's bits per byte as a yardstick.
Leaves out: axes that anybody could want otherwise. Read next: `../docs/poignant.md`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, LEFT, TOP = 720, 360, 60, 20
BINS = 100  # training losses are averaged into so many points

Point = tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description="Losses of a run as an SVG.")
    parser.add_argument("run", type=Path)
    parser.add_argument("svg", type=Path)
    arguments = parser.parse_args()
    lines = (arguments.run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    arguments.svg.write_text(draw([json.loads(line) for line in lines]), encoding="utf-8")


def draw(events: list[dict[str, Any]]) -> str:
    """The whole picture."""
    start = next(event for event in events if event["event"] == "start")
    steps = [event for event in events if event["event"] == "step"]
    validations = [event for event in events if event["event"] == "validation"]
    bits = validations[-1]["val_bpb"] / validations[-1]["val_loss"]  # of a nat per token
    train = averaged([(event["step"], event["loss"] * bits) for event in steps])
    val = [(event["step"], event["val_bpb"]) for event in validations]
    gzip = start["corpus"]["gzip_bits_per_byte"]
    last, top = steps[-1]["step"], max(y for _, y in train)
    bottom = min(y for _, y in train + val) * 0.9

    def place(point: Point) -> str:
        x = LEFT + point[0] / last * (WIDTH - LEFT - 20)
        y = TOP + (top - point[1]) / (top - bottom) * (HEIGHT - TOP - 50)
        return f"{x:.1f},{y:.1f}"

    def line(points: list[Point], colour: str, dash: str = "") -> str:
        path = " ".join(map(place, points))
        return f'<polyline points="{path}" fill="none" stroke="{colour}" {dash}stroke-width="2"/>'

    def label(point: Point, words: str, colour: str = "#555") -> str:
        x, y = place(point).split(",")
        return f'<text x="{x}" y="{y}" fill="{colour}" font-size="13">{words}</text>'

    parts = [
        line([(0, gzip), (last, gzip)], "#999", 'stroke-dasharray="6 4" '),
        label((last * 0.78, gzip + 0.04), f"gzip {gzip:.2f}"),
        line(train, "#7aa6d8"),
        label((last * 0.05, train[0][1]), "training", "#4a76a8"),
        line(val, "#c04a2b"),
        label(
            (last * 0.55, val[-1][1] + 0.12), f"validation, {val[-1][1]:.2f} at the end", "#c04a2b"
        ),
        label((last * 0.4, bottom - (top - bottom) * 0.1), f"{last:,} steps"),
        label((0, bottom), f"{bottom:.1f}"),
        label((0, top), f"{top:.1f} bits per byte"),
    ]
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    style = 'font-family="sans-serif"'
    body = "\n  ".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} {style}>\n  {body}\n</svg>\n'


def averaged(points: list[Point]) -> list[Point]:
    """At most BINS points, each the mean of as many neighbours."""
    size = max(1, len(points) // BINS)
    groups = [points[k : k + size] for k in range(0, len(points), size)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


if __name__ == "__main__":
    main()

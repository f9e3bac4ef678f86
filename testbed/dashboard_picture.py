"""Draws docs/dashboard.svg: what the dashboard shows and where, from its definition.

python -m testbed.dashboard_picture

It has no values: those come from a deployment.
"""

from __future__ import annotations

import json
import sys
from html import escape
from typing import TYPE_CHECKING, Any

from stacks import paths
from testbed.resources import only, text
from testbed.synthesized import synthesize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_cdk.assertions import Template

PICTURE = paths.ROOT / "docs" / "dashboard.svg"
#: Pixels of a unit of CloudWatch's grid, which is 24 wide.
_UNIT = 46
_GAP, _PADDING, _LINE = 4, 12, 18
#: Of lines, as CloudWatch begins.
_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b")
_STYLE = (
    "text{font:12px sans-serif;fill:#16191f}.title{font-size:14px;font-weight:bold}"
    ".box{fill:#fff;stroke:#aab7b8}.axis{stroke:#aab7b8}"
)


def definition(operations: Template) -> dict[str, Any]:
    """Return the dashboard's body.

    Args:
        operations: The template with the dashboard.
    """
    body = text(only(operations, "AWS::CloudWatch::Dashboard")["DashboardBody"])
    return dict(json.loads(body))


def picture(body: dict[str, Any]) -> str:
    """Draw a dashboard as SVG.

    Args:
        body: Its definition.
    """
    widgets = body["widgets"]
    width = max(each["x"] + each["width"] for each in widgets) * _UNIT
    height = max(each["y"] + each["height"] for each in widgets) * _UNIT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="#f2f3f3"/>',
    ]
    for widget in widgets:
        lines += _widget(widget)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _widget(widget: dict[str, Any]) -> Iterator[str]:
    x, y, width, height = (widget[key] * _UNIT for key in ("x", "y", "width", "height"))
    properties = widget["properties"]
    yield (
        f'<rect class="box" x="{x + _GAP}" y="{y + _GAP}" width="{width - 2 * _GAP}"'
        f' height="{height - 2 * _GAP}"/>'
    )
    left, top = x + _GAP + _PADDING, y + _GAP + 22
    yield _text(left, top, properties.get("title", ""), "title")
    if widget["type"] == "alarm":
        yield from _alarms(properties["alarms"], left, top + 20, width)
        return
    labels = [_label(metric) for metric in properties["metrics"]]
    bottom = y + height - _GAP - _PADDING
    base = bottom - _LINE * len(labels) - 8
    yield f'<path class="axis" fill="none" d="M{left} {top + 14}V{base}H{x + width - 2 * _PADDING}"/>'
    for number, label in enumerate(labels):
        line = base + 10 + _LINE * (number + 1) - 6
        colour = _COLOURS[number % len(_COLOURS)]
        yield f'<rect x="{left}" y="{line - 9}" width="10" height="10" fill="{colour}"/>'
        yield _text(left + 16, line, label)


def _alarms(alarms: list[str], left: int, top: int, width: int) -> Iterator[str]:
    each = (width - 2 * _PADDING) // max(1, len(alarms))
    for number, arn in enumerate(alarms):
        name = arn.strip("<>").removesuffix(".Arn").removeprefix("OperationsAlarms")[:-8]
        x = left + number * each
        yield f'<rect class="box" x="{x}" y="{top}" width="{each - 8}" height="48"/>'
        yield f'<rect x="{x}" y="{top}" width="6" height="48" fill="#1d8102"/>'
        yield _text(x + 16, top + 29, name)


def _label(metric: list[Any]) -> str:
    last = metric[-1]
    return str(last["label"] if isinstance(last, dict) and "label" in last else metric[1])


def _text(x: int, y: int, words: str, kind: str = "") -> str:
    shown = f' class="{kind}"' if kind else ""
    return f'<text{shown} x="{x}" y="{y}">{escape(words)}</text>'


def main() -> int:
    """Write the picture."""
    PICTURE.write_text(picture(definition(synthesize("default")["operations"])), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

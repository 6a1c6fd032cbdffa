"""`python -m benchmarks.document`: what `make bench` measured last goes into docs/benchmarks.md."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.children import ROOT
from benchmarks.report import figure

_DOCUMENT = ROOT / "docs/benchmarks.md"
_BEGIN, _END = "<!-- measured -->\n", "<!-- /measured -->\n"


def main() -> None:
    results = json.loads((ROOT / ".bench/results.json").read_text())
    before, _, rest = _DOCUMENT.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    _DOCUMENT.write_text(f"{before}{_BEGIN}{_measured(results)}{_END}{after}")


def _measured(results: dict[str, Any]) -> str:
    machine = results["machine"]
    options = results["options"]
    versions = ", ".join(f"{name} {machine[name]}" for name in machine if name not in {"processor", "memory", "load"})
    lines = [
        f"`make bench` on {results['at'][:10]}: {options['runs']} runs of Asterism and up to 3 of its peer.",
        f"{machine['processor']}, {machine['memory']}; load: {machine['load']}.",
        f"Versions: {versions}; peer: {results['peer']}.",
        "",
        "| measured | Asterism | peer | times | against | target |",
        "|---|--:|--:|--:|---|---|",
        *(_row(row) for row in results["rows"]),
        "",
    ]
    return "\n".join(lines)


def _row(row: dict[str, Any]) -> str:
    times = f"{row['times']:.1f}" if row["times"] is not None else ""
    targets = "; ".join(each["text"] for each in row["targets"])
    figures = (_figure(row, "asterism"), _figure(row, "peer"))
    against = row["peer"] if row["times"] is not None else ""
    return f"| {row['name'].strip()} | {' | '.join(figures)} | {times} | {against} | {targets} |"


def _figure(row: dict[str, Any], whose: str) -> str:
    value, apart = row[f"{whose}_median"], row.get(f"{whose}_spread")
    if value is None:
        return ""
    return figure(value, row["unit"]) + (f" ±{apart * 50:.0f} %" if apart is not None else "")


if __name__ == "__main__":
    main()

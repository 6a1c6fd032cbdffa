"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.children import has_peer
from benchmarks.report import Target


@dataclass(frozen=True, slots=True)
class Options:
    """`rows` sales orders, and ten times as many where growth is what matters; `runs` of everything."""

    rows: int = 1_000_000
    runs: int = 5
    quick: bool = False

    @property
    def many(self) -> int:
        return self.rows * 10

    @property
    def changes(self) -> int:
        return min(1_000, self.rows // 10)

    @property
    def peer(self) -> bool:
        """Whether the peer is measured too."""
        return not self.quick and has_peer()

    def target(self, said: str, value: float | None, limit: float, *, at_least: bool = False) -> tuple[Target, ...]:
        """A target as the only one; none where there is nothing to judge, or too little for it to mean anything."""
        return () if value is None or self.quick else (Target(said, value, limit, at_least),)

    @property
    def peer_runs(self) -> int:
        return min(self.runs, 3)


def said(rows: int) -> str:
    """A number of rows, in words."""
    return f"{rows / 1e6:g} M" if rows >= 1_000_000 else f"{rows:,}"

"""A publication: models that are carried onward into another PostgreSQL, for those who read there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Publication:
    """`models` stand in `schema` of the database at `url`, and follow the warehouse refresh by refresh."""

    name: str
    models: tuple[str, ...]
    url: str
    """`postgresql://…` or `embedded:///folder`; empty: this stage does not publish."""
    schema: str

    def table(self, model: str) -> str:
        """Where a model stands in the other database."""
        return f"{self.schema}.{model.rpartition('.')[2]}"

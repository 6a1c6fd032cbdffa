"""The platform that is measured: totesys as it stands among the examples, in a warehouse of the benchmark's own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.duckdb.parquet import DuckDBParquet
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.declare.model import Model
from asterism.project import headers
from asterism.project.load import load
from asterism.run.warehouse import Warehouse

TOTESYS = Path(__file__).parents[1] / "examples/totesys"
BY_STAFF = Path(__file__).parent / "models/fact_sale_by_staff.sql"


def totesys_models() -> tuple[Model, ...]:
    """The models of the example."""
    return tuple(load(TOTESYS).models.values())


def by_staff() -> Model:
    """A fact that carries the name of the member of staff, which totesys itself has no need of."""
    model, problems = headers.model(BY_STAFF, BY_STAFF.read_text())
    if model is None:
        raise ValueError(problems)
    return model


def in_order(models: Iterable[Model]) -> dict[str, str]:
    """Each model's SELECT by its name; those that others are made from come first, and totesys has but one."""
    return {model.name: model.sql for model in sorted(models, key=lambda model: model.name != "iso_4217")}


class Place:
    """A warehouse file and a lake in one folder, opened with whatever models are asked for."""

    def __init__(self, folder: Path) -> None:
        self.engine = DuckDBEngine(folder / "warehouse.duckdb")
        self._lake = ObstoreLake(f"file://{folder / 'lake'}")
        self._parquet = DuckDBParquet()

    def warehouse(self, *models: Model) -> Warehouse:
        """The warehouse with these models."""
        return Warehouse(self.engine, self._lake, self._parquet, models)

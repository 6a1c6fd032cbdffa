"""The cases of examples/jupiter hold on both engines, and its bank is made up in the same way each time."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from conftest import Database, parquet
from unit.examples.pushed import pushed

from asterism.adapters.amplitude.events import tables as amplitude_tables
from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.duckdb.lines import DuckDBLines
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.adapters.sqlite.state import SqliteState
from asterism.declare.case import Case
from asterism.ports.engine import Engine
from asterism.project.cases import read
from asterism.project.load import Project, load
from asterism.run.records import Shape
from asterism.run.streams import Streams
from asterism.run.trial import Bench, attempt
from asterism.run.warehouse import Warehouse

EXAMPLE = Path(__file__).parents[3] / "examples" / "jupiter"
MOMENT = datetime(2026, 3, 11, 5)
CASES, PROBLEMS = read(EXAMPLE)


@pytest.fixture(scope="module")
def project() -> Project:
    return load(EXAMPLE, "dev", {})


class Benches:
    """Makes benches with engines of one kind."""

    def __init__(self, project: Project, folder: Path, engine: Callable[[], Engine], stack: ExitStack) -> None:
        self.project, self.folder, self.engine, self.stack = project, folder, engine, stack
        self.count = 0

    def __call__(self) -> Bench:
        self.count += 1
        engine, states = self.engine(), SqliteState(self.folder / f"views{self.count}.db")
        self.stack.callback(engine.close)
        self.stack.callback(states.close)
        streams = Streams.of(self.project.platform.streams, DuckDBLines())
        models = tuple(self.project.models.values())
        lake = ObstoreLake("memory:///")
        warehouse = Warehouse(engine, lake, parquet(), models, processed=False, streams=streams)
        warehouse.ledger.prepare()
        tables = {table.name: table for table in amplitude_tables("amplitude")}
        return Bench(self.project.platform, self.project.queries, warehouse, streams, states, tables)


def test_every_case_can_be_read() -> None:
    assert PROBLEMS == []
    assert len(CASES) > 30


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_of_jupiter_holds(case: Case, project: Project, tmp_path: Path) -> None:
    with ExitStack() as stack:
        assert attempt(case, Benches(project, tmp_path, DuckDBEngine, stack), MOMENT) == []


@pytest.mark.parametrize("file", sorted({case.path.name for case in CASES}))
def test_cases_of_each_file_hold_in_postgresql(
    file: str, project: Project, tmp_path: Path, make_database: Callable[[], Database]
) -> None:
    # Those with most rows: each query and table is among them.
    cases = sorted((c for c in CASES if c.path.name == file), key=lambda c: -sum(map(len, c.given.values())))
    chosen: dict[str, Case] = {}
    for case in cases:
        for target in case.expect:
            chosen.setdefault(target, case)
    with ExitStack() as stack:
        benches = Benches(project, tmp_path, lambda: PostgresEngine(make_database().url), stack)
        for case in {case.name: case for case in chosen.values()}.values():
            assert attempt(case, benches, MOMENT) == [], case.name


def test_a_wrong_word_in_any_case_is_noticed(project: Project, tmp_path: Path) -> None:
    case = next(each for each in CASES if "flagged" in each.name)
    wrong = {target: tuple({**row, "reason": "none"} for row in rows) for target, rows in case.expect.items()}
    with ExitStack() as stack:
        (found,) = attempt(replace(case, expect=wrong), Benches(project, tmp_path, DuckDBEngine, stack), MOMENT)
    assert len(found.missing) == len(found.unexpected) == 1


@pytest.mark.parametrize("field", ["savedAmount", "accountId"])
def test_a_message_that_is_code_is_never_run(field: str, tmp_path: Path) -> None:
    code = f"__import__('pathlib').Path({str(tmp_path / 'ran')!r}).touch()"
    context = {"accountId": "a-1", "savedAmount": "1::WHOLE_CENT::ZAR"} | {field: code}
    event = {"userId": code, "eventType": "SAVING_PAYMENT_SUCCESSFUL", "timestamp": 0, "context": context}
    with pushed("jupiter", tmp_path, DuckDBEngine) as bank:
        bank.send("sns-events", event)
        stored = bank.ask("select count(*) as n from sns_events where \"userId\" like '__import__%'")
        assert stored == [{"n": 1}]
        assert len(bank.aside()) == (field == "savedAmount")
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def bank(project: Project) -> list[tuple[datetime, dict[str, object]]]:
    (simulator,) = project.event_simulators
    return [(each.at, each.record) for each in islice(simulator.live(Random(5)), 3000)]


def test_the_made_up_bank_is_in_order_and_fits_its_stream(
    project: Project, bank: list[tuple[datetime, dict[str, object]]]
) -> None:
    (simulator,) = project.event_simulators
    shape = Shape(simulator.stream)
    assert [at for at, _ in bank] == sorted(at for at, _ in bank)
    for _, record in bank:
        shape.admit(json.dumps(record).encode())
    again = [(each.at, each.record) for each in islice(simulator.live(Random(5)), 3000)]
    assert again == bank
    kinds = {record["eventType"] for _, record in bank}
    assert {"USER_CREATED_ACCOUNT", "SAVING_PAYMENT_SUCCESSFUL", "WITHDRAWAL_EVENT_CONFIRMED"} <= kinds
    assert {"BOOST_CREATED", "BOOST_REDEEMED", "BOOST_EXPIRED"} <= kinds

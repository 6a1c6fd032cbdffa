"""The operational database of totesys in a real PostgreSQL, with as many sales orders as asked, made by SQL."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import psycopg

from asterism.adapters.postgres.embedded import embedded

SCHEMA = Path(__file__).parents[1] / "examples/totesys/totesys_simulator/schema.sql"

_STAMPS = (
    "timestamp '2022-11-03 08:00' + make_interval(secs => i), timestamp '2022-11-03 08:00' + make_interval(secs => i)"
)

_ROWS = (
    # Checking ten million foreign keys would take longer than everything that is measured here.
    "set session_replication_role = replica",
    (
        "insert into address select i, i || ' High Street', null, null, 'Leeds', '0' || i, 'UK', '0113 ' || i, "
        f"{_STAMPS} from generate_series(1, 30) i"
    ),
    f"insert into counterparty select i, 'Company ' || i, i, 'Ann', 'Bob', {_STAMPS} from generate_series(1, 20) i",
    f"insert into currency select i, (array['GBP', 'USD', 'EUR'])[i], {_STAMPS} from generate_series(1, 3) i",
    f"insert into department select i, 'Department ' || i, 'Leeds', 'Eve', {_STAMPS} from generate_series(1, 8) i",
    (
        f"insert into design select i, {_STAMPS}, 'Design ' || i, '/usr', 'design-' || i || '.json' "
        "from generate_series(1, 473) i"
    ),
    (
        f"insert into staff select i, 'First ' || i, 'Last ' || i, i % 8 + 1, i || '@totesys.example', {_STAMPS} "
        "from generate_series(1, 20) i"
    ),
    (
        f"insert into payment_type select i, (enum_range(null::payment_type_enum))[i], {_STAMPS} "
        "from generate_series(1, 4) i"
    ),
)
_ORDERS = (
    f"insert into sales_order select i, {_STAMPS}, i % 473 + 1, i % 20 + 1, i % 20 + 1, 1001 + i % 90000, "
    "2 + (i % 200) / 100.0, i % 3 + 1, (date '2022-11-03' + i % 900)::text, (date '2022-11-03' + i % 800)::text, "
    "i % 30 + 1 from generate_series(1, {orders}) i"
)
_SETTINGS = {
    "fsync": "off",  # the source is filled here, and nothing of that is measured
    "max_wal_size": "8GB",
    "shared_buffers": "512MB",
}


@dataclass(frozen=True, slots=True)
class Database:
    """A running server: `url` goes over its socket, `tcp` over the network's loopback, for who knows no sockets."""

    url: str
    tcp: str
    folder: Path
    """Where the server itself may write."""


@contextmanager
def totesys(orders: int) -> Iterator[Database]:
    """A database with `orders` sales orders, while the context is open."""
    folder = Path(mkdtemp(prefix="asterism-bench-"))
    folder.chmod(0o755)  # the server runs as a user of its own where this is root
    port = free_port()
    server = embedded(folder / "data", settings={**_SETTINGS, "listen_addresses": "127.0.0.1", "port": str(port)})
    try:
        execute(server.url, *SCHEMA.read_text().split(";\n"), *_ROWS, _ORDERS.format(orders=orders))
        # Nobody is to pay for the first look at fresh rows.
        execute(server.url, "vacuum (analyze)", "checkpoint")
        yield Database(server.url, f"postgresql://postgres@127.0.0.1:{port}/postgres", folder / "data")
    finally:
        server.close()
        rmtree(folder, ignore_errors=True)


def execute(url: str, *statements: str) -> None:
    """Run statements, each committed by itself, in one session."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            if statement.strip():
                connection.execute(statement)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses at present."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])

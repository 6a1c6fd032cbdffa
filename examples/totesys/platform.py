"""totesys: an operational PostgreSQL database becomes three star schemas that share their dimensions."""

from totesys_simulator import live, prepare

from asterism import Platform
from asterism.sources import Postgres

platform = Platform("totesys")

totesys = platform.pull(
    Postgres("${TOTESYS_URL}", schema="public", exclude=["_prisma_migrations"]),
    into="totesys",
    every="1s",
    reconcile="1m",
)

platform.simulator(totesys, prepare=prepare)(live)

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

# Where BI tools read: on the stages that say where that is.
platform.publish(
    [
        "dim_counterparty",
        "dim_currency",
        "dim_date",
        "dim_design",
        "dim_location",
        "dim_payment_type",
        "dim_staff",
        "dim_transaction",
        "fact_payment",
        "fact_purchase_orders",
        "fact_sales_order",
    ],
    to="${ANALYSIS_URL:-}",
    schema="analysis",
)

platform.simulator(totesys, prepare=prepare)(live)

"""PySpark, local: the same star of the same files, made anew and put into PostgreSQL, as one would write it first.

The schema is declared, so that the files are read once. The rows go by COPY, which is faster than Spark's JDBC writer.
Keys are hashes of the ids: the numbers within a window that systems of this kind have are cheaper, and wrong.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as f

from benchmarks.contenders.analysis import COLUMNS, CURRENCIES, publish

SCHEMA = """
arrival_ts bigint, country_code string,
data struct<category: string, user_id: string, session_id: string, session_num: bigint, client_ts: bigint,
            amount: bigint, android_id: string, attempt_num: bigint, connection_type: string, jailbroken: boolean,
            length: bigint, limited_ad_tracking: boolean, manufacturer: string, platform: string, score: double,
            value: double, v: bigint>,
user_meta struct<cohort_month: bigint, cohort_week: bigint, first_build: string, install_hour: bigint,
                 install_ts: bigint, is_converting: boolean, is_paying: boolean, origin: string, pay_ft: bigint,
                 revenue: map<string, bigint>>
"""


def main() -> None:
    given = json.loads(sys.argv[1])
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.driver.memory", "3g")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    spark.range(1).count()  # what the first query of a session waits for is not counted
    started = time.perf_counter()
    tables = {name: each.toPandas() for name, each in star(spark, given["folder"]).items()}
    made = time.perf_counter()
    publish(given["url"], tables)
    done = time.perf_counter()
    rows = {name: len(each) for name, each in tables.items()}
    print(json.dumps({"seconds": done - started, "make": made - started, "publish": done - made, "rows": rows}))
    spark.stop()


def star(spark: SparkSession, folder: str) -> dict[str, DataFrame]:
    events = (
        spark.read.schema(SCHEMA)
        .option("recursiveFileLookup", "true")
        .json(folder)
        .withColumn("surr_user_id", f.xxhash64("data.user_id"))
        .withColumn("surr_session_id", f.xxhash64("data.session_id"))
    ).cache()
    users, sessions = latest(events, "data.user_id"), latest(events, "data.session_id")
    paid = latest(events.where("user_meta.revenue is not null"), "data.session_id")
    found: dict[str, DataFrame] = {
        "d_user": users.select(
            "surr_user_id", "data.user_id", "country_code", *flags("is_converting", "is_paying"),
            "user_meta.origin", "user_meta.pay_ft", "user_meta.first_build",
            moment("data.client_ts", "client_ts_from_unix"),
            *(moment(f"user_meta.{each}", f"{each}_from_unix") for each in
              ("cohort_month", "cohort_week", "install_hour", "install_ts")),
        ),
        "d_session": sessions.select(
            "surr_session_id", "data.session_id", "data.session_num", moment("arrival_ts", "arrival_ts_from_unix"),
            *(f"data.{each}" for each in COLUMNS["d_session"][4:]),
        ),
        "f_revenue": paid.select(
            "surr_session_id", "surr_user_id",
            *(f.col("user_meta.revenue")[each].alias(each.lower()) for each in CURRENCIES),
            moment("arrival_ts", "created_at"),
        ),
    }  # fmt: skip
    return found


def latest(events: DataFrame, key: str) -> DataFrame:
    window = Window.partitionBy(key).orderBy(f.desc("arrival_ts"))
    return events.withColumn("place", f.row_number().over(window)).where("place = 1")


def flags(*names: str) -> list[Any]:
    return [f.expr(f"coalesce(user_meta.{each}, false)").alias(each) for each in names]


def moment(seconds: str, name: str) -> Any:
    return f.timestamp_seconds(seconds).alias(name)


if __name__ == "__main__":
    main()

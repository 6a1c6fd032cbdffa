"""pandas: the same star of the same files, made anew and put into PostgreSQL, as one would write it first."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.contenders.analysis import COLUMNS, CURRENCIES, publish

_MOMENTS = ("client_ts", "cohort_month", "cohort_week", "install_hour", "install_ts")


def main() -> None:
    given = json.loads(sys.argv[1])
    started = time.perf_counter()
    tables = star(Path(given["folder"]))
    made = time.perf_counter()
    publish(given["url"], tables)
    done = time.perf_counter()
    rows = {name: len(each) for name, each in tables.items()}
    print(json.dumps({"seconds": done - started, "make": made - started, "publish": done - made, "rows": rows}))


def star(folder: Path) -> dict[str, pd.DataFrame]:
    read = [pd.read_json(file, lines=True, convert_dates=False) for file in sorted(folder.rglob("*.gz"))]
    lines = pd.concat(read, ignore_index=True)
    data = pd.DataFrame(lines["data"].tolist())
    meta = pd.DataFrame(lines["user_meta"].tolist())
    events = pd.concat([lines[["arrival_ts", "country_code"]], data, meta], axis="columns")
    events = events.sort_values("arrival_ts", kind="stable")
    events["surr_user_id"] = pd.util.hash_array(events["user_id"].to_numpy()).astype("int64")
    events["surr_session_id"] = pd.util.hash_array(events["session_id"].to_numpy()).astype("int64")
    users = events.drop_duplicates("user_id", keep="last").copy()
    sessions = events.drop_duplicates("session_id", keep="last").copy()
    paid = events[events["revenue"].notna()].drop_duplicates("session_id", keep="last").copy()
    for name in ("is_converting", "is_paying"):
        users[name] = users[name].eq(other=True)
    for name in _MOMENTS:
        users[f"{name}_from_unix"] = moment(users[name])
    sessions["arrival_ts_from_unix"] = moment(sessions["arrival_ts"])
    for name in CURRENCIES:
        paid[name.lower()] = paid["revenue"].str.get(name)
    paid["created_at"] = moment(paid["arrival_ts"])
    made = {"d_user": users, "d_session": sessions, "f_revenue": paid}
    return {name: each.reindex(columns=COLUMNS[name]) for name, each in made.items()}


def moment(seconds: Any) -> Any:
    return pd.to_datetime(seconds, unit="s")


if __name__ == "__main__":
    main()

"""What a cloud function would do here: functions-framework, and each event in a file that is synced to disk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from uuid import uuid4

import flask
import functions_framework

FOLDER = Path(os.environ["INGEST_FOLDER"])


@functions_framework.http
def take(request: flask.Request) -> tuple[dict[str, str], int]:
    if request.method == "GET":
        return {"status": "ok"}, 200
    event = request.get_json()
    if not isinstance(event.get("service"), str) or event.get("event") not in {1, -1}:
        return {"error": "not an access"}, 400
    name = request.headers.get("Idempotency-Key") or uuid4().hex
    with (FOLDER / f"{name}.json").open("w") as file:
        json.dump(event, file)
        file.flush()
        os.fsync(file.fileno())
    return {"id": name}, 202

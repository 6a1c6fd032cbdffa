"""Secrets of Secret Manager, on a server of the tests' own, written from the REST reference: there is no emulator."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from asterism.errors import AsterismError, ProjectError
from asterism.project.load import load
from asterism.wire import vault

SECRETS = {"shop-PASSWORD": "hunter2 ä", "shop-forbidden": None}
URI = "gcpsecrets://project/shop"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        name = unquote(self.path).removeprefix("/v1/projects/project/secrets/").removesuffix("/versions/latest:access")
        status, told = 404, {"error": {"code": 404, "status": "NOT_FOUND"}}
        if name in SECRETS:
            value = SECRETS[name]
            status = 403 if value is None else 200
            told = {"payload": {"data": base64.b64encode((value or "").encode()).decode()}} if value else {"error": {}}
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", f"127.0.0.1:{server.server_address[1]}")
    yield
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_secret_has_its_value_or_is_not_there(manager: None) -> None:
    store = vault(URI)
    assert store.get("PASSWORD") == "hunter2 ä"
    assert store.get("nothing") is None
    assert store.place == "the secret shop-NAME of Secret Manager"


def test_what_may_not_be_read_says_so_without_a_value(manager: None) -> None:
    with pytest.raises(AsterismError, match="answered 403") as error:
        vault(URI).get("forbidden")
    assert "roles/secretmanager.secretAccessor" in error.value.remedy


def test_a_stage_has_its_secrets_from_there(manager: None, tmp_path: Path) -> None:
    (tmp_path / "platform.py").write_text("from asterism import Platform\n\nplatform = Platform('shop')\n")
    (tmp_path / "asterism.toml").write_text(
        f'[dev]\nsecrets = "{URI}"\nlake = "lake"\nwarehouse = "postgresql://a:${{secret:PASSWORD}}@127.0.0.1/shop"\n'
    )
    assert load(tmp_path, "dev", {}, vault=vault).stage.warehouse == "postgresql://a:hunter2 ä@127.0.0.1/shop"
    text = (tmp_path / "asterism.toml").read_text().replace("PASSWORD", "MISSING")
    (tmp_path / "asterism.toml").write_text(text)
    with pytest.raises(ProjectError, match="the secret shop-MISSING of Secret Manager"):
        load(tmp_path, "dev", {}, vault=vault)

"""Pulls a day of 200 MB in a process of its own; prints rows, bytes of lines, and how much memory grew by at most."""

from __future__ import annotations

import gzip
import sys
import threading
import zipfile
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb

from asterism.adapters.amplitude.source import AmplitudeSource
from asterism.adapters.duckdb.lines import DuckDBLines
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.declare.source import Amplitude

PAGE = 4096


def make(path: Path) -> int:
    size, filler = 0, "".join(chr(97 + n * 7 % 26) for n in range(1950))
    with zipfile.ZipFile(path, "w") as archive:
        for hour in range(24):
            lines = "".join(
                f'{{"uuid":"{hour:02}-{n:08}","city":"null","client_event_time":"2026-01-01 {hour:02}:00:00",'
                f'"event_properties":{{"a":{n},"text":"{filler}{n}"}},"user_id":"u-{n % 997}","language":"English"}}\n'
                for n in range(4000)
            ).encode()
            size += len(lines)
            archive.writestr(f"1/1_2026-01-01_{hour}#0.json.gz", gzip.compress(lines, 1))
    return size


def used() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def main(folder: Path) -> None:
    zipped = folder / "day.zip"
    size = make(zipped)

    class Export(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(zipped.stat().st_size))
            self.end_headers()
            with zipped.open("rb") as file:
                while part := file.read(65536):
                    self.wfile.write(part)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Export)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    declared = Amplitude("key", "secret", None, f"http://127.0.0.1:{server.server_address[1]}/")
    lake, clock = ObstoreLake(f"file://{folder}/lake"), lambda: datetime(2026, 1, 2, 3)
    source = AmplitudeSource(declared, "a", lake, DuckDBLines(), print, clock=clock)
    start, peak, over = used(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.005):
            peak = max(peak, used())

    threading.Thread(target=watch, daemon=True).start()
    counts = []
    with source.pull({}) as answer:
        for batch in answer.batches:
            with duckdb.connect() as reader:
                reader.register("rows", batch.rows)
                ((count,),) = reader.execute("select count(*) from rows").fetchall()
                counts.append(count)
    over.set()
    print(*counts, size, peak - start)  # noqa: T201 - what the test reads


main(Path(sys.argv[1]))

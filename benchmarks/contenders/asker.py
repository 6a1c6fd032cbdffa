"""A client that asks over HTTP: connections, each of which asks again when it is answered; the same for everybody."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import count
from statistics import quantiles
from typing import Any

NUMBERS = count(1)


async def main(given: dict[str, Any]) -> dict[str, Any]:
    until = time.perf_counter() + given["warm"] + given["seconds"]
    begin = until - given["seconds"]
    waits: list[float] = []
    await asyncio.gather(*(ask(given, begin, until, waits) for _ in range(given["connections"])))
    cuts = quantiles(waits * 2, n=100)  # of one answer too
    return {"rate": len(waits) / (time.perf_counter() - begin), "p50": cuts[49], "p99": cuts[98]}


async def ask(given: dict[str, Any], begin: float, until: float, waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", given["port"])
    head = f"Host: bench\r\nAuthorization: Bearer {given['token']}\r\n\r\n"
    while (asked := time.perf_counter()) < until or not waits:  # a busy machine may answer nobody in time
        path = given["path"].replace("{n}", str(next(NUMBERS)))
        writer.write(f"GET {path} HTTP/1.1\r\n{head}".encode())
        headers = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not headers.startswith(b"http/1.1 200"):
            sys.exit(f"{path}: {headers[:200]!r}")
        await reader.readexactly(int(headers.partition(b"content-length:")[2].partition(b"\r\n")[0]))
        if asked >= begin:
            waits.append(time.perf_counter() - asked)
    writer.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))

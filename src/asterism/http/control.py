"""What is asked of `asterism run`: it holds the warehouse."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asterism.http.problem import SOON, HttpProblem
from asterism.run.control import connect, is_served

_MOST = 16


class Control:
    """Requests to the `run` that holds the stage whose state is in `folder`. Used by one event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._calls = 0

    async def is_served(self) -> bool:
        """Whether there is one."""
        return await asyncio.to_thread(is_served, self._folder)

    async def call(self, verb: str, arguments: Mapping[str, Any], seconds: float) -> Any:
        """Have a verb carried out; answer its result.

        Raises what it raises, and HttpProblem 503 where there is no `run`, or too much is asked of it; 504 where it has
        not answered in time. It finishes the work all the same.
        """
        if self._calls >= _MOST:
            raise HttpProblem(503, "Too much is asked of `asterism run` at once.", title="Too busy", headers=SOON)
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Any] = loop.create_future()

        def settle(result: Any, error: Exception | None) -> None:
            self._calls -= 1
            if not answered.done():
                answered.set_exception(error) if error else answered.set_result(result)

        def work() -> None:
            try:
                result, error = self._call(verb, arguments), None
            except Exception as raised:  # noqa: BLE001 - raised again where it is awaited
                result, error = None, raised
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result, error)

        self._calls += 1
        # A thread that nobody waits for at the end: `run` may take hours over what it does.
        threading.Thread(target=work, name="control", daemon=True).start()
        try:
            return await asyncio.wait_for(answered, seconds)
        except TimeoutError:
            detail = f"`asterism run` has not answered within {seconds:g} seconds; it goes on."
            raise HttpProblem(504, detail) from None

    def _call(self, verb: str, arguments: Mapping[str, Any]) -> Any:
        client = connect(self._folder)
        if client is None:
            detail = "No `asterism run` works on this stage."
            raise HttpProblem(503, detail, title="Not running", headers={"Retry-After": "5"})
        return client.call(verb, arguments, lambda _step, _done, _total: None)

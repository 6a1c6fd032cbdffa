"""PostgreSQL's refusals, told as Asterism tells errors: what, the fact, the next action. Never the password."""

from __future__ import annotations

import re
from urllib.parse import unquote

from asterism.errors import EngineError, SourceError

REFUSED_VALUE = "cannot be carried without loss: "
"""Marks an error that a query of ours raised on purpose; what follows names column and value."""

_AGAIN = "It is tried again by itself."
_BY_STATE = {
    "42501": ("Grant it: GRANT SELECT ON ALL TABLES IN SCHEMA … TO the role of the URL.", False),
    "28P01": ("Correct the password in the source's URL.", False),
    "28000": ("Check the role, and pg_hba.conf, for this machine.", False),
    "3D000": ("Correct the name of the database in the source's URL.", False),
    "57014": ("Raise statement_timeout for the role of the URL, or lower chunk_rows.", True),
    "55P03": ("A table is locked, by an ALTER or a VACUUM FULL perhaps. " + _AGAIN, True),
    "53300": ("Raise max_connections, or close other connections. " + _AGAIN, True),
    "40001": (
        "On a standby, replay cancelled the read: raise max_standby_streaming_delay, or set hot_standby_feedback. "
        + _AGAIN,
        True,
    ),
    "25P04": ("Raise transaction_timeout for the role of the URL, or lower chunk_rows.", True),
    "54001": ("Exclude the table, or ask for help with this message.", False),
}
_BY_WORDS = (
    (
        "row-level security",
        "Hidden rows would look deleted: give the role of the URL BYPASSRLS, or exclude the table.",
        False,
    ),
    ("statement timeout", *_BY_STATE["57014"]),
    ("lock timeout", *_BY_STATE["55P03"]),
    ("conflict with recovery", *_BY_STATE["40001"]),
    ("permission denied for (?:table|schema|column)", *_BY_STATE["42501"]),
    (r"password authentication failed|no password supplied", *_BY_STATE["28P01"]),
    (r'database ".*" does not exist', *_BY_STATE["3D000"]),
    (
        r'role ".*" does not exist|pg_hba\.conf|not permitted to log in|permission denied for database',
        *_BY_STATE["28000"],
    ),
    (
        r"invalid (?:URI|integer value|connection option|port number|sslmode)|missing \"=\" after",
        "Correct the source's URL.",
        False,
    ),
    (
        r"certificate verify failed|does not support SSL",
        "Check sslmode and the certificates of the source's URL.",
        False,
    ),
    (r"could not translate host name", "Check the host in the source's URL, and this machine's network.", True),
    (r"too many (?:clients|connections)", *_BY_STATE["53300"]),
)
_AWAY = re.compile(
    r"connection to server|no connection to the server|server closed the connection|terminating connection|"
    r"could not (?:send|receive)|could not translate host name|SSL (?:connection|SYSCALL)|the database system is|"
    r"too many (?:clients|connections)"
)
"""Words of libpq, which gives no SQLSTATE where it is the connection that fails."""
_TIMEOUT = "57014"  # of one statement, and so its own fault
_BY_CLASS = {"08": True, "53": True, "57": True, "58": True, "40": True}


def failure(name: str, url: str, error: BaseException) -> SourceError:
    """What an error of the driver, or of whoever read its stream, means for the source called `name`."""
    text = scrubbed(str(error), url)
    state = getattr(error, "sqlstate", None) or _state(text)
    if refused := re.search(re.escape(REFUSED_VALUE) + r"([^\n]*?)\"?(?:\n|$)", text):
        return SourceError(
            name,
            f"a value {REFUSED_VALUE}{refused[1]}",
            "Change the value or the column's type at the source, or exclude the column: `exclude = ['table.column']`.",
        )
    fact = _fact(text)
    for words, remedy, transient in _BY_WORDS:
        if re.search(words, fact):
            return SourceError(name, fact, remedy, transient=transient)
    if state in _BY_STATE:
        remedy, transient = _BY_STATE[state]
        return SourceError(name, fact, remedy, transient=transient)
    if state is None:
        return SourceError(name, fact, "Is the server up, and reachable from here? " + _AGAIN, transient=True)
    if _BY_CLASS.get(state[:2], False):
        return SourceError(name, fact, "The server is busy, or going down. " + _AGAIN, transient=True)
    return SourceError(name, fact, f"PostgreSQL says SQLSTATE {state}: correct it at the source, or exclude the table.")


def engine_failure(name: str, url: str, error: BaseException, sql: str) -> EngineError:
    """What an error of the driver means for the warehouse called `name`, which was asked `sql` ("": to connect)."""
    text = re.sub(r"^\w+: (\[libpq\] )?(Failed to \w+ query: )?", "", scrubbed(str(error), url)).split("Query was:")[0]
    fact = re.sub(r"\s+", " ", text).strip(" .")
    state = getattr(error, "sqlstate", None) or _state(text) or ""
    if state == "53100":
        remedy = "Free some disk space on the server and repeat: nothing is half done."
        return EngineError(name, _fact(text), remedy, unavailable=True)
    for words, remedy, _ in _BY_WORDS:
        if not sql and re.search(words, fact):
            return EngineError(
                name, _fact(text), remedy.replace("the source's URL", "the warehouse's URL"), unavailable=True
            )
    if not sql or _AWAY.search(fact) or (_BY_CLASS.get(state[:2], False) and state != _TIMEOUT):
        remedy = "Check that the server runs and can be reached, and repeat: nothing is half done."
        return EngineError(name, _fact(text), remedy, unavailable=True)
    return EngineError(name, fact, f"The statement was: {sql[:1000]}")


def driver_error(error: BaseException) -> BaseException | None:
    """The driver's error behind one that the reader of a stream met; None where there is none behind it."""
    behind: BaseException | None = error
    while behind is not None:
        if "[libpq]" in str(behind) or REFUSED_VALUE in str(behind):
            return behind
        behind = behind.__cause__ or behind.__context__
    return None


def scrubbed(text: str, url: str) -> str:
    """`text` without the password of `url`, plain or percent-encoded."""
    for found in (*re.findall(r"//[^/?#]*?:([^/?#]*)@", url), *re.findall(r"[?&\s]?password=([^&\s]+)", url)):
        for secret in {found, unquote(found)} - {""}:
            text = text.replace(secret, "***")
    return text


def _state(text: str) -> str | None:
    found = re.search(r"SQLSTATE: (\w{5})", text)
    return found[1] if found else None


def _fact(text: str) -> str:
    """PostgreSQL's own sentence, without the driver's wrapping."""
    told = re.search(r"(?:FATAL|ERROR|PANIC):\s+(.*?)(?:\n|$)", text)
    if told:
        return told[1].strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"^[A-Za-z_ ]+: \[libpq\] (?:Failed to connect: )?", "", lines[0]) if lines else type(text).__name__

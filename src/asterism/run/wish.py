"""What is asked of a warehouse from outside, and what comes back, as two processes tell each other."""

from __future__ import annotations

import msgspec

from asterism.ports.sheets import Form


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: a query of the platform by its name, or SQL."""

    name: str = ""
    sql: str = ""
    values: dict[str, str] = {}
    form: Form = "json"
    limit: int | None = None
    after: str = ""
    timeout: float | None = None
    """Seconds."""
    known: str = ""
    """The tag of the answer that is there already."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer, without its body where that stands in a file. The file belongs to who reads this."""

    tag: str = ""
    """Says the question, and the data's version; empty where the same data may give another answer."""
    version: str = ""
    same: bool = False
    """It is the answer with the tag that was known; nothing was run."""
    next: str = ""
    """The mark of the page after this one."""
    cut: bool = False
    """There are more rows than these."""
    file: str = ""
    before: str = ""
    behind: str = ""
    """What stands around the file's content."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why there is no answer. `kind` is one of sql, unfit, unknown, engine, late, gone, busy, away."""

    kind: str
    detail: str
    parameter: str = ""
    line: int = 0
    column: int = 0

"""Everything that Asterism raises on purpose.

    AsterismError              exit code 1: the work failed
    ├── ProjectError           exit code 2: the platform's files are wrong (carries every problem at once)
    ├── UsageError             exit code 2: the command was given something it cannot take
    ├── SourceError            a source is down, refuses us, or holds what cannot be pulled
    │   └── AgainError         what it answered has to be pulled again, at once
    ├── EngineError            the warehouse is down or refuses a statement
    ├── LakeError              the lake cannot be read or written
    ├── LogError               the log of the streams is down or full
    ├── StateError             the states of the live views, or stored events, cannot be read or written
    ├── RecordError            a record cannot be taken as it is; it goes to quarantine with the reason
    ├── ViewError              a live view stands still at a record that its fold cannot take
    ├── ModelError             a model cannot be refreshed; it is held at its last good state
    ├── MailError              the mail server is down, or refuses a message
    ├── AlertError             an alert could not be delivered
    ├── DeployError            Terraform is missing, or refuses; or what was deployed does not answer as it should
    ├── LockedError            another process holds the platform
    └── VerificationError      what is stored differs from what the models say

A message has three parts: the object, the fact, the next action.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class AsterismError(Exception):
    """Base of the tree. `subject` names the object, `fact` says what is so, `remedy` what to do next."""

    exit_code = 1
    run = ""
    """The run that it ended, by its id in the ledger; empty where it ended none."""

    def __init__(self, subject: str, fact: str, remedy: str = "") -> None:
        self.subject = subject
        self.fact = fact
        self.remedy = remedy
        super().__init__(subject, fact, remedy)

    def __str__(self) -> str:
        text = f"{self.subject}: {self.fact}"
        return f"{text}\n  {self.remedy}" if self.remedy else text


def printable(error: object) -> str:
    """What somebody's function raised, in words that every table, log and terminal takes."""
    return str(error).encode(errors="backslashreplace").decode().replace("\0", "\\0")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a platform's files."""

    where: str
    """The file, relative to the project where it can be, with `:line` where a line is known."""
    fact: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.fact}"
        return f"{text}\n  {self.remedy}" if self.remedy else text


class ProjectError(AsterismError):
    """The platform's files are wrong. `problems` holds all of them, in the order of file and line."""

    exit_code = 2

    def __init__(self, project: Path | str, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        count = len(problems)
        super().__init__(str(project), f"{count} problem{'' if count == 1 else 's'}")

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class UsageError(AsterismError):
    """The command was given something it cannot take."""

    exit_code = 2


class SourceError(AsterismError):
    """A source is down, refuses us, or holds what cannot be pulled. `transient` says whether a retry may help."""

    def __init__(self, subject: str, fact: str, remedy: str = "", *, transient: bool = False) -> None:
        super().__init__(subject, fact, remedy)
        self.transient = transient


class AgainError(SourceError):
    """What a source answered cannot be landed as it was read; pulled again at once, it is read in another way."""


class EngineError(AsterismError):
    """The warehouse is down or refuses a statement.

    `unavailable` says that the engine itself is in trouble: away, full, out of memory. Then no statement is to blame,
    no model is held for it, and the same work may pass later. `interrupted` says that it was stopped on purpose.
    """

    def __init__(
        self, subject: str, fact: str, remedy: str = "", *, unavailable: bool = False, interrupted: bool = False
    ) -> None:
        super().__init__(subject, fact, remedy)
        self.unavailable = unavailable
        self.interrupted = interrupted


class LakeError(AsterismError):
    """The lake cannot be read or written: a full disk, a missing bucket, a denied key."""


class LogError(AsterismError):
    """The log cannot be read, or cannot take more: a full disk, say. Nothing of the append is kept; repeat it later."""


class StateError(AsterismError):
    """The states of the live views, or the rows of the event store, cannot be read or written.

    `fenced` says that another worker has taken the view over: this one stops, and has changed nothing.
    """

    def __init__(self, subject: str, fact: str, remedy: str = "", *, fenced: bool = False) -> None:
        super().__init__(subject, fact, remedy)
        self.fenced = fenced


class RecordError(AsterismError):
    """A record cannot be taken as it is; it goes to quarantine, and `fact` is the reason that stands there."""


class ViewError(AsterismError):
    """A live view stands still at a record that it cannot take: its fold raised, or the record fits no longer.

    What came before is kept, and other views go on; this one does when the record is skipped or the code mended.
    """


class ModelError(AsterismError):
    """A model cannot be refreshed; it and its descendants are held at their last good state."""


class MailError(AsterismError):
    """The mail server is down, or refuses a message; nobody has received it. The schedule tries again."""


class AlertError(AsterismError):
    """An alert could not be delivered to an address. The watch tries again."""


class DeployError(AsterismError):
    """Terraform is missing, or refuses; or what was deployed does not answer as it should."""


class LockedError(AsterismError):
    """Another process holds the platform."""


class VerificationError(AsterismError):
    """What is stored differs from what the models say."""

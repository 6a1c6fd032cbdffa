"""`asterism token`: who may do what over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, common, shown
from asterism.declare.duration import duration
from asterism.errors import UsageError
from asterism.project.load import Project, load
from asterism.project.nearest import suggestion

if TYPE_CHECKING:
    from asterism.run.tokens import Token, Tokens

_HELP = """\
Let programs in: make, list and revoke the tokens that the HTTP server asks for.

- `asterism token create --scope ingest:orders --name till`   may append to the stream orders
- `asterism token create --scope read --scope sql`            may read views and ask queries

Scopes: ingest:STREAM, ingest:* for every stream, read, sql, and admin for everything.
"""


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(no_args_is_help=True, help=shown(_HELP), rich_markup_mode=None)
    group.command("create")(create)
    group.command("list")(listed)
    group.command("revoke")(revoke)
    app.add_typer(group, name="token")


def create(
    context: typer.Context,
    scope: Annotated[list[str], typer.Option("--scope", metavar="SCOPE", help="What it may do; may be repeated.")],
    name: Annotated[str, typer.Option("--name", help="Who it is for.")] = "",
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DURATION", help="How long it lasts, 90d say; else for good.")
    ] = None,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a token and print it: it is shown this once, and only its hash is kept."""
    chosen = common(context, project, stage, as_json, debug)
    loaded = load(chosen.root(), chosen.stage, sealed=True)
    _check_streams(loaded, scope)
    try:
        lasting = None if expires is None else duration(expires)
    except ValueError as error:
        raise UsageError("token", f"--expires: {error}", "Write 90d or 12h, say.") from error
    text, token = _tokens(loaded).create(tuple(scope), name, lasting)
    if chosen.json:
        show.as_json({**_described(token), "token": text})
    else:
        show.remark(f"token {token.id} of stage {loaded.stage.name}; it is not shown again")
        typer.echo(text)


def listed(
    context: typer.Context,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the tokens, without their secrets."""
    chosen = common(context, project, stage, as_json, debug)
    tokens = [_described(token) for token in _tokens(load(chosen.root(), chosen.stage, sealed=True)).all()]
    if chosen.json:
        show.as_json({"tokens": tokens})
    elif not tokens:
        show.remark("there are no tokens; `asterism token create` makes one")
    else:
        rows = [(t["id"], t["name"], ", ".join(t["scopes"]), t["created"], t["expires"] or "never") for t in tokens]
        show.table(("id", "name", "scopes", "created", "expires"), rows)


def revoke(
    context: typer.Context,
    token: Annotated[str, typer.Argument(metavar="ID", help="The token's id, as `token list` shows it.")],
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a token worthless, within a second."""
    chosen = common(context, project, stage, as_json, debug)
    revoked = _tokens(load(chosen.root(), chosen.stage, sealed=True)).revoke(token)
    if chosen.json:
        show.as_json(_described(revoked))
    else:
        show.remark(f"token {revoked.id} is revoked")


def _tokens(project: Project) -> Tokens:
    from asterism.run.tokens import Tokens

    return Tokens(Path(project.stage.state))


def _check_streams(project: Project, scopes: list[str]) -> None:
    known = [stream.name for stream in project.platform.streams]
    for scope in scopes:
        kind, _, name = scope.partition(":")
        if kind == "ingest" and name and name != "*" and name not in known:
            raise UsageError(f"the scope {scope}", "names no stream of this platform", suggestion(name, known))


def _described(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": list(token.scopes),
        "created": f"{token.created.isoformat()}Z",
        "expires": f"{token.expires.isoformat()}Z" if token.expires else None,
    }

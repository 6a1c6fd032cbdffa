"""DuckDB's dialect, with what sqlglot reads otherwise than DuckDB does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import DialectType
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.tokenizer_core import Token, TokenType

_TYPES = DuckDB.Parser.TYPE_TOKENS - {TokenType.INTERVAL}
_TYPED = [TokenType.STRING, TokenType.DCOLON]


class Duck(DuckDB):
    """What models and questions are read by."""

    def to_json_path(self, path: exp.Expr | None) -> exp.Expr | None:
        """A path into JSON stays as it is written: sqlglot takes `'a.b'` for two keys where it is one."""
        return path

    def tokenize(self, sql: str, dialect: DialectType = None) -> list[Token]:
        """`date '2024-02-29'::timestamp` casts a date; sqlglot would cast the text first."""
        return list(_in_parentheses(super().tokenize(sql, dialect)))

    def parse(self, sql: str, **opts: Any) -> list[exp.Expr | None]:
        """`f(x -> 'key')` looks into JSON: a lambda is said by its word. sqlglot takes the arrow for one too."""
        trees = super().parse(sql, **opts)
        for tree in trees if "->" in sql and "lambda" not in sql.lower() else ():
            for node in list(tree.find_all(exp.Lambda)) if tree is not None else ():
                node.replace(_arrow(node))
        return trees


def _in_parentheses(tokens: list[Token]) -> Iterator[Token]:
    kinds = [each.token_type for each in tokens]
    opened = {place for place, kind in enumerate(kinds) if kind in _TYPES and kinds[place + 1 : place + 3] == _TYPED}
    for place, token in enumerate(tokens):
        if place in opened:
            yield _mark(TokenType.L_PAREN, "(", token)
        yield token
        if place - 1 in opened:
            yield _mark(TokenType.R_PAREN, ")", token)


def _mark(kind: TokenType, text: str, beside: Token) -> Token:
    return Token(kind, text, line=beside.line, col=beside.col, start=beside.start, end=beside.end)


def _arrow(node: exp.Lambda) -> exp.Expr:
    """`x -> 'a' -> 'b'` goes from left to right."""
    body: exp.Expr = node.this
    path = body
    while isinstance(path, exp.JSONExtract | exp.JSONExtractScalar):
        path = path.this
    made = exp.JSONExtract(this=exp.column(node.expressions[0].copy()), expression=path.copy())
    if path is body:
        return made
    path.replace(made)
    return body

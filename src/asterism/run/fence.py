"""What a question may not call: functions that reach out of the database, or change how it runs."""

from __future__ import annotations

import re

from sqlglot import exp

from asterism.errors import UsageError

# PostgreSQL runs some of these for a superuser even in a read-only transaction, and an embedded server knows no other
# user. None of them means anything in DuckDB's dialect, in which questions are asked; DuckDB shuts itself off.
_OUTSIDE = re.compile(
    r"(?:pg|lo|txid|dblink|binary_upgrade)_|dblink$|set_config$|current_setting$|.*_to_xml|"
    # DuckDB's: each is shut off by the engine as well, or would tell what it is set to, or take SQL as a text.
    r"read_\w+$|glob$|parquet_\w+$|sniff_csv$|\w+_scan$|query$|query_table$|getenv$|getvariable$|"
    r"duckdb_(?:settings|secrets|variables|logs|log_contexts|temporary_files|memory|connections?)$|pragma_\w+$"
)


def refuse_reaching_out(tree: exp.Query, subject: str) -> None:
    """Raise UsageError where `tree` calls such a function, as a value or as a table."""
    for node in tree.find_all(exp.Func):
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
        if _OUTSIDE.match(name.lower()):
            remedy = "Ask for tables of the warehouse; use functions that compute."
            fact = f"it calls {name.lower()}, which reaches out of the warehouse's tables"
            raise UsageError(subject, fact, remedy)

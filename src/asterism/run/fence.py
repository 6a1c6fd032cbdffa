"""What a question may not call: functions that reach out of the database, or change how it runs."""

from __future__ import annotations

import re

from sqlglot import exp

from asterism.errors import UsageError

# PostgreSQL runs some of these for a superuser even in a read-only transaction, and an embedded server knows no other
# user. None of them means anything in DuckDB's dialect, in which questions are asked; DuckDB shuts itself off.
_POSTGRES = (
    r"(?:pg|lo|txid|binary_upgrade|plpgsql|brin|inet)_\w+|dblink\w*|set_config|current_setting|loread|lowrite|"
    r"\w+_to_xml\w*|ts_stat|ts_rewrite|"  # these take SQL as a text
    r"gin_clean_pending_list|currtid2|nextval|setval|currval|lastval|setseed|\w+_validator|\w+handler|amvalidate"
)
# DuckDB's: most are shut off by the engine as well, or would tell what it is set to, or take SQL as a text.
_DUCKDB = (
    r"json_serialize_plan|sql_auto_complete|read_\w+|glob|\w*parquet_\w+|sniff_csv|\w+_scan\w*|query|query_table|json_execute_serialized_sql|getenv|"
    r"getvariable|which_secret|pragma_\w+|(?:force_)?checkpoint|(?:en|dis)able_\w+|write_log|truncate_\w+|sleep_ms|"
    r"\w*external_resource\w*|\w+_database|\w+_grammar_extension|python_map_function|"
    r"duckdb_(?!(?:columns|constraints|functions|indexes|keywords|schemas|sequences|tables|types|views)$)\w+"
)
# Views that tell what such functions tell: settings, files, sessions, secrets, other people's statements.
_VIEWS = re.compile(
    r"duckdb_(?:databases|logs)|pragma_\w+|_pg_\w+|pg_(?:aios|auth\w*|available_\w+|backend_\w+|config|cursors|"
    r"db_role_setting|file_settings|foreign_\w+|group|hba_\w+|ident_\w+|largeobject\w*|locks|parameter_acl|"
    r"prepared_\w+|publication\w*|replication_\w+|roles|seclabels?|settings|shadow|shdepend|shdescription|shmem_\w+|"
    r"shseclabel|stat_\w+|statio_\w+|statistic\w*|stats\w*|subscription\w*|tablespace|user\w*|wait_events)"
)
_INFORMATION = re.compile(r"_pg_\w+|user_mapping\w*|foreign_\w+")
_HARMLESS = frozenset({"current_database"})
_OUTSIDE = re.compile(f"{_POSTGRES}|{_DUCKDB}")


def refuse_reaching_out(tree: exp.Query, subject: str) -> None:
    """Raise UsageError where `tree` calls such a function, as a value or as a table, or reads such a view."""
    for node in tree.find_all(exp.Func):
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
        if is_outside(name.lower()):
            remedy = "Ask for tables of the warehouse; use functions that compute."
            fact = f"it calls {name.lower()}, which reaches out of the warehouse's tables"
            raise UsageError(subject, fact, remedy)
    for table in tree.find_all(exp.Table):
        if is_shut(table.name.lower(), table.db.lower()):
            fact = f"it reads {table.name.lower()}, which reaches out of the warehouse's tables"
            raise UsageError(
                subject, fact, "Ask for tables of the warehouse; information_schema tells which there are."
            )


def is_shut(name: str, schema: str = "") -> bool:
    """Whether a view of the engine's own, by its name in small letters, is one that no question may read."""
    is_information = schema.rpartition(".")[2] == "information_schema"
    return _VIEWS.fullmatch(name) is not None or (is_information and _INFORMATION.fullmatch(name) is not None)


def is_outside(function: str) -> bool:
    """Whether a function, by its name in small letters, is one that no question may call."""
    return function not in _HARMLESS and _OUTSIDE.fullmatch(function) is not None

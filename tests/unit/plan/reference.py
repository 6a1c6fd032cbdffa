"""Run by the Python that has ZetaSQL: what its reference implementation answers.

On stdin, JSON: SELECTs by name. On stdout, by name, the rows as ZetaSQL writes values down, or why there are none.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from zetasql.api import CatalogBuilder, PreparedQuery
from zetasql.types import AnalyzerOptions, LanguageOptions, ZetaSQLBuiltinFunctionOptions


def main() -> None:
    language = LanguageOptions.maximum_features()
    functions = ZetaSQLBuiltinFunctionOptions(language_options=language)
    catalog = CatalogBuilder("warehouse").with_builtin_functions(functions).build()
    options = AnalyzerOptions(language_options=language)
    options.default_timezone = "UTC"
    given = json.load(sys.stdin)
    json.dump({name: _answer(sql, catalog, options) for name, sql in given.items()}, sys.stdout)


def _answer(sql: str, catalog: Any, options: Any) -> list[str] | str:
    builder = PreparedQuery.builder().set_sql(f"SELECT FORMAT('%T', row) FROM ({sql}) AS row")
    try:
        with builder.set_analyzer_options(options).set_catalog(catalog).prepare() as query:
            return [row.cell[0].string_value for row in query.execute().content.table_data.row]
    except Exception as error:  # noqa: BLE001 - whatever it has against a statement is the answer
        return str(error)


main()

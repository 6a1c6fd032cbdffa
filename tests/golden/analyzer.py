"""Run by the Python that has ZetaSQL, BigQuery's own analyzer: says which statements are not of its dialect, and why.

On stdin, JSON: `tables`, by name the columns and BigQuery's types; `statements`, by name the SQL. On stdout, why not.
"""

from __future__ import annotations

import json
import sys

from zetasql.api import Analyzer, CatalogBuilder, TableBuilder
from zetasql.types import AnalyzerOptions, LanguageOptions, TypeKind, ZetaSQLBuiltinFunctionOptions


def main() -> None:
    given = json.load(sys.stdin)
    language = LanguageOptions.maximum_features()
    catalog = CatalogBuilder("warehouse").with_builtin_functions(
        ZetaSQLBuiltinFunctionOptions(language_options=language)
    )
    for name, columns in given["tables"].items():
        table = TableBuilder(name)
        for column, kind in columns:
            table = table.add_column(column, getattr(TypeKind, f"TYPE_{kind.replace('FLOAT64', 'DOUBLE')}"))
        catalog = catalog.add_table(table.build())
    options = AnalyzerOptions(language_options=language, allow_undeclared_parameters=True)
    analyzer, refused = Analyzer(options, catalog.build()), {}
    for name, sql in given["statements"].items():
        try:
            analyzer.analyze_statement(sql)
        except Exception as error:  # noqa: BLE001 - whatever it has against a statement is the answer
            refused[name] = str(error)
    json.dump(refused, sys.stdout)


main()

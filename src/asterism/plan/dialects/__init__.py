"""DuckDB's SQL for other engines: what means the same there, and what is refused because nothing does.

`duck` is DuckDB's dialect as models are read, `shared` what the others have in common, `formats`, `regexes` and
`jsonpath` the small languages within SQL; then a dialect a file, and of a large one a file a family of functions.
`plan/translate.py` chooses among them.
"""

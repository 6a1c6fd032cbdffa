"""What is made of statements for BigQuery, written down; and, by the real analyzer, that they are its dialect."""

from __future__ import annotations

import os
from pathlib import Path

from asterism.plan.translate import translate

FILE = Path(__file__).with_name("bigquery.sql")
MARK = "--> "


def test_statements_become_what_is_written_down() -> None:
    head, *blocks = FILE.read_text(encoding="utf-8").rstrip().split("\n\n")
    text = head
    for block in blocks:
        given = block.partition(";\n")[0].removesuffix(";")
        text += f"\n\n{given};\n{MARK}{translate(given, 'bigquery')}"
    if os.environ.get("ASTERISM_GOLDEN") == "write":
        FILE.write_text(f"{text}\n", encoding="utf-8")
    assert FILE.read_text(encoding="utf-8") == f"{text}\n"

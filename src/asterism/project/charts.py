"""The `chart` header: `-- chart: line x=day y=users series=platform`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence

from asterism.declare.chart import CHARTS, COMMON, SEVERAL, TEXTS, Chart
from asterism.declare.model import Query
from asterism.errors import Problem
from asterism.project.nearest import suggestion

Report = Callable[[int, str, str], None]
"""Told of a line, a fact and a remedy."""

_OPTION = re.compile(r"([A-Za-z_]+)=(.*)", re.DOTALL)


def chart(line: int, value: str, report: Report) -> Chart | None:
    """Read a header's value; tell what is wrong with it, and answer None where it says no chart."""
    try:
        kind, *words = shlex.split(value) or [""]
    except ValueError as error:
        report(line, f"the chart cannot be read: {error}", 'Close the quotes: title="Sales a day".')
        return None
    known = next((each for each in CHARTS if each == kind), None)
    if known is None:
        report(line, f"there is no chart {kind!r}", suggestion(kind, CHARTS))
        return None
    form = CHARTS[known]
    allowed = (*form.needs, *form.may, *COMMON)
    given: dict[str, tuple[str, ...]] = {}
    for word in words:
        match = _OPTION.fullmatch(word)
        name = match[1] if match else word
        parts = tuple(part.strip() for part in match[2].split(",")) if match and name not in TEXTS else ()
        if match is None:
            report(line, f"{word!r} says nothing of the chart", f"Write name=column ({', '.join(allowed)}).")
        elif name not in allowed:
            report(line, f"a chart {kind} has no {name!r}", suggestion(name, allowed))
        elif name in given:
            report(line, f"the chart says {name} twice", "Keep one of them.")
        elif name not in TEXTS and (not all(parts) or (len(parts) > 1 and name not in SEVERAL)):
            wanted = "columns, separated by commas" if name in SEVERAL else "one column"
            report(line, f"{word!r} does not name {wanted}", f"Write {name}=column.")
        else:
            given[name] = parts or (match[2],)
    missing = [name for name in form.needs if name not in given]
    if missing and len(given) == len(words):  # else what is wrong may be what is missing
        fact = f"a chart {kind} needs {' and '.join(missing)}"
        report(line, fact, f"Write `-- chart: {kind} {' '.join(f'{name}=column' for name in form.needs)}`.")
    texts = {name: given.pop(name)[0] for name in TEXTS if name in given}
    return Chart(known, line, given, **texts)


def missing_columns(query: Query, columns: Sequence[str]) -> Iterable[Problem]:
    """Problems of a chart whose columns are not among those of the query's answer."""
    if query.chart is None:
        return
    where = f"{query.path}:{query.chart.line}"
    for name in dict.fromkeys(each for named in query.chart.columns.values() for each in named):
        if name not in columns:
            yield Problem(where, f"the chart's column {name!r} is not in the answer", suggestion(name, columns))

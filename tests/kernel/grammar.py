"""Random tables, models and batches, of the grammar that the kernel promises to maintain."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from asterism.declare.model import Model
from asterism.declare.table import Table
from kernel.laboratory import Row, model, table

TABLES = (
    table("r.a", "k", k="INTEGER", x="INTEGER", y="INTEGER", g="VARCHAR", f="DOUBLE"),
    table("r.b", "k", k="INTEGER", x="INTEGER", z="INTEGER", h="VARCHAR"),
    table("r.c", "k,x", k="INTEGER", x="INTEGER", w="INTEGER", d="DECIMAL(10,2)"),
)
_KINDS = {"k": "i", "x": "i", "y": "i", "z": "i", "w": "i", "g": "t", "h": "t", "f": "f", "d": "d"}


@dataclass(frozen=True)
class Relation:
    """Something that can stand in FROM: its text, its columns with kinds, and its key.

    Kinds are i(nteger), t(ext), f(loat), d(ecimal), n(umber of any type).
    """

    text: str
    columns: dict[str, str]
    key: tuple[str, ...]


def relation(source: Table) -> Relation:
    return Relation(source.name, {name: _KINDS[name] for name in source.column_names}, source.key)


class Writer:
    """Writes models. `r` draws; everything else follows from it."""

    def __init__(self, r: Random) -> None:
        self.r = r
        self.pending: list[str] = []
        """Conditions of comma joins, for the WHERE that follows."""

    def models(self) -> list[Model]:
        """One to three models, the later ones perhaps over the earlier."""
        known = [relation(each) for each in TABLES]
        made = []
        for number in range(self.r.choice((1, 1, 2, 3))):
            name = f"m{number}"
            sql, columns, key = self.query(known, allow_derived=True)
            history = self.r.random() < 0.15 and all("." not in each for each in columns)
            made.append(model(name, sql, ", ".join(key), history=history))
            known.append(
                Relation(name, columns, key)
                if not history
                else Relation(f"(select * from {name} where is_current)", columns, key)
            )
        return made

    def query(self, known: list[Relation], *, allow_derived: bool) -> tuple[str, dict[str, str], tuple[str, ...]]:
        """A SELECT, its columns, and its key."""
        shape = self.r.choice(("plain", "plain", "grouped", "grouped", "distinct", "union", "window", "derived", "cte"))
        if shape in ("derived", "cte") and allow_derived:
            return self.over_derived(known, cte=shape == "cte")
        if shape == "union":
            return self.union(known)
        if shape == "window":
            return self.window(known)
        return self.select(known, shape if shape in ("plain", "grouped", "distinct") else "plain")

    def over_derived(self, known: list[Relation], *, cte: bool) -> tuple[str, dict[str, str], tuple[str, ...]]:
        inner, columns, key = self.query(known, allow_derived=False)
        if not cte:
            return self.select(
                [*known, Relation(f"({inner})", columns, key)], self.r.choice(("plain", "grouped")), must=-1
            )
        sql, outer, outer_key = self.select(
            [*known, Relation("q", columns, key)], self.r.choice(("plain", "grouped")), must=-1
        )
        return f"with q as ({inner}) {sql}", outer, outer_key

    def select(
        self, known: list[Relation], shape: str, must: int | None = None
    ) -> tuple[str, dict[str, str], tuple[str, ...]]:
        from_, scope, key = self.from_(known, must)
        where = self.where(scope, known)
        if shape == "plain":
            projections = {f"k{place}": text for place, text in enumerate(key)}
            projections |= {f"v{place}": self.value(scope) for place in range(self.r.randint(1, 2))}
            names = tuple(f"k{place}" for place in range(len(key)))
            return self._spell(projections, from_, where), self._kinds(projections, scope), names
        groups = [self.group(scope) for _ in range(self.r.randint(1, 2))]
        projections = {f"g{place}": text for place, text in enumerate(groups)}
        names = tuple(projections)
        if shape == "distinct":
            return (
                "select distinct " + self._spell(projections, from_, where)[7:],
                self._kinds(projections, scope),
                names,
            )
        kinds = self._kinds(projections, scope)
        for place in range(self.r.randint(1, 3)):
            projections[f"n{place}"], kinds[f"n{place}"] = self.aggregate(scope)
        having = self.r.choice(("", "", " having count(*) > 1", f" having {projections['n0']} is not null"))
        by = self.r.choice((", ".join(groups), ", ".join(str(place + 1) for place in range(len(groups))), "all"))
        return self._spell(projections, from_, where) + f" group by {by}{having}", kinds, names

    def union(self, known: list[Relation]) -> tuple[str, dict[str, str], tuple[str, ...]]:
        parts = []
        for tag in ("p", "q"):
            from_, scope, key = self.from_(known, None, most=2)
            wanted = {"tag": f"'{tag}'"} | {f"k{n}": key[n] if n < len(key) else "0" for n in range(4)}
            parts.append(self._spell(wanted, from_, self.where(scope, known)))
        kinds = {"tag": "t"} | {f"k{n}": "x" for n in range(4)}
        if any(not self._all_integer(part) for part in parts):
            return self.select(known, "grouped")
        return " union all ".join(parts), kinds | {f"k{n}": "i" for n in range(4)}, tuple(kinds)

    def window(self, known: list[Relation]) -> tuple[str, dict[str, str], tuple[str, ...]]:
        from_, scope, key = self.from_(known, None, most=2)
        part = self.group(scope)
        order = self.r.choice([name for name, kind in scope.items() if kind in "idn"])
        function = self.r.choice(
            ("row_number()", "rank()", "count(*)", f"sum({order})", f"lag({order})", f"max({order})")
        )
        frame = (
            self.r.choice(("", "", " rows between 1 preceding and current row"))
            if function.startswith(("sum", "max"))
            else ""
        )
        over = f"over (partition by {part} order by {order}{frame})"
        projections = {f"k{place}": text for place, text in enumerate(key)} | {"p": part, "w": f"{function} {over}"}
        sql = self._spell(projections, from_, self.where(scope, known))
        if self.r.random() < 0.4:
            sql += f" qualify row_number() over (partition by {part} order by {order}) <= 2"
        kinds = self._kinds({name: text for name, text in projections.items() if name != "w"}, scope) | {"w": "i"}
        return sql, kinds, tuple(f"k{place}" for place in range(len(key)))

    def from_(self, known: list[Relation], must: int | None, most: int = 3) -> tuple[str, dict[str, str], list[str]]:
        """FROM, the columns in scope (qualified) with kinds, and the expressions that identify a row."""
        count = self.r.choice((1, 2, 2, 3)[: most + 1])
        chosen = [self.r.choice(known) for _ in range(count)]
        if must is not None:
            chosen[self.r.randrange(count)] = known[must]
        scope: dict[str, str] = {}
        key: list[str] = []
        text = ""
        for place, each in enumerate(chosen):
            alias = f"t{place}"
            own = {f"{alias}.{name}": kind for name, kind in each.columns.items()}
            if place == 0:
                text = f" from {each.text} as {alias}"
            else:
                on = self.on(scope, own)
                join = self.r.choice(("join", "left join", "left join", ","))
                text += (
                    f", {each.text} as {alias}"
                    if join == "," and on
                    else f" {join.replace(',', 'join')} {each.text} as {alias} on {on}"
                )
                if join == "," and on:
                    self.pending.append(on)
            scope |= own
            key += [f"{alias}.{name}" for name in each.key]
        return text, scope, key

    def on(self, left: dict[str, str], right: dict[str, str]) -> str:
        pairs = [
            (one, other) for one, kind in left.items() for other, its in right.items() if kind == its and kind in "it"
        ]
        if not pairs:
            return "true"
        one, other = self.r.choice(pairs)
        text = f"{one} {self.r.choice(('=', '=', '=', '=', 'is not distinct from'))} {other}"
        extra = self.r.random()
        if extra < 0.15:
            text += f" and {self.r.choice(list(right))} is not null"
        elif extra < 0.25:
            text += f" and {self.condition({**left, **right})}"
        return text

    def where(self, scope: dict[str, str], known: list[Relation]) -> str:
        terms, self.pending = [*self.pending], []
        drawn = range(self.r.choice((0, 0, 1, 1, 2)))
        terms += [self.condition(scope) if self.r.random() < 0.65 else self.predicate(scope, known) for _ in drawn]
        return f" where {' and '.join(terms)}" if terms else ""

    def condition(self, scope: dict[str, str]) -> str:
        name = self.r.choice(list(scope))
        value = {"i": "1", "t": "'p'", "f": "0.5", "d": "1.5", "n": "1"}[scope[name]]
        form = self.r.choice(
            (
                "{0} = {1}",
                "{0} <> {1}",
                "{0} > {1}",
                "{0} is null",
                "{0} is not null",
                "coalesce({0}, {1}) = {1}",
                "({0} = {1} or {2} is null)",
            )
        )
        return form.format(name, value, self.r.choice(list(scope)))

    def predicate(self, scope: dict[str, str], known: list[Relation]) -> str:
        inner = self.r.choice([each for each in known if "(" not in each.text])
        if inner.text == "q":
            inner = known[0]
        own = {f"u.{name}": kind for name, kind in inner.columns.items()}
        pairs = [
            (one, other) for one, kind in scope.items() for other, its in own.items() if kind == its and kind in "it"
        ]
        if not pairs:
            return self.condition(scope)
        one, other = self.r.choice(pairs)
        also = f" and {self.condition(own)}" if self.r.random() < 0.4 else ""
        form = self.r.choice(("exists", "not exists", "in", "not in", "or in"))
        if form.endswith("exists"):
            return f"{form} (select 1 from {inner.text} as u where {other} = {one}{also})"
        inside = f"(select {other} from {inner.text} as u where true{also})"
        if form == "or in":
            return f"({one} in {inside} or {self.condition(scope)})"
        return f"{one} {form} {inside}"

    def group(self, scope: dict[str, str]) -> str:
        name = self.r.choice([name for name, kind in scope.items() if kind in "it"])
        if self.r.random() < 0.25:
            return f"coalesce({name}, {'0' if scope[name] == 'i' else chr(39) + 'n' + chr(39)})"
        return name

    def value(self, scope: dict[str, str]) -> str:
        name = self.r.choice(list(scope))
        if scope[name] == "i" and self.r.random() < 0.4:
            return self.r.choice((f"{name} + 1", f"case when {name} > 1 then 1 else 0 end"))
        return name

    def aggregate(self, scope: dict[str, str]) -> tuple[str, str]:
        numbers = [name for name, kind in scope.items() if kind in "ifdn"]
        number = self.r.choice(numbers) if numbers else "1"  # of texts alone there are some, and they can be counted
        anything = self.r.choice(list(scope))
        forms = ("count(*)", "count({a})", "sum({n})", "min({a})", "max({a})", "avg({n})", "count(distinct {a})")
        filtered = f"sum({{n}}) filter (where {self.condition(scope)})"
        text = self.r.choice((*forms, filtered)).format(a=anything, n=number)
        kind = scope[anything] if text.startswith(("min", "max")) else "i" if text.startswith("count") else "x"
        return text, kind if kind in "it" else "n"

    def _all_integer(self, sql: str) -> bool:
        return not any(
            f".{name}" in sql.split(" from ", maxsplit=1)[0]
            for name in ("g", "h", "g0", "g1", "v0", "v1", "p", "tag", "k2", "k3", "n0", "n1", "n2")
        )

    def _spell(self, projections: dict[str, str], from_: str, where: str) -> str:
        return "select " + ", ".join(f"{text} as {name}" for name, text in projections.items()) + from_ + where

    def _kinds(self, projections: dict[str, str], scope: dict[str, str]) -> dict[str, str]:
        kinds = {}
        for name, text in projections.items():
            found = next((kind for column, kind in scope.items() if column == text), None)
            if found is None:
                inner = next((kind for column, kind in scope.items() if column in text), "i")
                found = inner if text.startswith("coalesce") else "i"
            kinds[name] = found
        return kinds


def batches(r: Random, count: int) -> list[dict[str, tuple[list[Row], list[Row]]]]:
    """Inserts, updates, key changes, deletes and NULLs, over one to three tables at once."""
    present: dict[str, dict[Row, Row]] = {each.name: {} for each in TABLES}
    found = []
    for number in range(count):
        batch: dict[str, tuple[list[Row], list[Row]]] = {}
        for each in TABLES if number == 0 else r.sample(TABLES, r.choice((1, 1, 2, 3))):
            rows = [random_row(r, each) for _ in range(r.randint(2, 5) if number == 0 else r.randint(0, 3))]
            latest = {tuple(row[each.column_names.index(key)] for key in each.key): row for row in rows}
            stored = present[each.name]
            gone = [key for key in stored if r.random() < 0.2 and key not in latest] if number else []
            stored.update(latest)
            for key in gone:
                del stored[key]
            batch[each.name] = (list(latest.values()), gone)
        found.append(batch)
    return found


def random_row(r: Random, each: Table) -> Row:
    """A row of few values, so that keys meet and groups are shared."""
    choices: dict[str, tuple[object, ...]] = {
        "INTEGER": (None, 0, 1, 2, 3),
        "VARCHAR": (None, "p", "q"),
        "DOUBLE": (None, 0.5, -0.0, 0.1, 1e9),
        "DECIMAL(10,2)": (None, "1.50", "2.25"),
    }
    return tuple(
        r.randint(0, 5) if column.name in each.key else r.choice(choices[column.type]) for column in each.columns
    )

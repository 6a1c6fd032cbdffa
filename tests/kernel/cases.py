"""The cases that break a naive reading of a SELECT, each small enough to follow by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asterism.declare.model import Model
from asterism.declare.table import Table
from kernel.laboratory import Row, model, table

Batch = dict[str, tuple[list[Row], list[Row]]]

A = table("r.a", "k", k="INTEGER", x="INTEGER", g="VARCHAR")
B = table("r.b", "k", k="INTEGER", x="INTEGER", h="VARCHAR")
C = table("r.c", "k", k="INTEGER", x="INTEGER", w="DOUBLE")


@dataclass(frozen=True)
class Case:
    """Models, and batches for the tables r.a, r.b and r.c. `how` is what `check` says of the last model."""

    name: str
    models: Sequence[Model]
    batches: Sequence[Batch]
    how: str = "incremental"
    tables: Sequence[Table] = (A, B, C)


def put(**tables: list[Row]) -> Batch:
    """Rows to put: `a=[…]` for r.a."""
    return {f"r.{name}": (rows, []) for name, rows in tables.items()}


def gone(**tables: list[Row]) -> Batch:
    """Keys to delete."""
    return {f"r.{name}": ([], keys) for name, keys in tables.items()}


START = put(
    a=[(1, 1, "p"), (2, 2, "p"), (3, None, "q"), (4, 9, None)],
    b=[(1, 1, "u"), (2, 2, "v"), (9, 5, None)],
    c=[(1, 1, 0.1), (2, 2, 0.2)],
)

CASES = (
    Case(
        "gaining a match takes a row out of the group of the unmatched",
        [model("m", "select b.h, count(*) as n from r.a left join r.b on a.x = b.k group by b.h", "h")],
        [START, put(b=[(9, 1, "w")]), gone(b=[(9,)]), put(b=[(9, 1, "w")])],
    ),
    Case(
        "losing a match in a chain of outer joins",
        [
            model(
                "m",
                "select b.h, c.w, count(*) as n from r.a left join r.b on a.x = b.k "
                "left join r.c on b.x = c.k group by all",
                "h, w",
            )
        ],
        [START, gone(b=[(1,)]), put(c=[(2, 0, 0.7)]), put(b=[(1, 2, "u")]), gone(c=[(2,)])],
    ),
    Case(
        "two optional sides gain a match in one batch",
        [
            model(
                "m",
                "select b.h, c.x, count(*) as n from r.a left join r.b on a.x = b.k "
                "left join r.c on a.x = c.k group by all",
                "h, x",
            )
        ],
        [put(a=[(1, 7, "p")]), put(b=[(7, 1, "u")], c=[(7, 3, 0.5)]), {**gone(b=[(7,)]), **gone(c=[(7,)])}],
    ),
    Case(
        "a later join matches once the optional side is NULL",
        [
            model(
                "m",
                "select c.x, count(*) as n from r.a left join r.b on a.x = b.k "
                "left join r.c on c.k = coalesce(b.x, 2) group by c.x",
                "x",
            )
        ],
        [START, put(b=[(9, 1, "w")]), gone(b=[(1,)]), gone(b=[(9,)])],
    ),
    Case(
        "a filter on the optional side that asks for no match",
        [model("m", "select a.k from r.a left join r.b on a.x = b.k where b.k is null", "k")],
        [START, put(b=[(9, 1, "w")]), gone(b=[(1,)]), put(a=[(5, 1, "p")])],
    ),
    Case(
        "a comma join keeps its condition",
        [model("m", "select a.k, b.h from r.a, r.b where a.x = b.k and a.g = 'p'", "k")],
        [START, put(b=[(1, 1, "z")]), put(a=[(1, 2, "p")], b=[(2, 0, "y")])],
    ),
    Case(
        "several inputs change in one batch",
        [model("m", "select a.k as ak, b.k as bk, b.h from r.a join r.b on a.x = b.x", "ak, bk")],
        [START, put(a=[(1, 5, "p")], b=[(9, 6, "w"), (1, 5, "u")]), {**put(a=[(7, 6, "p")]), **gone(b=[(9,)])}],
    ),
    Case(
        "a table that stands there twice",
        [
            model(
                "m",
                "select one.k, count(*) as n from r.a as one join r.a as other on one.g = other.g group by one.k",
                "k",
            )
        ],
        [START, put(a=[(3, 1, "p")]), gone(a=[(1,)]), put(a=[(4, 1, "q"), (3, 1, "q")])],
    ),
    Case(
        "EXISTS and NOT EXISTS",
        [
            model("m", "select k from r.a where exists (select 1 from r.b where b.k = a.x and b.h is not null)", "k"),
            model("n", "select k from r.a where not exists (select 1 from r.b where b.k = a.x)", "k"),
        ],
        [START, put(b=[(9, 1, "w")]), put(b=[(1, 1, None)]), gone(b=[(2,)])],
    ),
    Case(
        "NOT IN and a NULL among the values",
        [model("m", "select k from r.a where x not in (select x from r.b)", "k")],
        [START, put(b=[(3, None, "w")]), gone(b=[(3,)]), gone(b=[(1,), (2,), (9,)]), put(b=[(1, 2, "u")])],
    ),
    Case(
        "IN under OR",
        [model("m", "select k from r.a where x in (select k from r.b) or g is null", "k")],
        [START, gone(b=[(1,)]), put(b=[(9, 1, None), (3, 1, None)])],
    ),
    Case(
        "a NULL in the key",
        [model("m", "select g, x, sum(k) as s from r.a group by g, x", "g, x")],
        [START, put(a=[(5, None, None), (6, 9, None)]), gone(a=[(4,), (3,)]), put(a=[(5, 1, None)])],
    ),
    Case(
        "a key that moves from one row to another",
        [model("m", "select x, g from r.a where x is not null", "x")],
        [put(a=[(1, 1, "p"), (2, 2, "q")]), put(a=[(1, 2, "p"), (2, 1, "q")]), put(a=[(1, 3, "p"), (2, 2, "q")])],
    ),
    Case(
        "HAVING lets a group in and out",
        [model("m", "select g, count(*) as n from r.a group by g having count(*) > 1", "g")],
        [START, put(a=[(5, 1, "q")]), gone(a=[(1,)]), put(a=[(2, 1, "q")])],
    ),
    Case(
        "min and max of what was deleted",
        [
            model(
                "m",
                "select g, min(x) as low, max(x) as high, count(distinct x) as d, avg(x) as a from r.a group by g",
                "g",
            )
        ],
        [START, gone(a=[(2,)]), put(a=[(1, 7, "p")]), gone(a=[(1,)])],
    ),
    Case(
        "the last row of a group goes",
        [model("m", "select g, sum(x) as s from r.a group by g", "g")],
        [START, gone(a=[(3,)]), gone(a=[(1,), (2,), (4,)])],
    ),
    Case(
        "DISTINCT rows that come from several",
        [model("m", "select distinct g, x is null as bare from r.a", "g, bare")],
        [START, put(a=[(5, 1, "p")]), gone(a=[(1,)]), gone(a=[(2,), (5,)])],
    ),
    Case(
        "UNION ALL of two tables",
        [
            model(
                "m",
                "select 'a' as origin, k, x from r.a union all select 'b', k, x from r.b where h is not null",
                "origin, k",
            )
        ],
        [START, put(a=[(1, 5, "p")], b=[(1, 7, None), (9, 1, "w")]), gone(a=[(1,)], b=[(9,)])],
    ),
    Case(
        "UNION without ALL",
        [model("m", "select x from r.a union select x from r.b", "x")],
        [START, gone(a=[(1,)]), gone(b=[(1,)]), put(b=[(1, 1, "u")])],
    ),
    Case(
        "a window and QUALIFY",
        [model("m", "select k, g, row_number() over (partition by g order by x) as n from r.a qualify n <= 1", "k")],
        [START, put(a=[(5, 0, "p")]), gone(a=[(5,)]), put(a=[(1, 1, "q")]), put(a=[(1, 1, None)])],
    ),
    Case(
        "two windows that share a partition column",
        [
            model(
                "m",
                "select k, g, x, count(*) over (partition by g) as n, "
                "sum(k) over (partition by g, x order by k) as s from r.a",
                "k",
            )
        ],
        [START, put(a=[(5, 1, "p"), (4, 1, "p")]), gone(a=[(1,)])],
    ),
    Case(
        "a CTE that aggregates is stored out of sight",
        [
            model(
                "m",
                "with t as (select x, count(*) as n from r.a group by x) "
                "select b.k, t.n from r.b left join t on t.x = b.k",
                "k",
            )
        ],
        [START, put(a=[(5, 1, "p"), (6, 9, "p")]), gone(a=[(1,), (5,)]), put(b=[(3, 1, "w")])],
    ),
    Case(
        "a derived table of a UNION ALL below a DISTINCT",
        [
            model(
                "m",
                "with d as (select x as v from r.a union all select k from r.b) "
                "select distinct v, v + 1 as w from d where v is not null",
                "v",
            )
        ],
        [START, gone(a=[(4,)]), put(b=[(77, 1, "u")]), gone(b=[(9,)])],
    ),
    Case(
        "models over models",
        [
            model("lines", "select a.k, a.g, b.h from r.a left join r.b on a.x = b.k", "k"),
            model("groups", "select g, h, count(*) as n from lines group by g, h", "g, h"),
            model("top", "select g, max(n) as most from groups group by g", "g"),
        ],
        [START, put(b=[(9, 1, "p")]), put(a=[(4, 1, "p")]), gone(b=[(1,), (2,)])],
    ),
    Case(
        "history keeps every version, and models read it",
        [
            model("versions", "select k, x, g from r.a", "k", history=True),
            model(
                "counts",
                "select k, count(*) as versions, count(*) filter (where is_current) as live from versions group by k",
                "k",
            ),
        ],
        [START, put(a=[(1, 5, "p")]), gone(a=[(2,)]), put(a=[(2, 2, "p"), (1, 1, "p")])],
    ),
    Case(
        "floats agree within a billionth, and there is one zero",
        [
            model("m", "select x, sum(w) as s, avg(w) as a from r.c group by x", "x"),
            model("n", "select s, count(*) as n from m group by s", "s"),
        ],
        [START, put(c=[(3, 1, 0.2), (4, 1, -0.0), (5, 8, -0.0)]), gone(c=[(1,)]), put(c=[(5, 8, 0.0)])],
    ),
    Case(
        "a FULL JOIN is rebuilt, and tells the least difference",
        [
            model(
                "m", "select coalesce(a.x, b.k) as v, count(*) as n from r.a full join r.b on a.x = b.k group by 1", "v"
            )
        ],
        [START, put(b=[(3, 1, "w")]), gone(a=[(1,)])],
        how="full: a FULL JOIN",
    ),
    Case(
        "a scalar subquery that aggregates leaves the rows around it apart",
        [
            model(
                "m",
                "with d as (select k, g, x - (select max(b.x) from r.b) as below, "
                "row_number() over (partition by g order by k) as place from r.a) "
                "select g, count(*) as n, sum(below) as below from d where place < 3 group by g",
                "g",
            )
        ],
        [START, put(b=[(9, 7, "w")]), put(a=[(5, 1, "p")]), gone(b=[(9,)])],
        how="incremental",
    ),
    Case(
        "a scalar subquery is rebuilt",
        [model("m", "select k, x - (select max(x) from r.b) as v from r.a", "k")],
        [START, put(b=[(3, 8, "w")]), gone(a=[(1,)])],
        how="full: a scalar subquery",
    ),
    Case(
        "LIMIT is rebuilt, its ties broken by the key",
        [model("m", "select k, g from r.a order by g limit 2", "k")],
        [START, put(a=[(0, 1, "p")]), gone(a=[(1,)])],
        how="full: LIMIT or OFFSET",
    ),
    Case(
        "a window without a partition is rebuilt",
        [model("m", "select k, row_number() over (order by x) as n from r.a", "k")],
        [START, put(a=[(0, 1, "p")]), gone(a=[(1,)])],
        how="full: a window without PARTITION BY",
    ),
    Case(
        "a right join that comes first",
        [model("m", "select b.k, count(a.k) as n from r.a right join r.b on a.x = b.k group by b.k", "k")],
        [START, gone(a=[(1,)]), put(b=[(5, 1, "w")])],
    ),
    Case(
        "a semi and an anti join",
        [
            model("m", "select a.k from r.a semi join r.b on a.x = b.k", "k"),
            model("n", "select a.k from r.a anti join r.b on a.x = b.k", "k"),
        ],
        [START, gone(b=[(1,)]), put(b=[(9, 5, "w"), (1, 1, "u")])],
    ),
    Case(
        "strings put together in the order of the key where they tie",
        [
            model(
                "m",
                "select g, string_agg(cast(x as varchar), ',' order by g) as every, first(x order by g) as one "
                "from r.a group by g",
                "g",
            )
        ],
        [START, put(a=[(0, 5, "p")]), gone(a=[(1,)])],
    ),
    Case(
        "distinct strings put together in their own order",
        [
            model(
                "m",
                "select g, string_agg(distinct cast(x as varchar), ',' order by cast(x as varchar) desc) as every, "
                "array_agg(distinct x) as list from r.a where x is not null group by g",
                "g",
            )
        ],
        [START, put(a=[(0, 5, "p"), (5, 2, "p")]), gone(a=[(1,), (2,)])],
    ),
    Case(
        "windows with names, one made from another",
        [
            model(
                "m",
                "select k, g, row_number() over w as n, "
                "sum(x) over (w rows between 1 preceding and current row) as two, "
                "count(*) over p as every from r.a window p as (partition by g), w as (p order by x)",
                "k",
            )
        ],
        [START, put(a=[(0, 2, "p")]), put(a=[(1, 1, "q")]), gone(a=[(2,)])],
        how="incremental, by g",
    ),
    Case(
        "names that differ from table to table in upper and lower case only",
        [
            model(
                "m",
                "select t.id, name, T.X as x from s.small t left join s.camel c on c.id = t.id order by t.id limit 100",
                "id",
            ),
            model(
                "n",
                "with c as (select id, NAME from s.camel), both as (select id, x from s.small union all "
                'select Id, length(name) from c) select id, sum(x) as "Sum" from both group by id having sum(x) > 0',
                "id",
            ),
            model("o", "select * from s.camel where exists (select 1 from s.small where small.id = camel.id)", "ID"),
            model("p", 'select id, "sum" as total, name from n left join o using (id)', "iD"),
        ],
        [
            {"s.camel": ([(1, "a"), (2, "bb")], []), "s.small": ([(1, 5), (3, 1)], [])},
            {"s.camel": ([(3, "ccc"), (2, "b")], [(1,)]), "s.small": ([(2, 7)], [])},
        ],
        tables=(
            table("s.camel", "Id", Id="INTEGER", Name="VARCHAR"),
            table("s.small", "id", id="INTEGER", x="INTEGER"),
        ),
    ),
)

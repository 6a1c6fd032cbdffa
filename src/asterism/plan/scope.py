"""Which keys a change of the inputs can touch.

For each occurrence of a changed table its change set takes its place in FROM, and every other changed table stands
there with the rows of both states: the rows that come out hold every row that the SELECT's joins gained or lost, so
projecting the key from them gives a superset of the keys that can differ. Three things keep that true:

- The right side of a LEFT JOIN that changed: the join becomes inner, and the matched rows are projected once more with
  that side NULL, because gaining a match takes a row out of the group of the unmatched.
- Another right side that changed: each row stands once with its match and once without.
- EXISTS and IN: their table is joined un-negated, whatever the sense of the condition.

Conditions are dropped where they hold a subquery, and tables where neither the key nor a way to it needs them: both
only make the superset larger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from asterism.plan.tree import (
    Item,
    Unprovable,
    branches,
    conjuncts,
    has_subquery,
    is_leaf,
    is_plain,
    items,
    leaves,
    named_table,
    outputs,
    refs,
    table_name,
)


@dataclass(frozen=True, slots=True)
class Delta:
    """The names of the two tables that hold a change set: rows as they were, rows as they are."""

    before: str
    after: str


Changes = Mapping[str, Delta]


def number_leaves(query: exp.Query) -> None:
    """Give each occurrence of a table a number that copies keep."""
    for number, leaf in enumerate(leaves(query)):
        leaf.meta["leaf"] = number


def scope(query: exp.Query, keys: Sequence[Sequence[exp.Expr]], changes: Changes) -> exp.Query | None:
    """A SELECT of the distinct keys (columns `s0`, `s1` …) that `changes` can touch, or None where nothing changed.

    `keys` holds, for each branch of `query`, its key expressions. Raises Unprovable.
    """
    parts: list[exp.Query] = []
    for branch, key in zip(branches(query), keys, strict=True):
        wanted = [exp.alias_(each.copy(), f"s{place}", quoted=True) for place, each in enumerate(key)]
        for leaf in leaves(branch):
            if table_name(leaf) in changes:
                parts += touched(branch, leaf.meta["leaf"], changes, wanted)
    if not parts:
        return None
    return exp.select("*").distinct().from_(_union_all(parts).subquery("_scope"))


def touched(select: exp.Select, leaf: int, changes: Changes, wanted: Sequence[exp.Expr]) -> list[exp.Select]:
    """SELECTs of `wanted` over the rows that a change of one leaf can add to `select`'s FROM and WHERE or take away."""
    from_items = items(select)
    for place, item in enumerate(from_items):
        if _holds(item.node, leaf):
            changed = _changed(item, leaf, changes)
            shows = item.optional and _is_read(item, from_items, _where(select), wanted)
            sides = (False, True) if shows else (False,)
            return [
                _Builder(from_items, _where(select), changes, wanted).build(place, changed, unmatched=side)
                for side in sides
            ]
    return _touched_by_predicate(select, leaf, changes, wanted)


def _is_read(item: Item, others: Sequence[Item], conditions: Iterable[exp.Expr], wanted: Iterable[exp.Expr]) -> bool:
    """Whether an item's columns show anywhere but in its own join: if not, its NULLs show nothing either."""
    joins = [each.on for each in others if each is not item and each.on is not None]
    if any(item.alias in each.lateral for each in others):
        return True
    return any(item.alias in refs(node) for node in (*wanted, *conditions, *joins))


def _touched_by_predicate(
    select: exp.Select, leaf: int, changes: Changes, wanted: Sequence[exp.Expr]
) -> list[exp.Select]:
    predicate = _predicate(select, leaf)
    inner = predicate.args["query"].unnest() if isinstance(predicate, exp.In) else predicate.this.unnest()
    if not isinstance(inner, exp.Select) or not is_plain(inner):
        raise Unprovable(f"{'IN' if isinstance(predicate, exp.In) else 'EXISTS'} over more than a simple SELECT")
    if any(has_subquery(each) for each in wanted):
        raise Unprovable("a subquery in the key")
    joined, added = select.copy(), items(inner)
    if {item.alias for item in added} & {item.alias for item in items(select)}:
        raise Unprovable("a subquery that uses a table name of the SELECT around it: give it another alias")
    joined.set("where", None)
    for condition in _where(select):
        if not has_subquery(condition):
            joined.where(condition.copy(), copy=False)
    joined.append("joins", exp.Join(this=added[0].node.copy(), kind="CROSS"))
    for join in inner.args.get("joins") or ():
        joined.append("joins", join.copy())
    for condition in _where(inner):
        joined.where(condition.copy(), copy=False)
    extra: list[exp.Select] = []
    if isinstance(predicate, exp.In):
        value = inner.expressions[0].unalias()
        joined.where(exp.EQ(this=predicate.this.copy(), expression=value.copy()), copy=False)
        if not any(predicate is condition for condition in _where(select)):
            extra = _touched_by_null(select, predicate, inner, leaf, changes, wanted)
    return [*touched(joined, leaf, changes, wanted), *extra]


def _touched_by_null(
    select: exp.Select,
    predicate: exp.In,
    inner: exp.Select,
    leaf: int,
    changes: Changes,
    wanted: Sequence[exp.Expr],
) -> list[exp.Select]:
    """`x NOT IN (…)` also turns on a NULL among the values, for every row, and on there being any, where x is NULL."""
    inside = {item.alias for item in items(inner)}
    if any(not refs(node) <= inside for node in (*_where(inner), *inner.expressions)):
        raise Unprovable("NOT IN over a subquery that refers to its surroundings: write NOT EXISTS")
    every = _Builder(items(select), _where(select), changes, wanted).build(None, None)
    value = exp.alias_(inner.expressions[0].unalias().copy(), "v", quoted=True)
    nulls = exp.select("1").from_(_union_all(touched(inner, leaf, changes, [value])).subquery("_nulls"))
    nulls = nulls.where(exp.Is(this=exp.column("v", table="_nulls", quoted=True), expression=exp.null()))
    builder = _Builder(
        items(select), [*_where(select), exp.Is(this=predicate.this.copy(), expression=exp.null())], changes, wanted
    )
    return [every.where(exp.Exists(this=nulls)), builder.build(None, None)]


def _predicate(select: exp.Select, leaf: int) -> exp.Exists | exp.In:
    """The EXISTS or IN of this SELECT in which a leaf stands."""
    places = [select.args.get("where"), *select.expressions, select.args.get("group")]
    for place in places:
        for found in place.walk() if place is not None else ():
            if isinstance(found, (exp.Exists, exp.In)):
                query = found.args.get("query") if isinstance(found, exp.In) else found.this
                if isinstance(query, exp.Expr) and _holds(query, leaf):
                    return found
    raise Unprovable("a subquery outside of FROM, WHERE … IN and WHERE … EXISTS")


def versions(node: exp.Expr, changes: Changes) -> exp.Expr:
    """A FROM entry with its rows of both states."""
    if is_leaf(node):
        delta = changes.get(table_name(node))
        if delta is None:
            return node.copy()
        plain = exp.select("*").from_(_bare(node))
        return exp.union(plain, _all_of(delta.before), distinct=False).subquery(_quoted(node.alias_or_name))
    if isinstance(node, exp.Subquery) and _is_changed(node, changes):
        names = list(outputs(branches(node.this)[0]))
        parts = [
            _Builder(items(branch), _where(branch), changes, _named(branch, names)).build(None, None)
            for branch in branches(node.this)
        ]
        return _union_all(parts).subquery(_quoted(node.alias))
    return node.copy()


def _changed(item: Item, leaf: int, changes: Changes) -> exp.Query:
    """The rows of a FROM entry that a change of one leaf below it can add or take away."""
    if is_leaf(item.node):
        delta = changes[table_name(item.node)]
        return exp.union(_all_of(delta.before), _all_of(delta.after), distinct=False)
    names = list(outputs(branches(item.node.this)[0]))
    parts: list[exp.Query] = []
    for branch in branches(item.node.this):
        if _holds(branch, leaf):
            parts += touched(branch, leaf, changes, _named(branch, names))
    return _union_all(parts)


@dataclass(frozen=True)
class _Builder:
    """Puts a SELECT together again, with what a scope needs of it."""

    items: Sequence[Item]
    conditions: Sequence[exp.Expr]
    changes: Changes
    wanted: Sequence[exp.Expr]

    def build(self, target: int | None, changed: exp.Query | None, *, unmatched: bool = False) -> exp.Select:
        """`target` is the item that `changed` replaces; `unmatched` asks for its matched rows with its columns NULL."""
        if any(has_subquery(each) and _is_changed(each, self.changes) for each in self.wanted):
            raise Unprovable("a subquery among the columns of a derived table, or in the key")
        kept = self._kept(target)
        select = exp.select(*(each.copy() for each in self.wanted))
        loose: list[exp.Expr] = []
        for place, item in enumerate(self.items):
            if item.alias not in kept:
                continue
            on = [each for each in conjuncts(item.on) if refs(each) <= kept]
            if place == target and changed is not None:
                if unmatched:
                    twin = f"{item.alias}__m"
                    select = _join(
                        select, changed.subquery(_quoted(twin)), [_rename(each, item.alias, twin) for each in on], loose
                    )
                    empty = exp.select("*").from_(changed.copy().subquery("_e")).where(exp.false())
                    select = select.join(
                        empty.subquery(_quoted(item.alias)), on=exp.false(), join_type="left", copy=False
                    )
                else:
                    select = _join(select, changed.subquery(_quoted(item.alias)), on, loose)
            elif item.optional and _is_changed(item.node, self.changes):
                select = _with_and_without(select, item, versions(item.node, self.changes))
            elif item.optional:
                select = select.join(
                    item.node.copy(), on=item.on.copy() if item.on else exp.true(), join_type="left", copy=False
                )
            else:
                select = _join(select, versions(item.node, self.changes), on, loose)
        for condition in (*self.conditions, *loose):
            if not has_subquery(condition) and refs(condition) <= kept:
                select.where(condition.copy(), copy=False)
        return select

    def _kept(self, target: int | None) -> frozenset[str]:
        """The items that are needed: the key's, the target, and what connects them."""
        own = {item.alias for item in self.items}
        needed = {alias for each in self.wanted for alias in refs(each)} & own
        if target is not None:
            needed.add(self.items[target].alias)
        held = [item for place, item in enumerate(self.items) if item.optional and place != target]
        if any(item.on is None or not refs(item.on) - {item.alias} for item in held):
            return frozenset(own)
        kept = frozenset(own)
        for item in reversed(self.items):
            trial = kept - {item.alias}
            leans = any(item.alias in refs(each.on) for each in held if each.alias in trial and each.on is not None)
            reads = any(item.alias in each.lateral for each in self.items if each.alias in trial)
            if item.alias in needed or leans or reads or not trial:
                continue
            if self._parts(trial) <= self._parts(kept):
                kept = trial
        return kept

    def _parts(self, aliases: frozenset[str]) -> int:
        """Into how many unconnected parts the conditions leave these items."""
        edges = [refs(each) for each in self.conditions if not has_subquery(each)]
        for item in self.items:
            if item.alias in aliases:
                edges += [refs(each) | {item.alias} for each in conjuncts(item.on)]
                edges.append(item.lateral | {item.alias})
        groups = [{alias} for alias in aliases]
        for edge in edges:
            if edge <= aliases:
                met = [group for group in groups if group & edge]
                groups = [group for group in groups if not group & edge]
                groups += [set().union(*met)] if met else []
        return len(groups)


def _join(select: exp.Select, node: exp.Expr, on: list[exp.Expr], loose: list[exp.Expr]) -> exp.Select:
    """Inner-join `node`; where it comes first, its conditions wait in `loose` for WHERE."""
    if not select.args.get("from_"):
        loose += on
        return select.from_(node, copy=False)
    if on:
        return select.join(node, on=exp.and_(*(each.copy() for each in on)), copy=False)
    return select.join(node, join_type="cross", copy=False)


def _with_and_without(select: exp.Select, item: Item, node: exp.Expr) -> exp.Select:
    """Left-join an item so that each row stands once with its matches and once with NULL."""
    switch = f"{item.alias}__d"
    both = exp.values([(True,), (False,)], alias=switch, columns=["keep"])
    marked = exp.select("*", exp.alias_(exp.true(), "__k", quoted=True)).from_(_with_alias(node, "_v"))
    on = exp.and_(
        item.on.copy() if item.on else exp.true(),
        exp.EQ(this=exp.column("__k", table=item.alias, quoted=True), expression=exp.column("keep", table=switch)),
    )
    select = select.join(both, join_type="cross", copy=False)
    return select.join(marked.subquery(_quoted(item.alias)), on=on, join_type="left", copy=False)


def _with_alias(node: exp.Expr, alias: str) -> exp.Expr:
    node = node.copy()
    node.set("alias", exp.TableAlias(this=_quoted(alias)))
    return node


def _where(select: exp.Select) -> list[exp.Expr]:
    where = select.args.get("where")
    return list(conjuncts(where.this)) if where is not None else []


def _holds(node: exp.Expr, leaf: int) -> bool:
    return any(each.meta.get("leaf") == leaf for each in leaves(node))


def _is_changed(node: exp.Expr, changes: Changes) -> bool:
    return any(table_name(each) in changes for each in leaves(node))


def _named(select: exp.Select, names: Iterable[str]) -> list[exp.Expr]:
    return [
        exp.alias_(each.unalias().copy(), name, quoted=True)
        for each, name in zip(select.expressions, names, strict=True)
    ]


def _rename(node: exp.Expr, old: str, new: str) -> exp.Expr:
    node = node.copy()
    for column in node.find_all(exp.Column):
        if column.table == old:
            column.set("table", _quoted(new))
    return node


def _bare(table: exp.Expr) -> exp.Table:
    return named_table(table_name(table))


def _all_of(name: str) -> exp.Select:
    return exp.select("*").from_(named_table(name))


def _quoted(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _union_all(parts: Sequence[exp.Query]) -> exp.Query:
    return exp.union(*parts, distinct=False, copy=False) if len(parts) > 1 else parts[0]

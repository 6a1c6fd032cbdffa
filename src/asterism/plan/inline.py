"""CTEs become derived tables, one for each place that names them."""

from __future__ import annotations

from sqlglot import exp


def inline(query: exp.Query) -> exp.Query:
    """Answer a qualified query without WITH; a recursive one is left as it is."""
    holder = exp.Subquery(this=query)
    for select in list(holder.find_all(exp.Query)):
        with_ = select.args.get("with_")
        if with_ is None or with_.recursive:
            continue
        ctes: dict[str, exp.Query] = {}
        for cte in with_.expressions:
            body = cte.this.copy()
            body = _replace(body, ctes)
            ctes[cte.alias] = body
        select.set("with_", None)
        _replace(select, ctes)
    result: exp.Query = holder.this
    result.pop()
    return result


def _replace(query: exp.Query, ctes: dict[str, exp.Query]) -> exp.Query:
    for table in list(query.find_all(exp.Table)):
        if (
            not table.db
            and isinstance(table.this, exp.Identifier)
            and table.name in ctes
            and not table.meta.get("stored")
        ):
            alias = table.alias_or_name
            derived = exp.Subquery(
                this=ctes[table.name].copy(), alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
            )
            table.replace(derived)
    return query

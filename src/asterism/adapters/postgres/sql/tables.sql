-- The tables of the schema $1, one row a column: partitioned tables without their partitions, no views.
-- $2 is the column that writers are meant to keep current.
with recursive tables as (
    select c.oid, c.relname, c.relkind
    from pg_class c
    where c.relnamespace = (select n.oid from pg_namespace n where n.nspname = $1)
      and c.relkind in ('r', 'p')
      and not c.relispartition
),
-- Where a table's rows are stored: itself, or the leaves of its partitions.
leaves as (
    select t.oid, c.oid as leaf, c.relfilenode, c.relkind, c.reltuples
    from tables t
    cross join lateral (
        select t.oid as relid where t.relkind = 'r'
        union all
        select p.relid::oid from pg_partition_tree(t.oid) p where t.relkind = 'p' and p.isleaf
    ) l
    join pg_class c on c.oid = l.relid
),
-- A new file means rows that came or went without a trace in xmin: TRUNCATE, ATTACH PARTITION, a rewriting ALTER.
storage as (
    select
        oid,
        md5(string_agg(leaf || ':' || relfilenode, ',' order by leaf)) as files,
        sum(case when reltuples >= 0 then reltuples else pg_relation_size(leaf) / 64 end)::bigint as estimate,
        bool_or(relkind = 'f') as is_foreign
    from leaves
    group by oid
),
-- The key: the primary key, else the unique index over columns that are NOT NULL that identifies a row best.
keys as (
    select distinct on (i.indrelid) i.indrelid as oid, k.columns
    from tables t
    join pg_index i on i.indrelid = t.oid
    cross join lateral (
        select
            array_agg(a.attname::text order by u.place) as columns,
            bool_and(a.attnotnull) as all_there
        from unnest(i.indkey::int2[]) with ordinality u (attnum, place)
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.attnum and u.attnum > 0
        where u.place <= i.indnkeyatts
    ) k
    where i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
      and (i.indisprimary or (i.indimmediate and k.all_there))
    order by i.indrelid, i.indisprimary desc, i.indisreplident desc, i.indnkeyatts, i.indexrelid
),
-- A domain is its base type.
types as (
    select a.attrelid, a.attnum, a.atttypid as typid, a.atttypmod as typmod, a.attndims::int as ndims
    from pg_attribute a
    join tables t on t.oid = a.attrelid
    where a.attnum > 0 and not a.attisdropped
    union all
    select b.attrelid, b.attnum, y.typbasetype, y.typtypmod, greatest(b.ndims, y.typndims)
    from types b
    join pg_type y on y.oid = b.typid
    where y.typtype = 'd'
)
select
    t.oid::bigint as oid,
    t.relname::text as name,
    t.relkind = 'p' as partitioned,
    coalesce(s.is_foreign, false) as is_foreign,
    has_table_privilege(t.oid, 'select') as allowed,
    coalesce(s.files, '') as files,
    coalesce(s.estimate, 0) as estimate,
    k.columns as key,
    exists (
        select from pg_index i
        join pg_class x on x.oid = i.indexrelid
        join pg_am m on m.oid = x.relam
        join pg_attribute c on c.attrelid = t.oid and c.attnum = i.indkey[0] and c.attname = $2
        where i.indrelid = t.oid and i.indisvalid and i.indpred is null and m.amname in ('btree', 'brin')
    ) as changed_at_indexed,
    a.attnum::int as number,
    a.attname::text as column,
    a.attnotnull as not_null,
    format_type(a.atttypid, a.atttypmod) as declared,
    b.typid::bigint as typid,
    case when y.typnamespace = 'pg_catalog'::regnamespace then y.typname::text end as type,
    y.typtype::text as kind,
    b.typmod as typmod,
    b.ndims as ndims,
    case when y.typcategory = 'A' and e.typnamespace = 'pg_catalog'::regnamespace then e.typname::text end as element,
    case when y.typcategory = 'A' then e.typtype::text end as element_kind,
    case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end as generated,
    -- A label that is renamed changes rows without touching them.
    (
        select array_agg(l.oid || '=' || l.enumlabel order by l.oid)
        from pg_enum l
        where l.enumtypid in (b.typid, y.typelem)
    ) as labels,
    coalesce(col_description(t.oid, a.attnum), '') as comment
from tables t
left join storage s on s.oid = t.oid
left join keys k on k.oid = t.oid
left join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
left join types b on b.attrelid = a.attrelid and b.attnum = a.attnum
    and not exists (select from pg_type z where z.oid = b.typid and z.typtype = 'd')
left join pg_type y on y.oid = b.typid
left join pg_type e on e.oid = y.typelem and y.typcategory = 'A'
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
order by t.relname, a.attnum

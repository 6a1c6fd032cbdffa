-- A CTE that aggregates becomes a table of its own.
-- key: id
with totals as (select customer, sum(amount) as spent from shop.orders group by customer)
select c.id, c.name, coalesce(t.spent, 0) as spent from shop.customers c left join totals t on t.customer = c.id

-- ---- what is made of it

-- _asterism.hidden_cte__t_1 (key customer): incremental, by customer

-- all of it: duckdb
SELECT
  "orders"."customer" AS "customer",
  SUM("orders"."amount") AS "spent"
FROM "shop"."orders" AS "orders"
GROUP BY
  "orders"."customer";

-- all of it: postgres
SELECT
  "orders"."customer" AS "customer",
  SUM("orders"."amount") AS "spent"
FROM "shop"."orders" AS "orders"
GROUP BY
  "orders"."customer";

-- all of it: redshift
SELECT
  "orders"."customer" AS "customer",
  SUM("orders"."amount") AS "spent"
FROM "shop"."orders" AS "orders"
GROUP BY
  "orders"."customer";

-- all of it: bigquery
SELECT
  `orders`.`customer` AS `customer`,
  SUM(`orders`.`amount`) AS `spent`
FROM `shop__orders` AS `orders`
GROUP BY
  `orders`.`customer`;

-- the keys that a change of shop.orders can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "orders"."customer" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "orders"
) AS "_scope";

-- the keys that a change of shop.orders can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "orders"."customer" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "orders"
) AS "_scope";

-- the keys that a change of shop.orders can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "orders"."customer" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "orders"
) AS "_scope";

-- the keys that a change of shop.orders can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `orders`.`customer` AS `s0`
  FROM (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `orders`
) AS `_scope`;

-- the rows of those keys (the first of them may be NULL): duckdb
SELECT
  "orders"."customer" AS "customer",
  SUM("orders"."amount") AS "spent"
FROM (
  SELECT
    "orders".*
  FROM "shop"."orders" AS "orders"
  JOIN "scope" AS "_s"
    ON (
      "orders"."customer"
    ) IS NOT DISTINCT FROM (
      "_s"."s0"
    )
) AS "orders"
GROUP BY
  "orders"."customer";

-- the rows of those keys (the first of them may be NULL): postgres
SELECT
  "orders"."customer" AS "customer",
  SUM("orders"."amount") AS "spent"
FROM (
  SELECT
    "orders".*
  FROM "shop"."orders" AS "orders"
  JOIN "scope" AS "_s"
    ON JSONB_BUILD_ARRAY("orders"."customer") = JSONB_BUILD_ARRAY("_s"."s0")
) AS "orders"
GROUP BY
  "orders"."customer";

-- the rows of those keys (the first of them may be NULL): redshift
SELECT
  "orders"."customer" AS "customer",
  SUM("orders"."amount") AS "spent"
FROM (
  SELECT
    "orders".*
  FROM "shop"."orders" AS "orders"
  JOIN "scope" AS "_s"
    ON (
      COALESCE(CAST("orders"."customer" AS VARCHAR(65535)), '') = COALESCE(CAST("_s"."s0" AS VARCHAR(65535)), '')
      AND CASE WHEN "orders"."customer" IS NULL THEN 1 ELSE 0 END = CASE WHEN "_s"."s0" IS NULL THEN 1 ELSE 0 END
    )
) AS "orders"
GROUP BY
  "orders"."customer";

-- the rows of those keys (the first of them may be NULL): bigquery
SELECT
  `orders`.`customer` AS `customer`,
  SUM(`orders`.`amount`) AS `spent`
FROM (
  SELECT
    `orders`.*
  FROM `shop__orders` AS `orders`
  JOIN `scope` AS `_s`
    ON (
      TO_JSON_STRING(`orders`.`customer`) = TO_JSON_STRING(`_s`.`s0`)
    )
) AS `orders`
GROUP BY
  `orders`.`customer`;

-- hidden_cte (key id): incremental, by id

-- all of it: duckdb
SELECT
  "c"."id" AS "id",
  "c"."name" AS "name",
  COALESCE("t"."spent", 0) AS "spent"
FROM "shop"."customers" AS "c"
LEFT JOIN "_asterism"."hidden_cte__t_1" AS "t"
  ON "t"."customer" = "c"."id";

-- all of it: postgres
SELECT
  "c"."id" AS "id",
  "c"."name" AS "name",
  COALESCE("t"."spent", 0) AS "spent"
FROM "shop"."customers" AS "c"
LEFT JOIN "_asterism"."hidden_cte__t_1" AS "t"
  ON "t"."customer" = "c"."id";

-- all of it: redshift
SELECT
  "c"."id" AS "id",
  "c"."name" AS "name",
  COALESCE("t"."spent", 0) AS "spent"
FROM "shop"."customers" AS "c"
LEFT JOIN "_asterism"."hidden_cte__t_1" AS "t"
  ON "t"."customer" = "c"."id";

-- all of it: bigquery
SELECT
  `c`.`id` AS `id`,
  `c`.`name` AS `name`,
  COALESCE(`t`.`spent`, 0) AS `spent`
FROM `shop__customers` AS `c`
LEFT JOIN `_asterism__hidden_cte__t_1` AS `t`
  ON `t`.`customer` = `c`.`id`;

-- the keys that a change of _asterism.hidden_cte__t_1 can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "t"
    ON "t"."customer" = "c"."id"
) AS "_scope";

-- the keys that a change of _asterism.hidden_cte__t_1 can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "t"
    ON "t"."customer" = "c"."id"
) AS "_scope";

-- the keys that a change of _asterism.hidden_cte__t_1 can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "t"
    ON "t"."customer" = "c"."id"
) AS "_scope";

-- the keys that a change of _asterism.hidden_cte__t_1 can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `c`.`id` AS `s0`
  FROM `shop__customers` AS `c`
  JOIN (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `t`
    ON `t`.`customer` = `c`.`id`
) AS `_scope`;

-- the keys that a change of shop.customers can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."id" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c"
) AS "_scope";

-- the keys that a change of shop.customers can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."id" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c"
) AS "_scope";

-- the keys that a change of shop.customers can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."id" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c"
) AS "_scope";

-- the keys that a change of shop.customers can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `c`.`id` AS `s0`
  FROM (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `c`
) AS `_scope`;

-- the rows of those keys (the first of them may be NULL): duckdb
SELECT
  "c"."id" AS "id",
  "c"."name" AS "name",
  COALESCE("t"."spent", 0) AS "spent"
FROM (
  SELECT
    "c".*
  FROM "shop"."customers" AS "c"
  JOIN "scope" AS "_s"
    ON (
      "c"."id"
    ) IS NOT DISTINCT FROM (
      "_s"."s0"
    )
) AS "c"
LEFT JOIN "_asterism"."hidden_cte__t_1" AS "t"
  ON "t"."customer" = "c"."id";

-- the rows of those keys (the first of them may be NULL): postgres
SELECT
  "c"."id" AS "id",
  "c"."name" AS "name",
  COALESCE("t"."spent", 0) AS "spent"
FROM (
  SELECT
    "c".*
  FROM "shop"."customers" AS "c"
  JOIN "scope" AS "_s"
    ON JSONB_BUILD_ARRAY("c"."id") = JSONB_BUILD_ARRAY("_s"."s0")
) AS "c"
LEFT JOIN "_asterism"."hidden_cte__t_1" AS "t"
  ON "t"."customer" = "c"."id";

-- the rows of those keys (the first of them may be NULL): redshift
SELECT
  "c"."id" AS "id",
  "c"."name" AS "name",
  COALESCE("t"."spent", 0) AS "spent"
FROM (
  SELECT
    "c".*
  FROM "shop"."customers" AS "c"
  JOIN "scope" AS "_s"
    ON (
      COALESCE(CAST("c"."id" AS VARCHAR(65535)), '') = COALESCE(CAST("_s"."s0" AS VARCHAR(65535)), '')
      AND CASE WHEN "c"."id" IS NULL THEN 1 ELSE 0 END = CASE WHEN "_s"."s0" IS NULL THEN 1 ELSE 0 END
    )
) AS "c"
LEFT JOIN "_asterism"."hidden_cte__t_1" AS "t"
  ON "t"."customer" = "c"."id";

-- the rows of those keys (the first of them may be NULL): bigquery
SELECT
  `c`.`id` AS `id`,
  `c`.`name` AS `name`,
  COALESCE(`t`.`spent`, 0) AS `spent`
FROM (
  SELECT
    `c`.*
  FROM `shop__customers` AS `c`
  JOIN `scope` AS `_s`
    ON (
      TO_JSON_STRING(`c`.`id`) = TO_JSON_STRING(`_s`.`s0`)
    )
) AS `c`
LEFT JOIN `_asterism__hidden_cte__t_1` AS `t`
  ON `t`.`customer` = `c`.`id`;

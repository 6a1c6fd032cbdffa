-- A dimension with an optional side.
-- key: id
select o.id, o.amount, c.name from shop.orders o left join shop.customers c on c.id = o.customer

-- ---- what is made of it

-- left_join (key id): incremental, by id

-- all of it: duckdb
/* A dimension with an optional side. */
/* key: id */
SELECT
  "o"."id" AS "id",
  "o"."amount" AS "amount",
  "c"."name" AS "name"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer";

-- all of it: postgres
/* A dimension with an optional side. */
/* key: id */
SELECT
  "o"."id" AS "id",
  "o"."amount" AS "amount",
  "c"."name" AS "name"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer";

-- all of it: redshift
/* A dimension with an optional side. */
/* key: id */
SELECT
  "o"."id" AS "id",
  "o"."amount" AS "amount",
  "c"."name" AS "name"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer";

-- all of it: bigquery
/* A dimension with an optional side. */
/* key: id */
SELECT
  `o`.`id` AS `id`,
  `o`.`amount` AS `amount`,
  `c`.`name` AS `name`
FROM `shop__orders` AS `o`
LEFT JOIN `shop__customers` AS `c`
  ON `c`.`id` = `o`.`customer`;

-- the keys that a change of shop.customers can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "o"."id" AS "s0"
  FROM "shop"."orders" AS "o"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c"
    ON "c"."id" = "o"."customer"
) AS "_scope";

-- the keys that a change of shop.customers can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "o"."id" AS "s0"
  FROM "shop"."orders" AS "o"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c"
    ON "c"."id" = "o"."customer"
) AS "_scope";

-- the keys that a change of shop.customers can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "o"."id" AS "s0"
  FROM "shop"."orders" AS "o"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c"
    ON "c"."id" = "o"."customer"
) AS "_scope";

-- the keys that a change of shop.customers can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `o`.`id` AS `s0`
  FROM `shop__orders` AS `o`
  JOIN (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `c`
    ON `c`.`id` = `o`.`customer`
) AS `_scope`;

-- the keys that a change of shop.orders can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "o"."id" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "o"
) AS "_scope";

-- the keys that a change of shop.orders can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "o"."id" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "o"
) AS "_scope";

-- the keys that a change of shop.orders can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "o"."id" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "o"
) AS "_scope";

-- the keys that a change of shop.orders can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `o`.`id` AS `s0`
  FROM (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `o`
) AS `_scope`;

-- the rows of those keys (the first of them may be NULL): duckdb
/* A dimension with an optional side. */
/* key: id */
SELECT
  "o"."id" AS "id",
  "o"."amount" AS "amount",
  "c"."name" AS "name"
FROM (
  SELECT
    "o".*
  FROM "shop"."orders" AS "o"
  JOIN "scope" AS "_s"
    ON (
      "o"."id"
    ) IS NOT DISTINCT FROM (
      "_s"."s0"
    )
) AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer";

-- the rows of those keys (the first of them may be NULL): postgres
/* A dimension with an optional side. */
/* key: id */
SELECT
  "o"."id" AS "id",
  "o"."amount" AS "amount",
  "c"."name" AS "name"
FROM (
  SELECT
    "o".*
  FROM "shop"."orders" AS "o"
  JOIN "scope" AS "_s"
    ON JSONB_BUILD_ARRAY("o"."id") = JSONB_BUILD_ARRAY("_s"."s0")
) AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer";

-- the rows of those keys (the first of them may be NULL): redshift
/* A dimension with an optional side. */
/* key: id */
SELECT
  "o"."id" AS "id",
  "o"."amount" AS "amount",
  "c"."name" AS "name"
FROM (
  SELECT
    "o".*
  FROM "shop"."orders" AS "o"
  JOIN "scope" AS "_s"
    ON (
      COALESCE(CAST("o"."id" AS VARCHAR(65535)), '') = COALESCE(CAST("_s"."s0" AS VARCHAR(65535)), '')
      AND CASE WHEN "o"."id" IS NULL THEN 1 ELSE 0 END = CASE WHEN "_s"."s0" IS NULL THEN 1 ELSE 0 END
    )
) AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer";

-- the rows of those keys (the first of them may be NULL): bigquery
/* A dimension with an optional side. */
/* key: id */
SELECT
  `o`.`id` AS `id`,
  `o`.`amount` AS `amount`,
  `c`.`name` AS `name`
FROM (
  SELECT
    `o`.*
  FROM `shop__orders` AS `o`
  JOIN `scope` AS `_s`
    ON (
      TO_JSON_STRING(`o`.`id`) = TO_JSON_STRING(`_s`.`s0`)
    )
) AS `o`
LEFT JOIN `shop__customers` AS `c`
  ON `c`.`id` = `o`.`customer`;

-- The latest order of each customer; ties are broken by the key.
-- key: id
select id, customer, placed, row_number() over (partition by customer order by placed desc) as place
from shop.orders
qualify place = 1

-- ---- what is made of it

-- window (key id): incremental, by customer

-- all of it: duckdb
/* The latest order of each customer; ties are broken by the key. */
/* key: id */
SELECT
  "orders"."id" AS "id",
  "orders"."customer" AS "customer",
  "orders"."placed" AS "placed",
  ROW_NUMBER() OVER (PARTITION BY "orders"."customer" ORDER BY "orders"."placed" DESC, "orders"."id") AS "place"
FROM "shop"."orders" AS "orders"
QUALIFY
  ROW_NUMBER() OVER (PARTITION BY "orders"."customer" ORDER BY "orders"."placed" DESC, "orders"."id") = 1;

-- all of it: postgres
SELECT
  "_q"."id",
  "_q"."customer",
  "_q"."placed",
  "_q"."place"
FROM (
  /* The latest order of each customer; ties are broken by the key. */
  /* key: id */
  SELECT
    "orders"."id" AS "id",
    "orders"."customer" AS "customer",
    "orders"."placed" AS "placed",
    ROW_NUMBER() OVER (
      PARTITION BY "orders"."customer"
      ORDER BY "orders"."placed" DESC NULLS LAST, "orders"."id"
    ) AS "place",
    ROW_NUMBER() OVER (
      PARTITION BY "orders"."customer"
      ORDER BY "orders"."placed" DESC NULLS LAST, "orders"."id"
    ) AS "_q4"
  FROM "shop"."orders" AS "orders"
) AS "_q"
WHERE
  "_q"."_q4" = 1;

-- all of it: redshift
SELECT
  "_q"."id",
  "_q"."customer",
  "_q"."placed",
  "_q"."place"
FROM (
  /* The latest order of each customer; ties are broken by the key. */
  /* key: id */
  SELECT
    "orders"."id" AS "id",
    "orders"."customer" AS "customer",
    "orders"."placed" AS "placed",
    ROW_NUMBER() OVER (
      PARTITION BY "orders"."customer"
      ORDER BY "orders"."placed" DESC NULLS LAST, "orders"."id"
    ) AS "place",
    ROW_NUMBER() OVER (
      PARTITION BY "orders"."customer"
      ORDER BY "orders"."placed" DESC NULLS LAST, "orders"."id"
    ) AS "_q4"
  FROM "shop"."orders" AS "orders"
) AS "_q"
WHERE
  "_q"."_q4" = 1;

-- all of it: bigquery
/* The latest order of each customer; ties are broken by the key. */
/* key: id */
SELECT
  `orders`.`id` AS `id`,
  `orders`.`customer` AS `customer`,
  `orders`.`placed` AS `placed`,
  ROW_NUMBER() OVER (
    PARTITION BY `orders`.`customer`
    ORDER BY `orders`.`placed` DESC, `orders`.`id` IS NULL, `orders`.`id`
  ) AS `place`
FROM `shop__orders` AS `orders`
WHERE
  TRUE
QUALIFY
  ROW_NUMBER() OVER (
    PARTITION BY `orders`.`customer`
    ORDER BY `orders`.`placed` DESC, `orders`.`id` IS NULL, `orders`.`id`
  ) = 1;

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
/* The latest order of each customer; ties are broken by the key. */
/* key: id */
SELECT
  "orders"."id" AS "id",
  "orders"."customer" AS "customer",
  "orders"."placed" AS "placed",
  ROW_NUMBER() OVER (PARTITION BY "orders"."customer" ORDER BY "orders"."placed" DESC, "orders"."id") AS "place"
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
QUALIFY
  ROW_NUMBER() OVER (PARTITION BY "orders"."customer" ORDER BY "orders"."placed" DESC, "orders"."id") = 1;

-- the rows of those keys (the first of them may be NULL): postgres
SELECT
  "_q"."id",
  "_q"."customer",
  "_q"."placed",
  "_q"."place"
FROM (
  /* The latest order of each customer; ties are broken by the key. */
  /* key: id */
  SELECT
    "orders"."id" AS "id",
    "orders"."customer" AS "customer",
    "orders"."placed" AS "placed",
    ROW_NUMBER() OVER (
      PARTITION BY "orders"."customer"
      ORDER BY "orders"."placed" DESC NULLS LAST, "orders"."id"
    ) AS "place",
    ROW_NUMBER() OVER (
      PARTITION BY "orders"."customer"
      ORDER BY "orders"."placed" DESC NULLS LAST, "orders"."id"
    ) AS "_q4"
  FROM (
    SELECT
      "orders".*
    FROM "shop"."orders" AS "orders"
    JOIN "scope" AS "_s"
      ON JSONB_BUILD_ARRAY("orders"."customer") = JSONB_BUILD_ARRAY("_s"."s0")
  ) AS "orders"
) AS "_q"
WHERE
  "_q"."_q4" = 1;

-- the rows of those keys (the first of them may be NULL): redshift
SELECT
  "_q"."id",
  "_q"."customer",
  "_q"."placed",
  "_q"."place"
FROM (
  /* The latest order of each customer; ties are broken by the key. */
  /* key: id */
  SELECT
    "orders"."id" AS "id",
    "orders"."customer" AS "customer",
    "orders"."placed" AS "placed",
    ROW_NUMBER() OVER (
      PARTITION BY "orders"."customer"
      ORDER BY "orders"."placed" DESC NULLS LAST, "orders"."id"
    ) AS "place",
    ROW_NUMBER() OVER (
      PARTITION BY "orders"."customer"
      ORDER BY "orders"."placed" DESC NULLS LAST, "orders"."id"
    ) AS "_q4"
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
) AS "_q"
WHERE
  "_q"."_q4" = 1;

-- the rows of those keys (the first of them may be NULL): bigquery
/* The latest order of each customer; ties are broken by the key. */
/* key: id */
SELECT
  `orders`.`id` AS `id`,
  `orders`.`customer` AS `customer`,
  `orders`.`placed` AS `placed`,
  ROW_NUMBER() OVER (
    PARTITION BY `orders`.`customer`
    ORDER BY `orders`.`placed` DESC, `orders`.`id` IS NULL, `orders`.`id`
  ) AS `place`
FROM (
  SELECT
    `orders`.*
  FROM `shop__orders` AS `orders`
  JOIN `scope` AS `_s`
    ON (
      TO_JSON_STRING(`orders`.`customer`) = TO_JSON_STRING(`_s`.`s0`)
    )
) AS `orders`
WHERE
  TRUE
QUALIFY
  ROW_NUMBER() OVER (
    PARTITION BY `orders`.`customer`
    ORDER BY `orders`.`placed` DESC, `orders`.`id` IS NULL, `orders`.`id`
  ) = 1;

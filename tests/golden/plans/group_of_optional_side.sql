-- A group by the optional side: gaining a match takes a row out of the group of the unmatched.
-- key: country
select c.country, sum(o.amount) as amount, count(*) as orders
from shop.orders o left join shop.customers c on c.id = o.customer
where o.state <> 'void'
group by all
having count(*) > 1

-- ---- what is made of it

-- group_of_optional_side (key country): incremental, by country

-- all of it: duckdb
/* A group by the optional side: gaining a match takes a row out of the group of the unmatched. */
/* key: country */
SELECT
  "c"."country" AS "country",
  SUM("o"."amount") AS "amount",
  COUNT(*) AS "orders"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer"
WHERE
  "o"."state" <> 'void'
GROUP BY
  "c"."country"
HAVING
  COUNT(*) > 1;

-- all of it: postgres
/* A group by the optional side: gaining a match takes a row out of the group of the unmatched. */
/* key: country */
SELECT
  "c"."country" AS "country",
  SUM("o"."amount") AS "amount",
  COUNT(*) AS "orders"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer"
WHERE
  "o"."state" <> 'void'
GROUP BY
  "c"."country"
HAVING
  COUNT(*) > 1;

-- all of it: redshift
/* A group by the optional side: gaining a match takes a row out of the group of the unmatched. */
/* key: country */
SELECT
  "c"."country" AS "country",
  SUM("o"."amount") AS "amount",
  COUNT(*) AS "orders"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer"
WHERE
  "o"."state" <> 'void'
GROUP BY
  "c"."country"
HAVING
  COUNT(*) > 1;

-- all of it: bigquery
/* A group by the optional side: gaining a match takes a row out of the group of the unmatched. */
/* key: country */
SELECT
  `c`.`country` AS `country`,
  SUM(`o`.`amount`) AS `amount`,
  COUNT(*) AS `orders`
FROM `shop__orders` AS `o`
LEFT JOIN `shop__customers` AS `c`
  ON `c`.`id` = `o`.`customer`
WHERE
  `o`.`state` <> 'void'
GROUP BY
  `c`.`country`
HAVING
  COUNT(*) > 1;

-- the keys that a change of shop.customers can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."country" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c"
  UNION ALL
  SELECT
    "c"."country" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c__m"
  LEFT JOIN (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM "before"
      UNION ALL
      SELECT
        *
      FROM "after"
    ) AS "_e"
    WHERE
      FALSE
  ) AS "c"
    ON FALSE
) AS "_scope";

-- the keys that a change of shop.customers can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."country" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c"
  UNION ALL
  SELECT
    "c"."country" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c__m"
  LEFT JOIN (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM "before"
      UNION ALL
      SELECT
        *
      FROM "after"
    ) AS "_e"
    WHERE
      FALSE
  ) AS "c"
    ON FALSE
) AS "_scope";

-- the keys that a change of shop.customers can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."country" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c"
  UNION ALL
  SELECT
    "c"."country" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c__m"
  LEFT JOIN (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM "before"
      UNION ALL
      SELECT
        *
      FROM "after"
    ) AS "_e"
    WHERE
      FALSE
  ) AS "c"
    ON FALSE
) AS "_scope";

-- the keys that a change of shop.customers can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `c`.`country` AS `s0`
  FROM (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `c`
  UNION ALL
  SELECT
    `c`.`country` AS `s0`
  FROM (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `c__m`
  LEFT JOIN (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM `before`
      UNION ALL
      SELECT
        *
      FROM `after`
    ) AS `_e`
    WHERE
      FALSE
  ) AS `c`
    ON FALSE
) AS `_scope`;

-- the keys that a change of shop.orders can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."country" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "o"
  LEFT JOIN "shop"."customers" AS "c"
    ON "c"."id" = "o"."customer"
  WHERE
    "o"."state" <> 'void'
) AS "_scope";

-- the keys that a change of shop.orders can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."country" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "o"
  LEFT JOIN "shop"."customers" AS "c"
    ON "c"."id" = "o"."customer"
  WHERE
    "o"."state" <> 'void'
) AS "_scope";

-- the keys that a change of shop.orders can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."country" AS "s0"
  FROM (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "o"
  LEFT JOIN "shop"."customers" AS "c"
    ON "c"."id" = "o"."customer"
  WHERE
    "o"."state" <> 'void'
) AS "_scope";

-- the keys that a change of shop.orders can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `c`.`country` AS `s0`
  FROM (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `o`
  LEFT JOIN `shop__customers` AS `c`
    ON `c`.`id` = `o`.`customer`
  WHERE
    `o`.`state` <> 'void'
) AS `_scope`;

-- the rows of those keys (the first of them may be NULL): duckdb
/* A group by the optional side: gaining a match takes a row out of the group of the unmatched. */
/* key: country */
SELECT
  "c"."country" AS "country",
  SUM("o"."amount") AS "amount",
  COUNT(*) AS "orders"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer"
JOIN "scope" AS "_s"
  ON (
    "c"."country"
  ) IS NOT DISTINCT FROM (
    "_s"."s0"
  )
WHERE
  "o"."state" <> 'void'
GROUP BY
  "c"."country"
HAVING
  COUNT(*) > 1;

-- the rows of those keys (the first of them may be NULL): postgres
/* A group by the optional side: gaining a match takes a row out of the group of the unmatched. */
/* key: country */
SELECT
  "c"."country" AS "country",
  SUM("o"."amount") AS "amount",
  COUNT(*) AS "orders"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer"
JOIN "scope" AS "_s"
  ON JSONB_BUILD_ARRAY("c"."country") = JSONB_BUILD_ARRAY("_s"."s0")
WHERE
  "o"."state" <> 'void'
GROUP BY
  "c"."country"
HAVING
  COUNT(*) > 1;

-- the rows of those keys (the first of them may be NULL): redshift
/* A group by the optional side: gaining a match takes a row out of the group of the unmatched. */
/* key: country */
SELECT
  "c"."country" AS "country",
  SUM("o"."amount") AS "amount",
  COUNT(*) AS "orders"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer"
JOIN "scope" AS "_s"
  ON (
    COALESCE(CAST("c"."country" AS VARCHAR(65535)), '') = COALESCE(CAST("_s"."s0" AS VARCHAR(65535)), '')
    AND CASE WHEN "c"."country" IS NULL THEN 1 ELSE 0 END = CASE WHEN "_s"."s0" IS NULL THEN 1 ELSE 0 END
  )
WHERE
  "o"."state" <> 'void'
GROUP BY
  "c"."country"
HAVING
  COUNT(*) > 1;

-- the rows of those keys (the first of them may be NULL): bigquery
/* A group by the optional side: gaining a match takes a row out of the group of the unmatched. */
/* key: country */
SELECT
  `c`.`country` AS `country`,
  SUM(`o`.`amount`) AS `amount`,
  COUNT(*) AS `orders`
FROM `shop__orders` AS `o`
LEFT JOIN `shop__customers` AS `c`
  ON `c`.`id` = `o`.`customer`
JOIN `scope` AS `_s`
  ON (
    TO_JSON_STRING(`c`.`country`) = TO_JSON_STRING(`_s`.`s0`)
  )
WHERE
  `o`.`state` <> 'void'
GROUP BY
  `c`.`country`
HAVING
  COUNT(*) > 1;

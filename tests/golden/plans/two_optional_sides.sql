-- Two optional sides in the key.
-- key: name, refund
select c.name, r.amount as refund, count(*) as n
from shop.orders o left join shop.customers c on c.id = o.customer left join shop.refunds r on r.order_id = o.id
group by c.name, r.amount

-- ---- what is made of it

-- two_optional_sides (key name, refund): incremental, by name, refund

-- all of it: duckdb
/* Two optional sides in the key. */
/* key: name, refund */
SELECT
  "c"."name" AS "name",
  "r"."amount" AS "refund",
  COUNT(*) AS "n"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer"
LEFT JOIN "shop"."refunds" AS "r"
  ON "r"."order_id" = "o"."id"
GROUP BY
  "c"."name",
  "r"."amount";

-- all of it: postgres
/* Two optional sides in the key. */
/* key: name, refund */
SELECT
  "c"."name" AS "name",
  "r"."amount" AS "refund",
  COUNT(*) AS "n"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer"
LEFT JOIN "shop"."refunds" AS "r"
  ON "r"."order_id" = "o"."id"
GROUP BY
  "c"."name",
  "r"."amount";

-- all of it: redshift
/* Two optional sides in the key. */
/* key: name, refund */
SELECT
  "c"."name" AS "name",
  "r"."amount" AS "refund",
  COUNT(*) AS "n"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer"
LEFT JOIN "shop"."refunds" AS "r"
  ON "r"."order_id" = "o"."id"
GROUP BY
  "c"."name",
  "r"."amount";

-- all of it: bigquery
/* Two optional sides in the key. */
/* key: name, refund */
SELECT
  `c`.`name` AS `name`,
  `r`.`amount` AS `refund`,
  COUNT(*) AS `n`
FROM `shop__orders` AS `o`
LEFT JOIN `shop__customers` AS `c`
  ON `c`.`id` = `o`.`customer`
LEFT JOIN `shop__refunds` AS `r`
  ON `r`.`order_id` = `o`.`id`
GROUP BY
  `c`.`name`,
  `r`.`amount`;

-- the keys that a change of shop.customers can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
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
  LEFT JOIN "shop"."refunds" AS "r"
    ON "r"."order_id" = "o"."id"
  UNION ALL
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
  FROM "shop"."orders" AS "o"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c__m"
    ON "c__m"."id" = "o"."customer"
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
  LEFT JOIN "shop"."refunds" AS "r"
    ON "r"."order_id" = "o"."id"
) AS "_scope";

-- the keys that a change of shop.customers can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
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
  LEFT JOIN "shop"."refunds" AS "r"
    ON "r"."order_id" = "o"."id"
  UNION ALL
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
  FROM "shop"."orders" AS "o"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c__m"
    ON "c__m"."id" = "o"."customer"
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
  LEFT JOIN "shop"."refunds" AS "r"
    ON "r"."order_id" = "o"."id"
) AS "_scope";

-- the keys that a change of shop.customers can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
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
  LEFT JOIN "shop"."refunds" AS "r"
    ON "r"."order_id" = "o"."id"
  UNION ALL
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
  FROM "shop"."orders" AS "o"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "c__m"
    ON "c__m"."id" = "o"."customer"
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
  LEFT JOIN "shop"."refunds" AS "r"
    ON "r"."order_id" = "o"."id"
) AS "_scope";

-- the keys that a change of shop.customers can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `c`.`name` AS `s0`,
    `r`.`amount` AS `s1`
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
  LEFT JOIN `shop__refunds` AS `r`
    ON `r`.`order_id` = `o`.`id`
  UNION ALL
  SELECT
    `c`.`name` AS `s0`,
    `r`.`amount` AS `s1`
  FROM `shop__orders` AS `o`
  JOIN (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `c__m`
    ON `c__m`.`id` = `o`.`customer`
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
  LEFT JOIN `shop__refunds` AS `r`
    ON `r`.`order_id` = `o`.`id`
) AS `_scope`;

-- the keys that a change of shop.orders can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
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
  LEFT JOIN "shop"."refunds" AS "r"
    ON "r"."order_id" = "o"."id"
) AS "_scope";

-- the keys that a change of shop.orders can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
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
  LEFT JOIN "shop"."refunds" AS "r"
    ON "r"."order_id" = "o"."id"
) AS "_scope";

-- the keys that a change of shop.orders can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
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
  LEFT JOIN "shop"."refunds" AS "r"
    ON "r"."order_id" = "o"."id"
) AS "_scope";

-- the keys that a change of shop.orders can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `c`.`name` AS `s0`,
    `r`.`amount` AS `s1`
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
  LEFT JOIN `shop__refunds` AS `r`
    ON `r`.`order_id` = `o`.`id`
) AS `_scope`;

-- the keys that a change of shop.refunds can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
  FROM "shop"."orders" AS "o"
  LEFT JOIN "shop"."customers" AS "c"
    ON "c"."id" = "o"."customer"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "r"
    ON "r"."order_id" = "o"."id"
  UNION ALL
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
  FROM "shop"."orders" AS "o"
  LEFT JOIN "shop"."customers" AS "c"
    ON "c"."id" = "o"."customer"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "r__m"
    ON "r__m"."order_id" = "o"."id"
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
  ) AS "r"
    ON FALSE
) AS "_scope";

-- the keys that a change of shop.refunds can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
  FROM "shop"."orders" AS "o"
  LEFT JOIN "shop"."customers" AS "c"
    ON "c"."id" = "o"."customer"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "r"
    ON "r"."order_id" = "o"."id"
  UNION ALL
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
  FROM "shop"."orders" AS "o"
  LEFT JOIN "shop"."customers" AS "c"
    ON "c"."id" = "o"."customer"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "r__m"
    ON "r__m"."order_id" = "o"."id"
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
  ) AS "r"
    ON FALSE
) AS "_scope";

-- the keys that a change of shop.refunds can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
  FROM "shop"."orders" AS "o"
  LEFT JOIN "shop"."customers" AS "c"
    ON "c"."id" = "o"."customer"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "r"
    ON "r"."order_id" = "o"."id"
  UNION ALL
  SELECT
    "c"."name" AS "s0",
    "r"."amount" AS "s1"
  FROM "shop"."orders" AS "o"
  LEFT JOIN "shop"."customers" AS "c"
    ON "c"."id" = "o"."customer"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "r__m"
    ON "r__m"."order_id" = "o"."id"
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
  ) AS "r"
    ON FALSE
) AS "_scope";

-- the keys that a change of shop.refunds can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `c`.`name` AS `s0`,
    `r`.`amount` AS `s1`
  FROM `shop__orders` AS `o`
  LEFT JOIN `shop__customers` AS `c`
    ON `c`.`id` = `o`.`customer`
  JOIN (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `r`
    ON `r`.`order_id` = `o`.`id`
  UNION ALL
  SELECT
    `c`.`name` AS `s0`,
    `r`.`amount` AS `s1`
  FROM `shop__orders` AS `o`
  LEFT JOIN `shop__customers` AS `c`
    ON `c`.`id` = `o`.`customer`
  JOIN (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `r__m`
    ON `r__m`.`order_id` = `o`.`id`
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
  ) AS `r`
    ON FALSE
) AS `_scope`;

-- the rows of those keys (the first of them may be NULL): duckdb
/* Two optional sides in the key. */
/* key: name, refund */
SELECT
  "c"."name" AS "name",
  "r"."amount" AS "refund",
  COUNT(*) AS "n"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer"
LEFT JOIN "shop"."refunds" AS "r"
  ON "r"."order_id" = "o"."id"
JOIN "scope" AS "_s"
  ON (
    "c"."name"
  ) IS NOT DISTINCT FROM (
    "_s"."s0"
  )
  AND (
    "r"."amount"
  ) = "_s"."s1"
GROUP BY
  "c"."name",
  "r"."amount";

-- the rows of those keys (the first of them may be NULL): postgres
/* Two optional sides in the key. */
/* key: name, refund */
SELECT
  "c"."name" AS "name",
  "r"."amount" AS "refund",
  COUNT(*) AS "n"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer"
LEFT JOIN "shop"."refunds" AS "r"
  ON "r"."order_id" = "o"."id"
JOIN "scope" AS "_s"
  ON JSONB_BUILD_ARRAY("c"."name") = JSONB_BUILD_ARRAY("_s"."s0")
  AND (
    "r"."amount"
  ) = "_s"."s1"
GROUP BY
  "c"."name",
  "r"."amount";

-- the rows of those keys (the first of them may be NULL): redshift
/* Two optional sides in the key. */
/* key: name, refund */
SELECT
  "c"."name" AS "name",
  "r"."amount" AS "refund",
  COUNT(*) AS "n"
FROM "shop"."orders" AS "o"
LEFT JOIN "shop"."customers" AS "c"
  ON "c"."id" = "o"."customer"
LEFT JOIN "shop"."refunds" AS "r"
  ON "r"."order_id" = "o"."id"
JOIN "scope" AS "_s"
  ON (
    COALESCE(CAST("c"."name" AS VARCHAR(65535)), '') = COALESCE(CAST("_s"."s0" AS VARCHAR(65535)), '')
    AND CASE WHEN "c"."name" IS NULL THEN 1 ELSE 0 END = CASE WHEN "_s"."s0" IS NULL THEN 1 ELSE 0 END
  )
  AND (
    "r"."amount"
  ) = "_s"."s1"
GROUP BY
  "c"."name",
  "r"."amount";

-- the rows of those keys (the first of them may be NULL): bigquery
/* Two optional sides in the key. */
/* key: name, refund */
SELECT
  `c`.`name` AS `name`,
  `r`.`amount` AS `refund`,
  COUNT(*) AS `n`
FROM `shop__orders` AS `o`
LEFT JOIN `shop__customers` AS `c`
  ON `c`.`id` = `o`.`customer`
LEFT JOIN `shop__refunds` AS `r`
  ON `r`.`order_id` = `o`.`id`
JOIN `scope` AS `_s`
  ON (
    TO_JSON_STRING(`c`.`name`) = TO_JSON_STRING(`_s`.`s0`)
  )
  AND (
    `r`.`amount`
  ) = `_s`.`s1`
GROUP BY
  `c`.`name`,
  `r`.`amount`;

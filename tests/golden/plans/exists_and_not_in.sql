-- EXISTS and NOT IN are inputs too.
-- key: id
select id, name from shop.customers c
where exists (select 1 from shop.orders o where o.customer = c.id and o.state = 'paid')
  and id not in (select customer from shop.orders x join shop.refunds r on r.order_id = x.id)

-- ---- what is made of it

-- exists_and_not_in (key id): incremental, by id

-- all of it: duckdb
/* EXISTS and NOT IN are inputs too. */
/* key: id */
SELECT
  "c"."id" AS "id",
  "c"."name" AS "name"
FROM "shop"."customers" AS "c"
WHERE
  EXISTS(
    SELECT
      1 AS "1"
    FROM "shop"."orders" AS "o"
    WHERE
      "o"."customer" = "c"."id" AND "o"."state" = 'paid'
  )
  AND NOT "c"."id" IN (
    SELECT
      "x"."customer" AS "customer"
    FROM "shop"."orders" AS "x"
    JOIN "shop"."refunds" AS "r"
      ON "r"."order_id" = "x"."id"
  );

-- all of it: postgres
/* EXISTS and NOT IN are inputs too. */
/* key: id */
SELECT
  "c"."id" AS "id",
  "c"."name" AS "name"
FROM "shop"."customers" AS "c"
WHERE
  EXISTS(
    SELECT
      1 AS "1"
    FROM "shop"."orders" AS "o"
    WHERE
      "o"."customer" = "c"."id" AND "o"."state" = 'paid'
  )
  AND NOT "c"."id" IN (
    SELECT
      "x"."customer" AS "customer"
    FROM "shop"."orders" AS "x"
    JOIN "shop"."refunds" AS "r"
      ON "r"."order_id" = "x"."id"
  );

-- all of it: redshift
/* EXISTS and NOT IN are inputs too. */
/* key: id */
SELECT
  "c"."id" AS "id",
  "c"."name" AS "name"
FROM "shop"."customers" AS "c"
WHERE
  EXISTS(
    SELECT
      1 AS "1"
    FROM "shop"."orders" AS "o"
    WHERE
      "o"."customer" = "c"."id" AND "o"."state" = 'paid'
  )
  AND NOT "c"."id" IN (
    SELECT
      "x"."customer" AS "customer"
    FROM "shop"."orders" AS "x"
    JOIN "shop"."refunds" AS "r"
      ON "r"."order_id" = "x"."id"
  );

-- all of it: bigquery
/* EXISTS and NOT IN are inputs too. */
/* key: id */
SELECT
  `c`.`id` AS `id`,
  `c`.`name` AS `name`
FROM `shop__customers` AS `c`
WHERE
  EXISTS(
    SELECT
      1 AS `1`
    FROM `shop__orders` AS `o`
    WHERE
      `o`.`customer` = `c`.`id` AND `o`.`state` = 'paid'
  )
  AND NOT `c`.`id` IN (
    SELECT
      `x`.`customer` AS `customer`
    FROM `shop__orders` AS `x`
    JOIN `shop__refunds` AS `r`
      ON `r`.`order_id` = `x`.`id`
  );

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

-- the keys that a change of shop.orders can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  CROSS JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "o"
  WHERE
    "o"."customer" = "c"."id" AND "o"."state" = 'paid'
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  CROSS JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "x"
  WHERE
    "c"."id" = "x"."customer"
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  WHERE
    EXISTS(
      SELECT
        1
      FROM (
        SELECT
          "x"."customer" AS "v"
        FROM (
          SELECT
            *
          FROM "before"
          UNION ALL
          SELECT
            *
          FROM "after"
        ) AS "x"
      ) AS "_nulls"
      WHERE
        "_nulls"."v" IS NULL
    )
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  WHERE
    "c"."id" IS NULL
) AS "_scope";

-- the keys that a change of shop.orders can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  CROSS JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "o"
  WHERE
    "o"."customer" = "c"."id" AND "o"."state" = 'paid'
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  CROSS JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "x"
  WHERE
    "c"."id" = "x"."customer"
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  WHERE
    EXISTS(
      SELECT
        1
      FROM (
        SELECT
          "x"."customer" AS "v"
        FROM (
          SELECT
            *
          FROM "before"
          UNION ALL
          SELECT
            *
          FROM "after"
        ) AS "x"
      ) AS "_nulls"
      WHERE
        "_nulls"."v" IS NULL
    )
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  WHERE
    "c"."id" IS NULL
) AS "_scope";

-- the keys that a change of shop.orders can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  CROSS JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "o"
  WHERE
    "o"."customer" = "c"."id" AND "o"."state" = 'paid'
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  CROSS JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "x"
  WHERE
    "c"."id" = "x"."customer"
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  WHERE
    EXISTS(
      SELECT
        1
      FROM (
        SELECT
          "x"."customer" AS "v"
        FROM (
          SELECT
            *
          FROM "before"
          UNION ALL
          SELECT
            *
          FROM "after"
        ) AS "x"
      ) AS "_nulls"
      WHERE
        "_nulls"."v" IS NULL
    )
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  WHERE
    "c"."id" IS NULL
) AS "_scope";

-- the keys that a change of shop.orders can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `c`.`id` AS `s0`
  FROM `shop__customers` AS `c`
  CROSS JOIN (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `o`
  WHERE
    `o`.`customer` = `c`.`id` AND `o`.`state` = 'paid'
  UNION ALL
  SELECT
    `c`.`id` AS `s0`
  FROM `shop__customers` AS `c`
  CROSS JOIN (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `x`
  WHERE
    `c`.`id` = `x`.`customer`
  UNION ALL
  SELECT
    `c`.`id` AS `s0`
  FROM `shop__customers` AS `c`
  WHERE
    EXISTS(
      SELECT
        1
      FROM (
        SELECT
          `x`.`customer` AS `v`
        FROM (
          SELECT
            *
          FROM `before`
          UNION ALL
          SELECT
            *
          FROM `after`
        ) AS `x`
      ) AS `_nulls`
      WHERE
        `_nulls`.`v` IS NULL
    )
  UNION ALL
  SELECT
    `c`.`id` AS `s0`
  FROM `shop__customers` AS `c`
  WHERE
    `c`.`id` IS NULL
) AS `_scope`;

-- the keys that a change of shop.refunds can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  CROSS JOIN "shop"."orders" AS "x"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "r"
    ON "r"."order_id" = "x"."id"
  WHERE
    "c"."id" = "x"."customer"
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  WHERE
    EXISTS(
      SELECT
        1
      FROM (
        SELECT
          "x"."customer" AS "v"
        FROM "shop"."orders" AS "x"
        JOIN (
          SELECT
            *
          FROM "before"
          UNION ALL
          SELECT
            *
          FROM "after"
        ) AS "r"
          ON "r"."order_id" = "x"."id"
      ) AS "_nulls"
      WHERE
        "_nulls"."v" IS NULL
    )
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  WHERE
    "c"."id" IS NULL
) AS "_scope";

-- the keys that a change of shop.refunds can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  CROSS JOIN "shop"."orders" AS "x"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "r"
    ON "r"."order_id" = "x"."id"
  WHERE
    "c"."id" = "x"."customer"
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  WHERE
    EXISTS(
      SELECT
        1
      FROM (
        SELECT
          "x"."customer" AS "v"
        FROM "shop"."orders" AS "x"
        JOIN (
          SELECT
            *
          FROM "before"
          UNION ALL
          SELECT
            *
          FROM "after"
        ) AS "r"
          ON "r"."order_id" = "x"."id"
      ) AS "_nulls"
      WHERE
        "_nulls"."v" IS NULL
    )
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  WHERE
    "c"."id" IS NULL
) AS "_scope";

-- the keys that a change of shop.refunds can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  CROSS JOIN "shop"."orders" AS "x"
  JOIN (
    SELECT
      *
    FROM "before"
    UNION ALL
    SELECT
      *
    FROM "after"
  ) AS "r"
    ON "r"."order_id" = "x"."id"
  WHERE
    "c"."id" = "x"."customer"
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  WHERE
    EXISTS(
      SELECT
        1
      FROM (
        SELECT
          "x"."customer" AS "v"
        FROM "shop"."orders" AS "x"
        JOIN (
          SELECT
            *
          FROM "before"
          UNION ALL
          SELECT
            *
          FROM "after"
        ) AS "r"
          ON "r"."order_id" = "x"."id"
      ) AS "_nulls"
      WHERE
        "_nulls"."v" IS NULL
    )
  UNION ALL
  SELECT
    "c"."id" AS "s0"
  FROM "shop"."customers" AS "c"
  WHERE
    "c"."id" IS NULL
) AS "_scope";

-- the keys that a change of shop.refunds can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `c`.`id` AS `s0`
  FROM `shop__customers` AS `c`
  CROSS JOIN `shop__orders` AS `x`
  JOIN (
    SELECT
      *
    FROM `before`
    UNION ALL
    SELECT
      *
    FROM `after`
  ) AS `r`
    ON `r`.`order_id` = `x`.`id`
  WHERE
    `c`.`id` = `x`.`customer`
  UNION ALL
  SELECT
    `c`.`id` AS `s0`
  FROM `shop__customers` AS `c`
  WHERE
    EXISTS(
      SELECT
        1
      FROM (
        SELECT
          `x`.`customer` AS `v`
        FROM `shop__orders` AS `x`
        JOIN (
          SELECT
            *
          FROM `before`
          UNION ALL
          SELECT
            *
          FROM `after`
        ) AS `r`
          ON `r`.`order_id` = `x`.`id`
      ) AS `_nulls`
      WHERE
        `_nulls`.`v` IS NULL
    )
  UNION ALL
  SELECT
    `c`.`id` AS `s0`
  FROM `shop__customers` AS `c`
  WHERE
    `c`.`id` IS NULL
) AS `_scope`;

-- the rows of those keys (the first of them may be NULL): duckdb
/* EXISTS and NOT IN are inputs too. */
/* key: id */
SELECT
  "c"."id" AS "id",
  "c"."name" AS "name"
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
WHERE
  EXISTS(
    SELECT
      1 AS "1"
    FROM "shop"."orders" AS "o"
    WHERE
      "o"."customer" = "c"."id" AND "o"."state" = 'paid'
  )
  AND NOT "c"."id" IN (
    SELECT
      "x"."customer" AS "customer"
    FROM "shop"."orders" AS "x"
    JOIN "shop"."refunds" AS "r"
      ON "r"."order_id" = "x"."id"
  );

-- the rows of those keys (the first of them may be NULL): postgres
/* EXISTS and NOT IN are inputs too. */
/* key: id */
SELECT
  "c"."id" AS "id",
  "c"."name" AS "name"
FROM (
  SELECT
    "c".*
  FROM "shop"."customers" AS "c"
  JOIN "scope" AS "_s"
    ON JSONB_BUILD_ARRAY("c"."id") = JSONB_BUILD_ARRAY("_s"."s0")
) AS "c"
WHERE
  EXISTS(
    SELECT
      1 AS "1"
    FROM "shop"."orders" AS "o"
    WHERE
      "o"."customer" = "c"."id" AND "o"."state" = 'paid'
  )
  AND NOT "c"."id" IN (
    SELECT
      "x"."customer" AS "customer"
    FROM "shop"."orders" AS "x"
    JOIN "shop"."refunds" AS "r"
      ON "r"."order_id" = "x"."id"
  );

-- the rows of those keys (the first of them may be NULL): redshift
/* EXISTS and NOT IN are inputs too. */
/* key: id */
SELECT
  "c"."id" AS "id",
  "c"."name" AS "name"
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
WHERE
  EXISTS(
    SELECT
      1 AS "1"
    FROM "shop"."orders" AS "o"
    WHERE
      "o"."customer" = "c"."id" AND "o"."state" = 'paid'
  )
  AND NOT "c"."id" IN (
    SELECT
      "x"."customer" AS "customer"
    FROM "shop"."orders" AS "x"
    JOIN "shop"."refunds" AS "r"
      ON "r"."order_id" = "x"."id"
  );

-- the rows of those keys (the first of them may be NULL): bigquery
/* EXISTS and NOT IN are inputs too. */
/* key: id */
SELECT
  `c`.`id` AS `id`,
  `c`.`name` AS `name`
FROM (
  SELECT
    `c`.*
  FROM `shop__customers` AS `c`
  JOIN `scope` AS `_s`
    ON (
      TO_JSON_STRING(`c`.`id`) = TO_JSON_STRING(`_s`.`s0`)
    )
) AS `c`
WHERE
  EXISTS(
    SELECT
      1 AS `1`
    FROM `shop__orders` AS `o`
    WHERE
      `o`.`customer` = `c`.`id` AND `o`.`state` = 'paid'
  )
  AND NOT `c`.`id` IN (
    SELECT
      `x`.`customer` AS `customer`
    FROM `shop__orders` AS `x`
    JOIN `shop__refunds` AS `r`
      ON `r`.`order_id` = `x`.`id`
  );

-- Every date that is mentioned, and those of this month.
-- key: day
with days as (
    select placed::date as day from shop.orders
    union all
    select d::date from generate_series(date_trunc('month', current_date), current_date, interval 1 day) as g(d)
)
select distinct day, dayname(day) as name, isodow(day) as number from days where day is not null

-- ---- what is made of it

-- union_all (key day): incremental, by day; again every day

-- all of it: duckdb
SELECT DISTINCT
  "days"."day" AS "day",
  DAYNAME("days"."day") AS "name",
  ISODOW("days"."day") AS "number"
FROM (
  SELECT
    CAST("orders"."placed" AS DATE) AS "day"
  FROM "shop"."orders" AS "orders"
  UNION ALL
  SELECT
    CAST("g"."d" AS DATE) AS "d"
  FROM GENERATE_SERIES(
    DATE_TRUNC('MONTH', CAST('2024-02-29' AS DATE)),
    CAST('2024-02-29' AS DATE),
    INTERVAL '1' DAY
  ) AS "g"("d")
) AS "days"
WHERE
  NOT "days"."day" IS NULL;

-- all of it: postgres
SELECT DISTINCT
  "days"."day" AS "day",
  TRIM(TO_CHAR("days"."day", 'FMDay')) AS "name",
  CAST(TRUNC(EXTRACT(ISODOW FROM "days"."day")) AS BIGINT) AS "number"
FROM (
  SELECT
    CAST("orders"."placed" AS DATE) AS "day"
  FROM "shop"."orders" AS "orders"
  UNION ALL
  SELECT
    CAST("g"."d" AS DATE) AS "d"
  FROM GENERATE_SERIES(
    (
      DATE_TRUNC('MONTH', CAST('2024-02-29' AS DATE) + INTERVAL '0')
    ) + INTERVAL '0',
    CAST('2024-02-29' AS DATE),
    INTERVAL '1 DAY'
  ) AS "g"("d")
) AS "days"
WHERE
  NOT "days"."day" IS NULL;

-- all of it: redshift
SELECT DISTINCT
  "days"."day" AS "day",
  TRIM(TO_CHAR("days"."day", 'Day')) AS "name",
  (
    (
      CAST(EXTRACT(DOW FROM "days"."day") AS BIGINT) + 6
    ) % 7 + 1
  ) AS "number"
FROM (
  SELECT
    CAST("orders"."placed" AS DATE) AS "day"
  FROM "shop"."orders" AS "orders"
  UNION ALL
  SELECT
    CAST("g"."d" AS DATE) AS "d"
  FROM (
    SELECT
      DATEADD(DAY, _n * 1, CAST(DATE_TRUNC('MONTH', CAST('2024-02-29' AS DATE)) AS TIMESTAMP)) AS "d"
    FROM (
      SELECT
        _d0._d * 1 + _d1._d * 10 + _d2._d * 100 + _d3._d * 1000 + _d4._d * 10000 AS _n
      FROM (
        SELECT
          0 AS _d
        UNION ALL
        SELECT
          1 AS _d
        UNION ALL
        SELECT
          2 AS _d
        UNION ALL
        SELECT
          3 AS _d
        UNION ALL
        SELECT
          4 AS _d
        UNION ALL
        SELECT
          5 AS _d
        UNION ALL
        SELECT
          6 AS _d
        UNION ALL
        SELECT
          7 AS _d
        UNION ALL
        SELECT
          8 AS _d
        UNION ALL
        SELECT
          9 AS _d
      ) AS _d0
      CROSS JOIN (
        SELECT
          0 AS _d
        UNION ALL
        SELECT
          1 AS _d
        UNION ALL
        SELECT
          2 AS _d
        UNION ALL
        SELECT
          3 AS _d
        UNION ALL
        SELECT
          4 AS _d
        UNION ALL
        SELECT
          5 AS _d
        UNION ALL
        SELECT
          6 AS _d
        UNION ALL
        SELECT
          7 AS _d
        UNION ALL
        SELECT
          8 AS _d
        UNION ALL
        SELECT
          9 AS _d
      ) AS _d1
      CROSS JOIN (
        SELECT
          0 AS _d
        UNION ALL
        SELECT
          1 AS _d
        UNION ALL
        SELECT
          2 AS _d
        UNION ALL
        SELECT
          3 AS _d
        UNION ALL
        SELECT
          4 AS _d
        UNION ALL
        SELECT
          5 AS _d
        UNION ALL
        SELECT
          6 AS _d
        UNION ALL
        SELECT
          7 AS _d
        UNION ALL
        SELECT
          8 AS _d
        UNION ALL
        SELECT
          9 AS _d
      ) AS _d2
      CROSS JOIN (
        SELECT
          0 AS _d
        UNION ALL
        SELECT
          1 AS _d
        UNION ALL
        SELECT
          2 AS _d
        UNION ALL
        SELECT
          3 AS _d
        UNION ALL
        SELECT
          4 AS _d
        UNION ALL
        SELECT
          5 AS _d
        UNION ALL
        SELECT
          6 AS _d
        UNION ALL
        SELECT
          7 AS _d
        UNION ALL
        SELECT
          8 AS _d
        UNION ALL
        SELECT
          9 AS _d
      ) AS _d3
      CROSS JOIN (
        SELECT
          0 AS _d
        UNION ALL
        SELECT
          1 AS _d
        UNION ALL
        SELECT
          2 AS _d
        UNION ALL
        SELECT
          3 AS _d
        UNION ALL
        SELECT
          4 AS _d
        UNION ALL
        SELECT
          5 AS _d
        UNION ALL
        SELECT
          6 AS _d
        UNION ALL
        SELECT
          7 AS _d
        UNION ALL
        SELECT
          8 AS _d
        UNION ALL
        SELECT
          9 AS _d
      ) AS _d4
    ) AS _numbers
    WHERE
      DATEADD(DAY, _n * 1, CAST(DATE_TRUNC('MONTH', CAST('2024-02-29' AS DATE)) AS TIMESTAMP)) <= CAST('2024-02-29' AS DATE)
      AND _n <= 99999 / (
        CASE
          WHEN DATEDIFF(DAY, DATE_TRUNC('MONTH', CAST('2024-02-29' AS DATE)), CAST('2024-02-29' AS DATE)) / 1 < 100000
          THEN 1
          ELSE 0
        END
      )
  ) AS "g"
) AS "days"
WHERE
  NOT "days"."day" IS NULL;

-- all of it: bigquery
SELECT DISTINCT
  `days`.`day` AS `day`,
  FORMAT_DATETIME('%A', CAST(`days`.`day` AS DATETIME)) AS `name`,
  (
    MOD(EXTRACT(DAYOFWEEK FROM `days`.`day`) + 5, 7) + 1
  ) AS `number`
FROM (
  SELECT
    CAST(`orders`.`placed` AS DATE) AS `day`
  FROM `shop__orders` AS `orders`
  UNION ALL
  SELECT
    CAST(`g`.`d` AS DATE) AS `d`
  FROM (
    SELECT
      DATETIME(_each) AS `d`
    FROM UNNEST(GENERATE_TIMESTAMP_ARRAY(
      TIMESTAMP(CAST(TIMESTAMP_TRUNC(CAST('2024-02-29' AS DATE), MONTH) AS DATETIME)),
      TIMESTAMP(CAST(CAST('2024-02-29' AS DATE) AS DATETIME)),
      INTERVAL '1' DAY
    )) AS _each
  ) AS `g`
) AS `days`
WHERE
  NOT `days`.`day` IS NULL;

-- the keys that a change of shop.orders can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    "days"."day" AS "s0"
  FROM (
    SELECT
      CAST("orders"."placed" AS DATE) AS "day"
    FROM (
      SELECT
        *
      FROM "before"
      UNION ALL
      SELECT
        *
      FROM "after"
    ) AS "orders"
  ) AS "days"
  WHERE
    NOT "days"."day" IS NULL
) AS "_scope";

-- the keys that a change of shop.orders can touch: postgres
SELECT DISTINCT
  *
FROM (
  SELECT
    "days"."day" AS "s0"
  FROM (
    SELECT
      CAST("orders"."placed" AS DATE) AS "day"
    FROM (
      SELECT
        *
      FROM "before"
      UNION ALL
      SELECT
        *
      FROM "after"
    ) AS "orders"
  ) AS "days"
  WHERE
    NOT "days"."day" IS NULL
) AS "_scope";

-- the keys that a change of shop.orders can touch: redshift
SELECT DISTINCT
  *
FROM (
  SELECT
    "days"."day" AS "s0"
  FROM (
    SELECT
      CAST("orders"."placed" AS DATE) AS "day"
    FROM (
      SELECT
        *
      FROM "before"
      UNION ALL
      SELECT
        *
      FROM "after"
    ) AS "orders"
  ) AS "days"
  WHERE
    NOT "days"."day" IS NULL
) AS "_scope";

-- the keys that a change of shop.orders can touch: bigquery
SELECT DISTINCT
  *
FROM (
  SELECT
    `days`.`day` AS `s0`
  FROM (
    SELECT
      CAST(`orders`.`placed` AS DATE) AS `day`
    FROM (
      SELECT
        *
      FROM `before`
      UNION ALL
      SELECT
        *
      FROM `after`
    ) AS `orders`
  ) AS `days`
  WHERE
    NOT `days`.`day` IS NULL
) AS `_scope`;

-- the rows of those keys (the first of them may be NULL): duckdb
SELECT DISTINCT
  "days"."day" AS "day",
  DAYNAME("days"."day") AS "name",
  ISODOW("days"."day") AS "number"
FROM (
  SELECT
    CAST("orders"."placed" AS DATE) AS "day"
  FROM (
    SELECT
      "orders".*
    FROM "shop"."orders" AS "orders"
    JOIN "scope" AS "_s"
      ON (
        (
          CAST("orders"."placed" AS DATE)
        )
      ) IS NOT DISTINCT FROM (
        "_s"."s0"
      )
  ) AS "orders"
  UNION ALL
  SELECT
    CAST("g"."d" AS DATE) AS "d"
  FROM (
    SELECT
      "g".*
    FROM GENERATE_SERIES(
      DATE_TRUNC('MONTH', CAST('2024-02-29' AS DATE)),
      CAST('2024-02-29' AS DATE),
      INTERVAL '1' DAY
    ) AS "g"("d")
    JOIN "scope" AS "_s"
      ON (
        (
          CAST("g"."d" AS DATE)
        )
      ) IS NOT DISTINCT FROM (
        "_s"."s0"
      )
  ) AS "g"
) AS "days"
WHERE
  NOT "days"."day" IS NULL;

-- the rows of those keys (the first of them may be NULL): postgres
SELECT DISTINCT
  "days"."day" AS "day",
  TRIM(TO_CHAR("days"."day", 'FMDay')) AS "name",
  CAST(TRUNC(EXTRACT(ISODOW FROM "days"."day")) AS BIGINT) AS "number"
FROM (
  SELECT
    CAST("orders"."placed" AS DATE) AS "day"
  FROM (
    SELECT
      "orders".*
    FROM "shop"."orders" AS "orders"
    JOIN "scope" AS "_s"
      ON JSONB_BUILD_ARRAY((
        CAST("orders"."placed" AS DATE)
      )) = JSONB_BUILD_ARRAY("_s"."s0")
  ) AS "orders"
  UNION ALL
  SELECT
    CAST("g"."d" AS DATE) AS "d"
  FROM (
    SELECT
      "g".*
    FROM GENERATE_SERIES(
      (
        DATE_TRUNC('MONTH', CAST('2024-02-29' AS DATE) + INTERVAL '0')
      ) + INTERVAL '0',
      CAST('2024-02-29' AS DATE),
      INTERVAL '1 DAY'
    ) AS "g"("d")
    JOIN "scope" AS "_s"
      ON JSONB_BUILD_ARRAY((
        CAST("g"."d" AS DATE)
      )) = JSONB_BUILD_ARRAY("_s"."s0")
  ) AS "g"
) AS "days"
WHERE
  NOT "days"."day" IS NULL;

-- the rows of those keys (the first of them may be NULL): redshift
SELECT DISTINCT
  "days"."day" AS "day",
  TRIM(TO_CHAR("days"."day", 'Day')) AS "name",
  (
    (
      CAST(EXTRACT(DOW FROM "days"."day") AS BIGINT) + 6
    ) % 7 + 1
  ) AS "number"
FROM (
  SELECT
    CAST("orders"."placed" AS DATE) AS "day"
  FROM (
    SELECT
      "orders".*
    FROM "shop"."orders" AS "orders"
    JOIN "scope" AS "_s"
      ON (
        COALESCE(CAST((
          CAST("orders"."placed" AS DATE)
        ) AS VARCHAR(65535)), '') = COALESCE(CAST("_s"."s0" AS VARCHAR(65535)), '')
        AND CASE WHEN (
          CAST("orders"."placed" AS DATE)
        ) IS NULL THEN 1 ELSE 0 END = CASE WHEN "_s"."s0" IS NULL THEN 1 ELSE 0 END
      )
  ) AS "orders"
  UNION ALL
  SELECT
    CAST("g"."d" AS DATE) AS "d"
  FROM (
    SELECT
      "g".*
    FROM (
      SELECT
        DATEADD(DAY, _n * 1, CAST(DATE_TRUNC('MONTH', CAST('2024-02-29' AS DATE)) AS TIMESTAMP)) AS "d"
      FROM (
        SELECT
          _d0._d * 1 + _d1._d * 10 + _d2._d * 100 + _d3._d * 1000 + _d4._d * 10000 AS _n
        FROM (
          SELECT
            0 AS _d
          UNION ALL
          SELECT
            1 AS _d
          UNION ALL
          SELECT
            2 AS _d
          UNION ALL
          SELECT
            3 AS _d
          UNION ALL
          SELECT
            4 AS _d
          UNION ALL
          SELECT
            5 AS _d
          UNION ALL
          SELECT
            6 AS _d
          UNION ALL
          SELECT
            7 AS _d
          UNION ALL
          SELECT
            8 AS _d
          UNION ALL
          SELECT
            9 AS _d
        ) AS _d0
        CROSS JOIN (
          SELECT
            0 AS _d
          UNION ALL
          SELECT
            1 AS _d
          UNION ALL
          SELECT
            2 AS _d
          UNION ALL
          SELECT
            3 AS _d
          UNION ALL
          SELECT
            4 AS _d
          UNION ALL
          SELECT
            5 AS _d
          UNION ALL
          SELECT
            6 AS _d
          UNION ALL
          SELECT
            7 AS _d
          UNION ALL
          SELECT
            8 AS _d
          UNION ALL
          SELECT
            9 AS _d
        ) AS _d1
        CROSS JOIN (
          SELECT
            0 AS _d
          UNION ALL
          SELECT
            1 AS _d
          UNION ALL
          SELECT
            2 AS _d
          UNION ALL
          SELECT
            3 AS _d
          UNION ALL
          SELECT
            4 AS _d
          UNION ALL
          SELECT
            5 AS _d
          UNION ALL
          SELECT
            6 AS _d
          UNION ALL
          SELECT
            7 AS _d
          UNION ALL
          SELECT
            8 AS _d
          UNION ALL
          SELECT
            9 AS _d
        ) AS _d2
        CROSS JOIN (
          SELECT
            0 AS _d
          UNION ALL
          SELECT
            1 AS _d
          UNION ALL
          SELECT
            2 AS _d
          UNION ALL
          SELECT
            3 AS _d
          UNION ALL
          SELECT
            4 AS _d
          UNION ALL
          SELECT
            5 AS _d
          UNION ALL
          SELECT
            6 AS _d
          UNION ALL
          SELECT
            7 AS _d
          UNION ALL
          SELECT
            8 AS _d
          UNION ALL
          SELECT
            9 AS _d
        ) AS _d3
        CROSS JOIN (
          SELECT
            0 AS _d
          UNION ALL
          SELECT
            1 AS _d
          UNION ALL
          SELECT
            2 AS _d
          UNION ALL
          SELECT
            3 AS _d
          UNION ALL
          SELECT
            4 AS _d
          UNION ALL
          SELECT
            5 AS _d
          UNION ALL
          SELECT
            6 AS _d
          UNION ALL
          SELECT
            7 AS _d
          UNION ALL
          SELECT
            8 AS _d
          UNION ALL
          SELECT
            9 AS _d
        ) AS _d4
      ) AS _numbers
      WHERE
        DATEADD(DAY, _n * 1, CAST(DATE_TRUNC('MONTH', CAST('2024-02-29' AS DATE)) AS TIMESTAMP)) <= CAST('2024-02-29' AS DATE)
        AND _n <= 99999 / (
          CASE
            WHEN DATEDIFF(DAY, DATE_TRUNC('MONTH', CAST('2024-02-29' AS DATE)), CAST('2024-02-29' AS DATE)) / 1 < 100000
            THEN 1
            ELSE 0
          END
        )
    ) AS "g"
    JOIN "scope" AS "_s"
      ON (
        COALESCE(CAST((
          CAST("g"."d" AS DATE)
        ) AS VARCHAR(65535)), '') = COALESCE(CAST("_s"."s0" AS VARCHAR(65535)), '')
        AND CASE WHEN (
          CAST("g"."d" AS DATE)
        ) IS NULL THEN 1 ELSE 0 END = CASE WHEN "_s"."s0" IS NULL THEN 1 ELSE 0 END
      )
  ) AS "g"
) AS "days"
WHERE
  NOT "days"."day" IS NULL;

-- the rows of those keys (the first of them may be NULL): bigquery
SELECT DISTINCT
  `days`.`day` AS `day`,
  FORMAT_DATETIME('%A', CAST(`days`.`day` AS DATETIME)) AS `name`,
  (
    MOD(EXTRACT(DAYOFWEEK FROM `days`.`day`) + 5, 7) + 1
  ) AS `number`
FROM (
  SELECT
    CAST(`orders`.`placed` AS DATE) AS `day`
  FROM (
    SELECT
      `orders`.*
    FROM `shop__orders` AS `orders`
    JOIN `scope` AS `_s`
      ON (
        TO_JSON_STRING((
          CAST(`orders`.`placed` AS DATE)
        )) = TO_JSON_STRING(`_s`.`s0`)
      )
  ) AS `orders`
  UNION ALL
  SELECT
    CAST(`g`.`d` AS DATE) AS `d`
  FROM (
    SELECT
      `g`.*
    FROM (
      SELECT
        DATETIME(_each) AS `d`
      FROM UNNEST(GENERATE_TIMESTAMP_ARRAY(
        TIMESTAMP(CAST(TIMESTAMP_TRUNC(CAST('2024-02-29' AS DATE), MONTH) AS DATETIME)),
        TIMESTAMP(CAST(CAST('2024-02-29' AS DATE) AS DATETIME)),
        INTERVAL '1' DAY
      )) AS _each
    ) AS `g`
    JOIN `scope` AS `_s`
      ON (
        TO_JSON_STRING((
          CAST(`g`.`d` AS DATE)
        )) = TO_JSON_STRING(`_s`.`s0`)
      )
  ) AS `g`
) AS `days`
WHERE
  NOT `days`.`day` IS NULL;

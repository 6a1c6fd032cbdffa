-- A surrogate key is the same on every engine.
-- key: record
select surrogate_key(id, placed) as record, try_cast(state as integer) as state from shop.orders

-- ---- what is made of it

-- surrogate_key (key record): incremental, by record

-- all of it: duckdb
/* A surrogate key is the same on every engine. */
/* key: record */
SELECT
  CAST(CAST('0x' || SUBSTRING(
    MD5(
      COALESCE(
        CAST(LENGTH(CAST("orders"."id" AS TEXT)) AS TEXT) || ':' || CAST("orders"."id" AS TEXT),
        '-'
      ) || COALESCE(
        CAST(LENGTH(CAST("orders"."placed" AS TEXT)) AS TEXT) || ':' || CAST("orders"."placed" AS TEXT),
        '-'
      )
    ),
    1,
    16
  ) AS UBIGINT) & 9223372036854775807 AS BIGINT) AS "record",
  TRY_CAST("orders"."state" AS INT) AS "state"
FROM "shop"."orders" AS "orders";

-- all of it: postgres
/* A surrogate key is the same on every engine. */
/* key: record */
SELECT
  (
    CAST(CAST('x' || SUBSTRING(MD5(
      COALESCE(
        CAST(LENGTH(CAST("orders"."id" AS TEXT)) AS TEXT) || ':' || CAST("orders"."id" AS TEXT),
        '-'
      ) || COALESCE(
        CAST(LENGTH(CAST("orders"."placed" AS TEXT)) AS TEXT) || ':' || CAST("orders"."placed" AS TEXT),
        '-'
      )
    ) FROM 1 FOR 16) AS BIT(64)) AS BIGINT) & 9223372036854775807
  ) AS "record",
  CASE
    WHEN PG_INPUT_IS_VALID(CAST("orders"."state" AS TEXT), 'INT')
    THEN CAST("orders"."state" AS INT)
  END AS "state"
FROM "shop"."orders" AS "orders";

-- all of it: redshift
/* A surrogate key is the same on every engine. */
/* key: record */
SELECT
  (
    (
      (
        STRTOL(
          SUBSTRING(MD5(
            COALESCE(
              CAST(LENGTH(CAST("orders"."id" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."id" AS VARCHAR(65535)),
              '-'
            ) || COALESCE(
              CAST(LENGTH(CAST("orders"."placed" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."placed" AS VARCHAR(65535)),
              '-'
            )
          ) FROM 1 FOR 1),
          16
        ) & 7
      ) << 60
    ) | STRTOL(
      SUBSTRING(MD5(
        COALESCE(
          CAST(LENGTH(CAST("orders"."id" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."id" AS VARCHAR(65535)),
          '-'
        ) || COALESCE(
          CAST(LENGTH(CAST("orders"."placed" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."placed" AS VARCHAR(65535)),
          '-'
        )
      ) FROM 2 FOR 15),
      16
    )
  ) AS "record",
  TRY_CAST("orders"."state" AS INTEGER) AS "state"
FROM "shop"."orders" AS "orders";

-- all of it: bigquery
/* A surrogate key is the same on every engine. */
/* key: record */
SELECT
  (
    (
      (
        CAST(CONCAT(
          '0x',
          SUBSTR(
            TO_HEX(
              MD5(
                CONCAT(
                  COALESCE(
                    CONCAT(
                      CAST(LENGTH(
                        REGEXP_REPLACE(
                          CAST(`orders`.`id` AS STRING),
                          '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                          '\\1\\2'
                        )
                      ) AS STRING),
                      ':',
                      REGEXP_REPLACE(
                        CAST(`orders`.`id` AS STRING),
                        '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                        '\\1\\2'
                      )
                    ),
                    '-'
                  ),
                  COALESCE(
                    CONCAT(
                      CAST(LENGTH(
                        REGEXP_REPLACE(
                          CAST(`orders`.`placed` AS STRING),
                          '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                          '\\1\\2'
                        )
                      ) AS STRING),
                      ':',
                      REGEXP_REPLACE(
                        CAST(`orders`.`placed` AS STRING),
                        '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                        '\\1\\2'
                      )
                    ),
                    '-'
                  )
                )
              )
            ),
            1,
            1
          )
        ) AS INT64) & 7
      ) << 60
    ) | CAST(CONCAT(
      '0x',
      SUBSTR(
        TO_HEX(
          MD5(
            CONCAT(
              COALESCE(
                CONCAT(
                  CAST(LENGTH(
                    REGEXP_REPLACE(
                      CAST(`orders`.`id` AS STRING),
                      '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                      '\\1\\2'
                    )
                  ) AS STRING),
                  ':',
                  REGEXP_REPLACE(
                    CAST(`orders`.`id` AS STRING),
                    '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                    '\\1\\2'
                  )
                ),
                '-'
              ),
              COALESCE(
                CONCAT(
                  CAST(LENGTH(
                    REGEXP_REPLACE(
                      CAST(`orders`.`placed` AS STRING),
                      '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                      '\\1\\2'
                    )
                  ) AS STRING),
                  ':',
                  REGEXP_REPLACE(
                    CAST(`orders`.`placed` AS STRING),
                    '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                    '\\1\\2'
                  )
                ),
                '-'
              )
            )
          )
        ),
        2,
        15
      )
    ) AS INT64)
  ) AS `record`,
  SAFE_CAST(`orders`.`state` AS INT64) AS `state`
FROM `shop__orders` AS `orders`;

-- the keys that a change of shop.orders can touch: duckdb
SELECT DISTINCT
  *
FROM (
  SELECT
    CAST(CAST('0x' || SUBSTRING(
      MD5(
        COALESCE(
          CAST(LENGTH(CAST("orders"."id" AS TEXT)) AS TEXT) || ':' || CAST("orders"."id" AS TEXT),
          '-'
        ) || COALESCE(
          CAST(LENGTH(CAST("orders"."placed" AS TEXT)) AS TEXT) || ':' || CAST("orders"."placed" AS TEXT),
          '-'
        )
      ),
      1,
      16
    ) AS UBIGINT) & 9223372036854775807 AS BIGINT) AS "s0"
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
    (
      CAST(CAST('x' || SUBSTRING(MD5(
        COALESCE(
          CAST(LENGTH(CAST("orders"."id" AS TEXT)) AS TEXT) || ':' || CAST("orders"."id" AS TEXT),
          '-'
        ) || COALESCE(
          CAST(LENGTH(CAST("orders"."placed" AS TEXT)) AS TEXT) || ':' || CAST("orders"."placed" AS TEXT),
          '-'
        )
      ) FROM 1 FOR 16) AS BIT(64)) AS BIGINT) & 9223372036854775807
    ) AS "s0"
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
    (
      (
        (
          STRTOL(
            SUBSTRING(MD5(
              COALESCE(
                CAST(LENGTH(CAST("orders"."id" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."id" AS VARCHAR(65535)),
                '-'
              ) || COALESCE(
                CAST(LENGTH(CAST("orders"."placed" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."placed" AS VARCHAR(65535)),
                '-'
              )
            ) FROM 1 FOR 1),
            16
          ) & 7
        ) << 60
      ) | STRTOL(
        SUBSTRING(MD5(
          COALESCE(
            CAST(LENGTH(CAST("orders"."id" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."id" AS VARCHAR(65535)),
            '-'
          ) || COALESCE(
            CAST(LENGTH(CAST("orders"."placed" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."placed" AS VARCHAR(65535)),
            '-'
          )
        ) FROM 2 FOR 15),
        16
      )
    ) AS "s0"
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
    (
      (
        (
          CAST(CONCAT(
            '0x',
            SUBSTR(
              TO_HEX(
                MD5(
                  CONCAT(
                    COALESCE(
                      CONCAT(
                        CAST(LENGTH(
                          REGEXP_REPLACE(
                            CAST(`orders`.`id` AS STRING),
                            '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                            '\\1\\2'
                          )
                        ) AS STRING),
                        ':',
                        REGEXP_REPLACE(
                          CAST(`orders`.`id` AS STRING),
                          '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                          '\\1\\2'
                        )
                      ),
                      '-'
                    ),
                    COALESCE(
                      CONCAT(
                        CAST(LENGTH(
                          REGEXP_REPLACE(
                            CAST(`orders`.`placed` AS STRING),
                            '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                            '\\1\\2'
                          )
                        ) AS STRING),
                        ':',
                        REGEXP_REPLACE(
                          CAST(`orders`.`placed` AS STRING),
                          '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                          '\\1\\2'
                        )
                      ),
                      '-'
                    )
                  )
                )
              ),
              1,
              1
            )
          ) AS INT64) & 7
        ) << 60
      ) | CAST(CONCAT(
        '0x',
        SUBSTR(
          TO_HEX(
            MD5(
              CONCAT(
                COALESCE(
                  CONCAT(
                    CAST(LENGTH(
                      REGEXP_REPLACE(
                        CAST(`orders`.`id` AS STRING),
                        '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                        '\\1\\2'
                      )
                    ) AS STRING),
                    ':',
                    REGEXP_REPLACE(
                      CAST(`orders`.`id` AS STRING),
                      '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                      '\\1\\2'
                    )
                  ),
                  '-'
                ),
                COALESCE(
                  CONCAT(
                    CAST(LENGTH(
                      REGEXP_REPLACE(
                        CAST(`orders`.`placed` AS STRING),
                        '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                        '\\1\\2'
                      )
                    ) AS STRING),
                    ':',
                    REGEXP_REPLACE(
                      CAST(`orders`.`placed` AS STRING),
                      '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                      '\\1\\2'
                    )
                  ),
                  '-'
                )
              )
            )
          ),
          2,
          15
        )
      ) AS INT64)
    ) AS `s0`
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
/* A surrogate key is the same on every engine. */
/* key: record */
SELECT
  CAST(CAST('0x' || SUBSTRING(
    MD5(
      COALESCE(
        CAST(LENGTH(CAST("orders"."id" AS TEXT)) AS TEXT) || ':' || CAST("orders"."id" AS TEXT),
        '-'
      ) || COALESCE(
        CAST(LENGTH(CAST("orders"."placed" AS TEXT)) AS TEXT) || ':' || CAST("orders"."placed" AS TEXT),
        '-'
      )
    ),
    1,
    16
  ) AS UBIGINT) & 9223372036854775807 AS BIGINT) AS "record",
  TRY_CAST("orders"."state" AS INT) AS "state"
FROM (
  SELECT
    "orders".*
  FROM "shop"."orders" AS "orders"
  JOIN "scope" AS "_s"
    ON (
      CAST(CAST('0x' || SUBSTRING(
        MD5(
          COALESCE(
            CAST(LENGTH(CAST("orders"."id" AS TEXT)) AS TEXT) || ':' || CAST("orders"."id" AS TEXT),
            '-'
          ) || COALESCE(
            CAST(LENGTH(CAST("orders"."placed" AS TEXT)) AS TEXT) || ':' || CAST("orders"."placed" AS TEXT),
            '-'
          )
        ),
        1,
        16
      ) AS UBIGINT) & 9223372036854775807 AS BIGINT)
    ) IS NOT DISTINCT FROM (
      "_s"."s0"
    )
) AS "orders";

-- the rows of those keys (the first of them may be NULL): postgres
/* A surrogate key is the same on every engine. */
/* key: record */
SELECT
  (
    CAST(CAST('x' || SUBSTRING(MD5(
      COALESCE(
        CAST(LENGTH(CAST("orders"."id" AS TEXT)) AS TEXT) || ':' || CAST("orders"."id" AS TEXT),
        '-'
      ) || COALESCE(
        CAST(LENGTH(CAST("orders"."placed" AS TEXT)) AS TEXT) || ':' || CAST("orders"."placed" AS TEXT),
        '-'
      )
    ) FROM 1 FOR 16) AS BIT(64)) AS BIGINT) & 9223372036854775807
  ) AS "record",
  CASE
    WHEN PG_INPUT_IS_VALID(CAST("orders"."state" AS TEXT), 'INT')
    THEN CAST("orders"."state" AS INT)
  END AS "state"
FROM (
  SELECT
    "orders".*
  FROM "shop"."orders" AS "orders"
  JOIN "scope" AS "_s"
    ON JSONB_BUILD_ARRAY(
      (
        CAST(CAST('x' || SUBSTRING(MD5(
          COALESCE(
            CAST(LENGTH(CAST("orders"."id" AS TEXT)) AS TEXT) || ':' || CAST("orders"."id" AS TEXT),
            '-'
          ) || COALESCE(
            CAST(LENGTH(CAST("orders"."placed" AS TEXT)) AS TEXT) || ':' || CAST("orders"."placed" AS TEXT),
            '-'
          )
        ) FROM 1 FOR 16) AS BIT(64)) AS BIGINT) & 9223372036854775807
      )
    ) = JSONB_BUILD_ARRAY("_s"."s0")
) AS "orders";

-- the rows of those keys (the first of them may be NULL): redshift
/* A surrogate key is the same on every engine. */
/* key: record */
SELECT
  (
    (
      (
        STRTOL(
          SUBSTRING(MD5(
            COALESCE(
              CAST(LENGTH(CAST("orders"."id" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."id" AS VARCHAR(65535)),
              '-'
            ) || COALESCE(
              CAST(LENGTH(CAST("orders"."placed" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."placed" AS VARCHAR(65535)),
              '-'
            )
          ) FROM 1 FOR 1),
          16
        ) & 7
      ) << 60
    ) | STRTOL(
      SUBSTRING(MD5(
        COALESCE(
          CAST(LENGTH(CAST("orders"."id" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."id" AS VARCHAR(65535)),
          '-'
        ) || COALESCE(
          CAST(LENGTH(CAST("orders"."placed" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."placed" AS VARCHAR(65535)),
          '-'
        )
      ) FROM 2 FOR 15),
      16
    )
  ) AS "record",
  TRY_CAST("orders"."state" AS INTEGER) AS "state"
FROM (
  SELECT
    "orders".*
  FROM "shop"."orders" AS "orders"
  JOIN "scope" AS "_s"
    ON (
      COALESCE(
        CAST((
          (
            (
              STRTOL(
                SUBSTRING(MD5(
                  COALESCE(
                    CAST(LENGTH(CAST("orders"."id" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."id" AS VARCHAR(65535)),
                    '-'
                  ) || COALESCE(
                    CAST(LENGTH(CAST("orders"."placed" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."placed" AS VARCHAR(65535)),
                    '-'
                  )
                ) FROM 1 FOR 1),
                16
              ) & 7
            ) << 60
          ) | STRTOL(
            SUBSTRING(MD5(
              COALESCE(
                CAST(LENGTH(CAST("orders"."id" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."id" AS VARCHAR(65535)),
                '-'
              ) || COALESCE(
                CAST(LENGTH(CAST("orders"."placed" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."placed" AS VARCHAR(65535)),
                '-'
              )
            ) FROM 2 FOR 15),
            16
          )
        ) AS VARCHAR(65535)),
        ''
      ) = COALESCE(CAST("_s"."s0" AS VARCHAR(65535)), '')
      AND CASE
        WHEN (
          (
            (
              STRTOL(
                SUBSTRING(MD5(
                  COALESCE(
                    CAST(LENGTH(CAST("orders"."id" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."id" AS VARCHAR(65535)),
                    '-'
                  ) || COALESCE(
                    CAST(LENGTH(CAST("orders"."placed" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."placed" AS VARCHAR(65535)),
                    '-'
                  )
                ) FROM 1 FOR 1),
                16
              ) & 7
            ) << 60
          ) | STRTOL(
            SUBSTRING(MD5(
              COALESCE(
                CAST(LENGTH(CAST("orders"."id" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."id" AS VARCHAR(65535)),
                '-'
              ) || COALESCE(
                CAST(LENGTH(CAST("orders"."placed" AS VARCHAR(65535))) AS VARCHAR(65535)) || ':' || CAST("orders"."placed" AS VARCHAR(65535)),
                '-'
              )
            ) FROM 2 FOR 15),
            16
          )
        ) IS NULL
        THEN 1
        ELSE 0
      END = CASE WHEN "_s"."s0" IS NULL THEN 1 ELSE 0 END
    )
) AS "orders";

-- the rows of those keys (the first of them may be NULL): bigquery
/* A surrogate key is the same on every engine. */
/* key: record */
SELECT
  (
    (
      (
        CAST(CONCAT(
          '0x',
          SUBSTR(
            TO_HEX(
              MD5(
                CONCAT(
                  COALESCE(
                    CONCAT(
                      CAST(LENGTH(
                        REGEXP_REPLACE(
                          CAST(`orders`.`id` AS STRING),
                          '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                          '\\1\\2'
                        )
                      ) AS STRING),
                      ':',
                      REGEXP_REPLACE(
                        CAST(`orders`.`id` AS STRING),
                        '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                        '\\1\\2'
                      )
                    ),
                    '-'
                  ),
                  COALESCE(
                    CONCAT(
                      CAST(LENGTH(
                        REGEXP_REPLACE(
                          CAST(`orders`.`placed` AS STRING),
                          '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                          '\\1\\2'
                        )
                      ) AS STRING),
                      ':',
                      REGEXP_REPLACE(
                        CAST(`orders`.`placed` AS STRING),
                        '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                        '\\1\\2'
                      )
                    ),
                    '-'
                  )
                )
              )
            ),
            1,
            1
          )
        ) AS INT64) & 7
      ) << 60
    ) | CAST(CONCAT(
      '0x',
      SUBSTR(
        TO_HEX(
          MD5(
            CONCAT(
              COALESCE(
                CONCAT(
                  CAST(LENGTH(
                    REGEXP_REPLACE(
                      CAST(`orders`.`id` AS STRING),
                      '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                      '\\1\\2'
                    )
                  ) AS STRING),
                  ':',
                  REGEXP_REPLACE(
                    CAST(`orders`.`id` AS STRING),
                    '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                    '\\1\\2'
                  )
                ),
                '-'
              ),
              COALESCE(
                CONCAT(
                  CAST(LENGTH(
                    REGEXP_REPLACE(
                      CAST(`orders`.`placed` AS STRING),
                      '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                      '\\1\\2'
                    )
                  ) AS STRING),
                  ':',
                  REGEXP_REPLACE(
                    CAST(`orders`.`placed` AS STRING),
                    '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                    '\\1\\2'
                  )
                ),
                '-'
              )
            )
          )
        ),
        2,
        15
      )
    ) AS INT64)
  ) AS `record`,
  SAFE_CAST(`orders`.`state` AS INT64) AS `state`
FROM (
  SELECT
    `orders`.*
  FROM `shop__orders` AS `orders`
  JOIN `scope` AS `_s`
    ON (
      TO_JSON_STRING(
        (
          (
            (
              CAST(CONCAT(
                '0x',
                SUBSTR(
                  TO_HEX(
                    MD5(
                      CONCAT(
                        COALESCE(
                          CONCAT(
                            CAST(LENGTH(
                              REGEXP_REPLACE(
                                CAST(`orders`.`id` AS STRING),
                                '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                                '\\1\\2'
                              )
                            ) AS STRING),
                            ':',
                            REGEXP_REPLACE(
                              CAST(`orders`.`id` AS STRING),
                              '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                              '\\1\\2'
                            )
                          ),
                          '-'
                        ),
                        COALESCE(
                          CONCAT(
                            CAST(LENGTH(
                              REGEXP_REPLACE(
                                CAST(`orders`.`placed` AS STRING),
                                '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                                '\\1\\2'
                              )
                            ) AS STRING),
                            ':',
                            REGEXP_REPLACE(
                              CAST(`orders`.`placed` AS STRING),
                              '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                              '\\1\\2'
                            )
                          ),
                          '-'
                        )
                      )
                    )
                  ),
                  1,
                  1
                )
              ) AS INT64) & 7
            ) << 60
          ) | CAST(CONCAT(
            '0x',
            SUBSTR(
              TO_HEX(
                MD5(
                  CONCAT(
                    COALESCE(
                      CONCAT(
                        CAST(LENGTH(
                          REGEXP_REPLACE(
                            CAST(`orders`.`id` AS STRING),
                            '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                            '\\1\\2'
                          )
                        ) AS STRING),
                        ':',
                        REGEXP_REPLACE(
                          CAST(`orders`.`id` AS STRING),
                          '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                          '\\1\\2'
                        )
                      ),
                      '-'
                    ),
                    COALESCE(
                      CONCAT(
                        CAST(LENGTH(
                          REGEXP_REPLACE(
                            CAST(`orders`.`placed` AS STRING),
                            '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                            '\\1\\2'
                          )
                        ) AS STRING),
                        ':',
                        REGEXP_REPLACE(
                          CAST(`orders`.`placed` AS STRING),
                          '^(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d*?)0+(\\+00)?$',
                          '\\1\\2'
                        )
                      ),
                      '-'
                    )
                  )
                )
              ),
              2,
              15
            )
          ) AS INT64)
        )
      ) = TO_JSON_STRING(`_s`.`s0`)
    )
) AS `orders`;

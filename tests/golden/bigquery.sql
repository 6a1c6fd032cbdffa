-- What is made of DuckDB's dialect for BigQuery: a statement, and below it `--> ` and the other. Written anew by
-- ASTERISM_GOLDEN=write.

CREATE TABLE shop.orders (id INTEGER, price DECIMAL(10,2), wide DECIMAL(38,10), at TIMESTAMP, seen TIMESTAMP WITH TIME ZONE, note JSON, tags VARCHAR[], key UUID, n HUGEINT);
--> CREATE TABLE `shop__orders` (`id` INT64 OPTIONS(description = 'INTEGER'), `price` NUMERIC(10, 2) OPTIONS(description = 'DECIMAL(10,2)'), `wide` BIGNUMERIC(38, 10) OPTIONS(description = 'DECIMAL(38,10)'), `at` DATETIME OPTIONS(description = 'TIMESTAMP'), `seen` TIMESTAMP OPTIONS(description = 'TIMESTAMP WITH TIME ZONE'), `note` JSON OPTIONS(description = 'JSON'), `tags` ARRAY<STRING> OPTIONS(description = 'VARCHAR[]'), `key` STRING OPTIONS(description = 'UUID'), `n` BIGNUMERIC OPTIONS(description = 'HUGEINT'))

ALTER TABLE shop.orders ADD COLUMN price DECIMAL(10,2);
--> ALTER TABLE `shop__orders` ADD COLUMN IF NOT EXISTS `price` NUMERIC(10, 2); ALTER TABLE `shop__orders` ALTER COLUMN `price` SET OPTIONS(description = 'DECIMAL(10,2)')

ALTER TABLE shop.orders ALTER COLUMN id TYPE BIGINT;
--> ALTER TABLE `shop__orders` ALTER COLUMN `id` SET DATA TYPE INT64; ALTER TABLE `shop__orders` ALTER COLUMN `id` SET OPTIONS(description = 'BIGINT')

SELECT orders.id, o."$ref" FROM shop.orders JOIN shop.orders AS o ON _same(o.id, orders.id);
--> SELECT `orders`.`id`, `o`.`_u0024_ref` FROM `shop__orders` AS `orders` JOIN `shop__orders` AS `o` ON (TO_JSON_STRING(`o`.`id`) = TO_JSON_STRING(`orders`.`id`))

INSERT INTO shop.orders (id) SELECT id FROM "_t1";
--> INSERT INTO `shop__orders` (`id`) SELECT `id` FROM `_t1`

DELETE FROM shop.orders AS t USING "_t1" AS m WHERE t.id = m.id;
--> DELETE FROM `shop__orders` AS `t` WHERE EXISTS(SELECT 1 FROM `_t1` AS `m` WHERE `t`.`id` = `m`.`id`)

DELETE FROM shop.orders;
--> DELETE FROM `shop__orders` WHERE TRUE

SELECT id, price FROM "_t1" EXCEPT ALL SELECT id, price FROM "_t2";
--> SELECT `id`, `price` FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY _row) AS _n FROM (SELECT `id` AS `id`, `price` AS `price`, TO_JSON_STRING(STRUCT(`id` AS `id`, `price` AS `price`)) AS _row FROM (SELECT `id`, `price` FROM `_t1`))) AS _one WHERE NOT EXISTS (SELECT 1 FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY _row) AS _n FROM (SELECT `id` AS `id`, `price` AS `price`, TO_JSON_STRING(STRUCT(`id` AS `id`, `price` AS `price`)) AS _row FROM (SELECT `id`, `price` FROM `_t2`))) AS _other WHERE _other._row = _one._row AND _other._n = _one._n)

INSERT INTO _asterism.cursors VALUES ($1, CAST($2 AS TIMESTAMP));
--> INSERT INTO `_asterism__cursors` VALUES (@p1, CAST(@p2 AS DATETIME))

SELECT surrogate_key(id, TIMESTAMP '2024-02-29 07:55:00');
--> SELECT (((CAST(CONCAT('0x', SUBSTR(TO_HEX(MD5(CONCAT(COALESCE(CONCAT(CAST(LENGTH(REGEXP_REPLACE(CAST(`id` AS STRING), r'^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d*?)0+(\+00)?$', r'\1\2')) AS STRING), ':', REGEXP_REPLACE(CAST(`id` AS STRING), r'^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d*?)0+(\+00)?$', r'\1\2')), '-'), COALESCE(CONCAT(CAST(LENGTH(REGEXP_REPLACE(CAST(CAST('2024-02-29 07:55:00' AS DATETIME) AS STRING), r'^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d*?)0+(\+00)?$', r'\1\2')) AS STRING), ':', REGEXP_REPLACE(CAST(CAST('2024-02-29 07:55:00' AS DATETIME) AS STRING), r'^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d*?)0+(\+00)?$', r'\1\2')), '-')))), 1, 1)) AS INT64) & 7) << 60) | CAST(CONCAT('0x', SUBSTR(TO_HEX(MD5(CONCAT(COALESCE(CONCAT(CAST(LENGTH(REGEXP_REPLACE(CAST(`id` AS STRING), r'^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d*?)0+(\+00)?$', r'\1\2')) AS STRING), ':', REGEXP_REPLACE(CAST(`id` AS STRING), r'^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d*?)0+(\+00)?$', r'\1\2')), '-'), COALESCE(CONCAT(CAST(LENGTH(REGEXP_REPLACE(CAST(CAST('2024-02-29 07:55:00' AS DATETIME) AS STRING), r'^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d*?)0+(\+00)?$', r'\1\2')) AS STRING), ':', REGEXP_REPLACE(CAST(CAST('2024-02-29 07:55:00' AS DATETIME) AS STRING), r'^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d*?)0+(\+00)?$', r'\1\2')), '-')))), 2, 15)) AS INT64))

SELECT note ->> 'a', note -> 'it''s' ->> 'x', note ->> '$.a.b[1]' FROM shop.orders;
--> SELECT COALESCE(JSON_VALUE(`note`, '$."a"'), NULLIF(NULLIF(FORMAT('%t', JSON_QUERY(`note`, '$."a"')), 'null'), 'NULL')), COALESCE(JSON_VALUE(JSON_QUERY(`note`, '$."it\'s"'), '$."x"'), NULLIF(NULLIF(FORMAT('%t', JSON_QUERY(JSON_QUERY(`note`, '$."it\'s"'), '$."x"')), 'null'), 'NULL')), COALESCE(JSON_VALUE(`note`, '$."a"."b"[1]'), NULLIF(NULLIF(FORMAT('%t', JSON_QUERY(`note`, '$."a"."b"[1]')), 'null'), 'NULL')) FROM `shop__orders` AS `orders`

SELECT CAST(price AS DECIMAL(10,1)), CAST(id AS HUGEINT), TRY_CAST(note AS DECIMAL(38,12)), CAST(id AS VARCHAR(3)) FROM shop.orders;
--> SELECT ROUND(CAST(`price` AS NUMERIC), 1), ROUND(CAST(`id` AS BIGNUMERIC)), ROUND(SAFE_CAST(`note` AS BIGNUMERIC), 12), CAST(`id` AS STRING) FROM `shop__orders` AS `orders`

SELECT epoch_ms(id), dayname(at), isodow(at), extract(isodow from at), extract(dow from at) FROM shop.orders;
--> SELECT DATETIME(TIMESTAMP_MILLIS(`id`)), FORMAT_DATETIME('%A', CAST(`at` AS DATETIME)), (MOD(EXTRACT(DAYOFWEEK FROM `at`) + 5, 7) + 1), (MOD(EXTRACT(DAYOFWEEK FROM `at`) + 5, 7) + 1), (EXTRACT(DAYOFWEEK FROM `at`) - 1) FROM `shop__orders` AS `orders`

SELECT id FROM shop.orders QUALIFY row_number() OVER (PARTITION BY id ORDER BY at, price DESC) = 1;
--> SELECT `id` FROM `shop__orders` AS `orders` WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY `id` ORDER BY `at` IS NULL, `at`, `price` DESC) = 1

SELECT n FROM generate_series(1, 3) AS t (n);
--> SELECT `n` FROM (SELECT _each AS `n` FROM UNNEST(GENERATE_ARRAY(1, 3)) AS _each) AS `t`

SELECT d FROM generate_series(DATE '2024-01-31', DATE '2024-03-31', INTERVAL 1 MONTH) AS t (d);
--> SELECT `d` FROM (SELECT CAST(_each AS DATETIME) AS `d` FROM UNNEST(GENERATE_DATE_ARRAY(CAST(CAST('2024-01-31' AS DATE) AS DATE), CAST(CAST('2024-03-31' AS DATE) AS DATE), INTERVAL '1' MONTH)) AS _each) AS `t`

SELECT h FROM range(TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-02', INTERVAL 1 HOUR) AS t (h);
--> SELECT `h` FROM (SELECT DATETIME(_each) AS `h` FROM UNNEST(GENERATE_TIMESTAMP_ARRAY(TIMESTAMP(CAST(CAST('2024-01-01' AS DATETIME) AS DATETIME)), TIMESTAMP(CAST(CAST('2024-01-02' AS DATETIME) AS DATETIME)), INTERVAL '1' HOUR)) AS _each WHERE _each < TIMESTAMP(CAST(CAST('2024-01-02' AS DATETIME) AS DATETIME))) AS `t`

WITH s (f, n) AS (VALUES ('a', 1), ('b', 2)) SELECT f FROM s JOIN (VALUES (0), (1)) AS m (k) ON k = n;
--> WITH `s` AS (SELECT * FROM (SELECT 'a' AS `f`, 1 AS `n` UNION ALL SELECT 'b' AS `f`, 2 AS `n`) AS `_values`) SELECT `f` FROM `s` JOIN (SELECT 0 AS `k` UNION ALL SELECT 1 AS `k`) AS `m` ON `k` = `n`

SELECT id FROM shop.orders WHERE id IN (SELECT unnest($1));
--> SELECT `id` FROM `shop__orders` AS `orders` WHERE `id` IN UNNEST(@p1)

SELECT * FROM (SELECT id AS a, at FROM shop.orders) AS p (x, y);
--> SELECT * FROM (SELECT `id` AS `x`, `at` AS `y` FROM `shop__orders` AS `orders`) AS `p`

SELECT note ->> id, CAST(json_merge_patch(note, '{"a": null, "b": 1}') AS VARCHAR), CAST('{"a": 1}' AS JSON) FROM shop.orders;
--> SELECT COALESCE(JSON_VALUE(`note`[`id`]), NULLIF(NULLIF(FORMAT('%t', `note`[`id`]), 'null'), 'NULL')), TO_JSON_STRING(JSON_SET(JSON_REMOVE(`note`, '$."a"'), '$."b"', PARSE_JSON('1'))), PARSE_JSON('{"a": 1}') FROM `shop__orders` AS `orders`

SELECT make_timestamp(id * 1000000) FROM shop.orders;
--> SELECT DATETIME(TIMESTAMP_MICROS(`id` * 1000000)) FROM `shop__orders` AS `orders`

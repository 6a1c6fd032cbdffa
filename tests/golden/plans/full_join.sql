-- A FULL JOIN is rebuilt.
-- key: id
select coalesce(o.id, r.order_id) as id, r.amount from shop.orders o full join shop.refunds r on r.order_id = o.id

-- ---- what is made of it

-- full_join (key id): full: a FULL JOIN

-- all of it: duckdb
/* A FULL JOIN is rebuilt. */
/* key: id */
SELECT
  COALESCE("o"."id", "r"."order_id") AS "id",
  "r"."amount" AS "amount"
FROM "shop"."orders" AS "o"
FULL JOIN "shop"."refunds" AS "r"
  ON "r"."order_id" = "o"."id";

-- all of it: postgres
/* A FULL JOIN is rebuilt. */
/* key: id */
SELECT
  COALESCE("o"."id", "r"."order_id") AS "id",
  "r"."amount" AS "amount"
FROM "shop"."orders" AS "o"
FULL JOIN "shop"."refunds" AS "r"
  ON "r"."order_id" = "o"."id";

-- all of it: redshift
/* A FULL JOIN is rebuilt. */
/* key: id */
SELECT
  COALESCE("o"."id", "r"."order_id") AS "id",
  "r"."amount" AS "amount"
FROM "shop"."orders" AS "o"
FULL JOIN "shop"."refunds" AS "r"
  ON "r"."order_id" = "o"."id";

-- all of it: bigquery
/* A FULL JOIN is rebuilt. */
/* key: id */
SELECT
  COALESCE(`o`.`id`, `r`.`order_id`) AS `id`,
  `r`.`amount` AS `amount`
FROM `shop__orders` AS `o`
FULL JOIN `shop__refunds` AS `r`
  ON `r`.`order_id` = `o`.`id`;

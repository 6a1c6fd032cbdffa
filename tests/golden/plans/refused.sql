-- What has no single answer is refused.
-- key: customer
select customer, any_value(state) as state from shop.orders group by customer

-- ---- what is made of it

-- refused: any_value() may answer any of the rows, so the table could not be kept current
--   Use min() or max().

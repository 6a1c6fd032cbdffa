-- Sales and purchases that were deleted at the source: their last version, and when it was found gone.
-- chart: table title="Deleted orders"
select order_kind, order_id, created_date, counterparty_id, deleted_at
from (
    select 'sale' as order_kind, sales_order_id as order_id, created_date, counterparty_id, valid_to as deleted_at,
        row_number() over (partition by sales_order_id order by valid_from desc) as age
    from fact_sales_order
    where sales_order_id not in (select sales_order_id from fact_sales_order where is_current)
    union all
    select 'purchase', purchase_order_id, created_date, counterparty_id, valid_to,
        row_number() over (partition by purchase_order_id order by valid_from desc)
    from fact_purchase_orders
    where purchase_order_id not in (select purchase_order_id from fact_purchase_orders where is_current)
) as versions
where age = 1
order by deleted_at, order_kind, order_id

-- How many sales and purchases were made on each day that had any.
-- param: since date = date '2020-01-01'
-- chart: line x=date_id y=sales,purchases title="Orders a day"
select
    dim_date.date_id,
    dim_date.day_name,
    cast(sum(orders.sales) as bigint) as sales,
    cast(sum(orders.purchases) as bigint) as purchases
from (
    select created_date, count(*) as sales, 0 as purchases
    from fact_sales_order
    where is_current
    group by created_date
    union all
    select created_date, 0 as sales, count(*) as purchases
    from fact_purchase_orders
    where is_current
    group by created_date
) as orders
join dim_date on dim_date.date_id = orders.created_date
where dim_date.date_id >= cast($since as date)
group by dim_date.date_id, dim_date.day_name
order by dim_date.date_id

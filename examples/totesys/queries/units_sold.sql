-- How many units were sold in a month: last month, unless a day of another is given.
-- param: month date = current_date - interval 1 month
-- chart: number value=units_sold,orders title="Units sold in a month"
select
    cast(date_trunc('month', cast($month as date)) as date) as month,
    count(*) as orders,
    cast(coalesce(sum(units_sold), 0) as bigint) as units_sold
from fact_sales_order
where
    is_current
    and created_date >= date_trunc('month', cast($month as date))
    and created_date < date_trunc('month', cast($month as date)) + interval 1 month

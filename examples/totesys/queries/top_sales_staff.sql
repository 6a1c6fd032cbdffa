-- Who sells most: the ten members of staff with the highest revenue, a list for each currency.
-- chart: bar x=first_name,last_name y=revenue pick=currency_code title="Top sales staff"
select currency_code, place, staff_id, first_name, last_name, orders, revenue
from (
    select
        dim_currency.currency_code,
        dim_staff.staff_id,
        dim_staff.first_name,
        dim_staff.last_name,
        count(*) as orders,
        cast(sum(fact_sales_order.units_sold * fact_sales_order.unit_price) as decimal(18, 2)) as revenue,
        row_number() over (
            partition by dim_currency.currency_code
            order by sum(fact_sales_order.units_sold * fact_sales_order.unit_price) desc, dim_staff.staff_id
        ) as place
    from fact_sales_order
    join dim_staff on dim_staff.staff_id = fact_sales_order.sales_staff_id
    join dim_currency on dim_currency.currency_id = fact_sales_order.currency_id
    where fact_sales_order.is_current
    group by dim_currency.currency_code, dim_staff.staff_id, dim_staff.first_name, dim_staff.last_name
) as ranked
where place <= 10
order by currency_code, place

-- A sale beside the name of who made it, which changes with the name.
-- kind: fact
-- key: sales_order_id
select
    sales_order.sales_order_id,
    cast(sales_order.created_at as date) as created_date,
    staff.first_name,
    staff.last_name,
    sales_order.units_sold,
    sales_order.unit_price,
    sales_order.currency_id
from totesys.sales_order
join totesys.staff on staff.staff_id = sales_order.staff_id

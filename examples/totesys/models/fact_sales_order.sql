-- A sale, in every version; an agreed date that is no date is NULL, and the rest of the row stands.
-- kind: fact
-- key: sales_order_id
-- history: versions
-- record: sales_record_id
-- references: created_date -> dim_date, last_updated_date -> dim_date, sales_staff_id -> dim_staff,
--     counterparty_id -> dim_counterparty, currency_id -> dim_currency, design_id -> dim_design,
--     agreed_payment_date -> dim_date, agreed_delivery_date -> dim_date,
--     agreed_delivery_location_id -> dim_location
-- check: units_sold > 0
-- check: unit_price > 0 or warn
select
    sales_order_id,
    cast(created_at as date) as created_date,
    cast(created_at as time) as created_time,
    cast(last_updated as date) as last_updated_date,
    cast(last_updated as time) as last_updated_time,
    staff_id as sales_staff_id,
    counterparty_id,
    units_sold,
    unit_price,
    currency_id,
    design_id,
    try_cast(agreed_payment_date as date) as agreed_payment_date,
    try_cast(agreed_delivery_date as date) as agreed_delivery_date,
    agreed_delivery_location_id
from totesys.sales_order

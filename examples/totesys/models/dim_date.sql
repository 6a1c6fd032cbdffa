-- A day: all of 2020 to five years from now, and every other day that an order or a payment mentions.
-- kind: dimension
-- key: date_id
with mentioned as (
    select cast(d as date) as date_id
    from generate_series(date '2020-01-01', current_date + interval 5 year, interval 1 day) as days (d)
    union all
    select cast(created_at as date) from totesys.sales_order
    union all
    select cast(last_updated as date) from totesys.sales_order
    union all
    select try_cast(agreed_payment_date as date) from totesys.sales_order
    union all
    select try_cast(agreed_delivery_date as date) from totesys.sales_order
    union all
    select cast(created_at as date) from totesys.purchase_order
    union all
    select cast(last_updated as date) from totesys.purchase_order
    union all
    select try_cast(agreed_payment_date as date) from totesys.purchase_order
    union all
    select try_cast(agreed_delivery_date as date) from totesys.purchase_order
    union all
    select cast(created_at as date) from totesys.payment
    union all
    select cast(last_updated as date) from totesys.payment
    union all
    select try_cast(payment_date as date) from totesys.payment
)
select distinct
    date_id,
    cast(extract(year from date_id) as integer) as year,
    cast(extract(month from date_id) as integer) as month,
    cast(extract(day from date_id) as integer) as day,
    cast(extract(isodow from date_id) as integer) as day_of_week,
    case cast(extract(isodow from date_id) as integer)
        when 1 then 'Monday'
        when 2 then 'Tuesday'
        when 3 then 'Wednesday'
        when 4 then 'Thursday'
        when 5 then 'Friday'
        when 6 then 'Saturday'
        else 'Sunday'
    end as day_name,
    case cast(extract(month from date_id) as integer)
        when 1 then 'January'
        when 2 then 'February'
        when 3 then 'March'
        when 4 then 'April'
        when 5 then 'May'
        when 6 then 'June'
        when 7 then 'July'
        when 8 then 'August'
        when 9 then 'September'
        when 10 then 'October'
        when 11 then 'November'
        else 'December'
    end as month_name,
    cast(extract(quarter from date_id) as integer) as quarter
from mentioned
where date_id is not null

-- What has not been paid, by the day it was or is due (unknown first), the kind of payment and the currency.
-- param: since date = date '2020-01-01'
-- chart: stacked x=payment_date y=amount series=payment_type_name pick=currency_code title="Unpaid, by due date"
select
    fact_payment.payment_date,
    dim_date.day_name,
    dim_payment_type.payment_type_name,
    dim_currency.currency_code,
    count(*) as payments,
    cast(sum(fact_payment.payment_amount) as decimal(18, 2)) as amount
from fact_payment
left join dim_date on dim_date.date_id = fact_payment.payment_date
join dim_payment_type on dim_payment_type.payment_type_id = fact_payment.payment_type_id
join dim_currency on dim_currency.currency_id = fact_payment.currency_id
where
    fact_payment.is_current
    and not fact_payment.paid
    and (fact_payment.payment_date is null or fact_payment.payment_date >= cast($since as date))
group by
    fact_payment.payment_date, dim_date.day_name, dim_payment_type.payment_type_name, dim_currency.currency_code
order by fact_payment.payment_date nulls first, dim_payment_type.payment_type_name, dim_currency.currency_code

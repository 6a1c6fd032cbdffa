-- Every version of one payment that was seen, the oldest first.
-- param: payment_id integer
select
    payment_record_id,
    payment_id,
    payment_amount,
    paid,
    payment_date,
    last_updated_date,
    last_updated_time,
    valid_from,
    valid_to,
    is_current
from fact_payment
where payment_id = cast($payment_id as integer)
order by valid_from

-- A payment, in every version: settling it is a version of its own. Account numbers stay at the source.
-- kind: fact
-- key: payment_id
-- history: versions
-- record: payment_record_id
-- references: created_date -> dim_date, last_updated_date -> dim_date, transaction_id -> dim_transaction,
--     counterparty_id -> dim_counterparty, currency_id -> dim_currency, payment_type_id -> dim_payment_type,
--     payment_date -> dim_date
-- check: payment_amount > 0
-- check: unique(transaction_id) or warn
select
    payment_id,
    cast(created_at as date) as created_date,
    cast(created_at as time) as created_time,
    cast(last_updated as date) as last_updated_date,
    cast(last_updated as time) as last_updated_time,
    transaction_id,
    counterparty_id,
    payment_amount,
    currency_id,
    payment_type_id,
    paid,
    try_cast(payment_date as date) as payment_date
from totesys.payment

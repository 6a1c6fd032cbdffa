-- What was saved on the day, by currency, and by how many users.
-- param: day date = current_date - interval 1 day
-- chart: bar x=currency y=amount_saved title="Amount saved"
select
    currency,
    cast(sum(amount) as decimal(30, 0)) * cast(0.0001 as decimal(5, 4)) as amount_saved,
    count(distinct user_id) as savers
from ops.user_behaviour
where
    transaction_type = 'SAVING_EVENT'
    and time_transaction_occurred >= cast($day as timestamp)
    and time_transaction_occurred < cast($day as timestamp) + interval 1 day
group by currency
order by currency

-- Money that moved: successful savings and confirmed withdrawals, in hundredths of a cent.
-- kind: fact
-- key: behaviour_id
-- partition: time_transaction_occurred
-- cluster: user_id
select
    _id as behaviour_id,
    user_id,
    account_id,
    transaction_type,
    amount,
    'HUNDREDTH_CENT' as unit,
    currency,
    time_transaction_occurred,
    _received_at as created_at,
    _received_at as updated_at
from streams.user_behaviour

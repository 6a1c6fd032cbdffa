-- Flags that are in a state, the latest first.
-- param: accuracy varchar = 'PENDING_CONFIRMATION'
-- chart: table columns=created_at,user_id,rule_label,reason,accuracy title="Fraud flags"
select flag_id, user_id, account_id, rule_label, reason, accuracy, created_at, updated_at
from ops.user_flagged_as_fraudulent
where accuracy = $accuracy
order by created_at desc, flag_id

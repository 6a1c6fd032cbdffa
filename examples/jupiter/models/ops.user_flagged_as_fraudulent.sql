-- Users whom a fraud rule flagged, with the figures, and what people found out about it.
-- kind: fact
-- key: flag_id
-- partition: created_at month
-- cluster: user_id
select
    flag._id as flag_id,
    flag.user_id,
    flag.account_id,
    flag.rule_label,
    flag.reason,
    coalesce(review.accuracy, 'PENDING_CONFIRMATION') as accuracy,
    flag._received_at as created_at,
    coalesce(review.reviewed_at, flag._received_at) as updated_at
from streams.fraud_flags as flag
left join (
    select "flagId" as flag_id, accuracy, _received_at as reviewed_at
    from streams.flag_reviews
    qualify row_number() over (partition by "flagId" order by _received_at desc, _id desc) = 1
) as review on review.flag_id = flag._id

-- What each user has paid altogether in each currency, by the latest snapshot, in minor units; any currency.
-- kind: mart
-- key: surr_user_id, currency
with latest as (
    select data_user_id, user_meta_revenue
    from rawevents.events
    where user_meta_revenue is not null
    qualify row_number() over (partition by data_user_id order by arrival_ts desc, _object desc, _line desc) = 1
),
currencies as (
    select data_user_id, user_meta_revenue, unnest(json_keys(user_meta_revenue)) as currency
    from latest
)
select
    surrogate_key(data_user_id) as surr_user_id,
    currency,
    cast(user_meta_revenue ->> currency as bigint) as amount
from currencies

-- A user who was active on a day (UTC, by the clock of the server that took the event), and what was known of them then.
-- kind: mart
-- key: day, surr_user_id
select
    cast(make_timestamp(arrival_ts * 1000000) as date) as day,
    surrogate_key(data_user_id) as surr_user_id,
    coalesce(bool_or(user_meta_is_converting), false) as is_converting,
    coalesce(bool_or(user_meta_is_paying), false) as is_paying,
    count(*) as events
from rawevents.events
group by day, surr_user_id

-- A session, as its latest event tells.
-- kind: dimension
-- key: surr_session_id
select
    surrogate_key(data_session_id) as surr_session_id,
    data_session_id as session_id,
    data_session_num as session_num,
    make_timestamp(arrival_ts * 1000000) as arrival_ts_from_unix,
    data_amount as amount,
    data_attempt_num as attempt_num,
    data_category as category,
    data_connection_type as connection_type,
    data_jailbroken as jailbroken,
    data_length as length,
    data_limited_ad_tracking as limited_ad_tracking,
    data_manufacturer as manufacturer,
    data_platform as platform,
    data_android_id as android_id,
    data_score as score,
    data_value as value,
    data_v as v
from rawevents.events
qualify row_number() over (partition by data_session_id order by arrival_ts desc, _object desc, _line desc) = 1

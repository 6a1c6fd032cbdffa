-- A user, as the latest event tells.
-- kind: dimension
-- key: surr_user_id
select
    surrogate_key(data_user_id) as surr_user_id,
    data_user_id as user_id,
    country_code,
    coalesce(user_meta_is_converting, false) as is_converting,
    coalesce(user_meta_is_paying, false) as is_paying,
    user_meta_origin as origin,
    user_meta_pay_ft as pay_ft,
    user_meta_first_build as first_build,
    make_timestamp(data_client_ts * 1000000) as client_ts_from_unix,
    make_timestamp(user_meta_cohort_month * 1000000) as cohort_month_from_unix,
    make_timestamp(user_meta_cohort_week * 1000000) as cohort_week_from_unix,
    make_timestamp(user_meta_install_hour * 1000000) as install_hour_from_unix,
    make_timestamp(user_meta_install_ts * 1000000) as install_ts_from_unix
from rawevents.events
qualify row_number() over (partition by data_user_id order by arrival_ts desc, _object desc, _line desc) = 1

-- Who came and went in an hour, by sensor, and for the whole site under the name `all`.
-- kind: mart
-- key: service, hour
select
    service,
    date_trunc('hour', event_time) as hour,
    count(*) filter (where event = 1) as entered,
    count(*) filter (where event = -1) as "left",
    cast(sum(event) as bigint) as change
from (
    select service, event_time, event from fact_access
    union all
    select 'all' as service, event_time, event from fact_access
) as passed
group by service, date_trunc('hour', event_time)

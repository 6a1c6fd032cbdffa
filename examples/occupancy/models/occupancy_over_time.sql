-- How many persons were inside at the end of an hour in which anybody came or went, and until which hour nobody did.
-- kind: mart
-- key: service, hour
select
    days.service,
    days.day,
    passed.hour,
    coalesce(
        lead(passed.hour) over (partition by days.service, days.day order by passed.hour), days.until
    ) as until,
    passed.entered,
    passed."left",
    cast(
        days.opening + sum(passed.change) over (partition by days.service, days.day order by passed.hour) as bigint
    ) as occupancy
from daily_occupancy as days
join hourly_access as passed on passed.service = days.service and date_trunc('day', passed.hour) = days.day

-- How many persons were inside at the end of each hour, quiet ones included; the hour that still goes on is not there.
-- kind: mart
-- key: service, hour
select
    days.service,
    -- A day's hours go on until the next day with events begins. Of a longer silence one week tells enough.
    days.day,
    days.day + ahead * interval 1 hour as hour,
    cast(extract(isodow from days.day + ahead * interval 1 hour) as integer) as day_of_week,
    cast(extract(hour from days.day + ahead * interval 1 hour) as integer) as hour_of_day,
    cast(
        days.opening
        + coalesce(sum(passed.change) over (partition by days.service, days.day order by ahead), 0) as bigint
    ) as occupancy
from daily_occupancy as days
join generate_series(0, 191) as steps (ahead)
    on
        days.day + ahead * interval 1 hour >= days.first_hour
        and days.day + ahead * interval 1 hour < coalesce(days.until, days.last_hour)
        and days.day + ahead * interval 1 hour < days.last_hour + interval 168 hour
left join hourly_access as passed
    on
        passed.service = days.service
        and date_trunc('day', passed.hour) = days.day
        and extract(hour from passed.hour) = ahead

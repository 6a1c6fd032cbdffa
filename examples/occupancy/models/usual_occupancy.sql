-- How many persons are usually inside at the end of an hour of the week: the mean over the weeks, quiet hours included.
-- kind: mart
-- key: service, day_of_week, hour_of_day
select
    service,
    day_of_week,
    hour_of_day,
    cast(avg(occupancy) as double) as usual,
    count(*) as weeks
from hourly_occupancy
group by service, day_of_week, hour_of_day

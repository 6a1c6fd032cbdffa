-- How many persons are usually inside at the end of an hour of the week: the mean over the weeks, quiet hours included.
-- kind: mart
-- key: service, day_of_week, hour_of_day
select
    service,
    cast(extract(isodow from hour) as integer) as day_of_week,
    cast(extract(hour from hour) as integer) as hour_of_day,
    cast(avg(occupancy) as double) as usual,
    count(*) as weeks
from (
    -- Of a longer silence one week tells enough.
    select service, occupancy, hour + ahead * interval 1 hour as hour
    from occupancy_over_time
    join generate_series(0, 167) as steps (ahead) on hour + ahead * interval 1 hour < until
) as hours
group by service, cast(extract(isodow from hour) as integer), cast(extract(hour from hour) as integer)

-- With how many persons a day began, by sensor: of the days in which anybody came or went, and until when nobody did then.
-- kind: mart
-- key: service, day
select
    service,
    day,
    first_hour,
    last_hour,
    lead(first_hour) over (partition by service order by day) as until,
    cast(sum(change) over (partition by service order by day) - change as bigint) as opening
from (
    select
        service,
        date_trunc('day', hour) as day,
        min(hour) as first_hour,
        max(hour) as last_hour,
        sum(change) as change
    from hourly_access
    group by service, date_trunc('day', hour)
) as days

-- How many persons were inside at the end of an hour in which anybody came or went, and until which hour nobody did.
-- kind: mart
-- key: service, hour
select
    service,
    hour,
    lead(hour) over (partition by service order by hour) as until,
    entered,
    "left",
    cast(sum(change) over (partition by service order by hour) as bigint) as occupancy
from hourly_access

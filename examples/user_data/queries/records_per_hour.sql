-- How many requests came in each hour, and how many persons were found in them.
-- param: since timestamp = timestamp '2020-01-01'
-- chart: bar x=hour y=requests,persons title="Records per hour"
select hour, cast(sum(requests) as bigint) as requests, cast(sum(persons) as bigint) as persons
from (
    select date_trunc('hour', _received_at) as hour, 1 as requests, 0 as persons
    from streams.raw_users
    where _received_at >= $since
    union all
    select date_trunc('hour', received_at) as hour, 0 as requests, 1 as persons
    from fact_user
    where received_at >= $since
) as came
group by hour
order by hour

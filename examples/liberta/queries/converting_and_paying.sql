-- Which share of each day's active users were converting, and paying.
-- param: since date = date '1970-01-01'
-- param: until date = date '9999-12-31'
-- chart: line x=day y=converting,paying unit=% title="Conversion"
select
    day,
    count(*) as users,
    round(avg(case when is_converting then 1.0 else 0.0 end), 4) as converting,
    round(avg(case when is_paying then 1.0 else 0.0 end), 4) as paying
from daily_users
where day between $since and $until
group by day
order by day

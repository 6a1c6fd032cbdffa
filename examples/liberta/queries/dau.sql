-- Distinct users who were active on each day.
-- param: since date = date '1970-01-01'
-- param: until date = date '9999-12-31'
-- chart: line x=day y=users title="Daily active users"
select day, count(*) as users
from daily_users
where day between $since and $until
group by day
order by day

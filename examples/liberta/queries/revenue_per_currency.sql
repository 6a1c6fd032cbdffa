-- What all users have paid altogether in each currency, in minor units.
select currency, sum(amount) as revenue, count(*) as users
from user_revenue
group by currency
order by currency

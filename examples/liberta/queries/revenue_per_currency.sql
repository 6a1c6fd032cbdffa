-- What all users have paid altogether in each currency, in minor units.
-- chart: bar x=currency y=revenue title="Revenue per currency"
select currency, sum(amount) as revenue, count(*) as users
from user_revenue
group by currency
order by currency

-- How many events of each source there were on each day.
-- param: since date = date '2020-01-01'
-- chart: stacked x=day y=events series=source_of_event title="Events a day"
select
    cast(date_trunc('day', time_transaction_occurred) as date) as day,
    source_of_event,
    count(*) as events
from ops.all_user_events
where time_transaction_occurred >= cast($since as timestamp)
group by day, source_of_event
order by day, source_of_event

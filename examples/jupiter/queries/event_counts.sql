-- How many events of these types there were, from the day `startDate` to the day `endDate`, both included.
-- param: startDate date
-- param: endDate date
-- param: eventTypes varchar[]
-- chart: bar x=event_type y=event_count title="Events by type"
select event_type, count(*) as event_count
from ops.all_user_events
where
    time_transaction_occurred >= cast($startDate as timestamp)
    and time_transaction_occurred < cast($endDate as timestamp) + interval 1 day
    and event_type in (select unnest($eventTypes))
group by event_type
order by event_type

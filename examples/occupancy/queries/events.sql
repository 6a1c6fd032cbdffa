-- The events as they are stored, the latest first.
-- param: service varchar = 'all'
-- chart: table columns=event_time,service,event,received_at title="Latest events"
select event_time, service, event, received_at, access_id
from fact_access
where $service in ('all', service)
order by event_time desc, access_id desc
limit 1000

-- One person passed a sensor: each event that was accepted, once.
-- kind: fact
-- key: access_id
select
    _id as access_id,
    service,
    event,
    "eventTime" as event_time,
    _received_at as received_at
from streams.accesses

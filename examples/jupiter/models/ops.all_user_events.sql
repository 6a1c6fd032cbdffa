-- What every user did: told by our services, or by the app through Amplitude. Each event once.
-- kind: fact
-- key: source_of_event, event_id
-- partition: time_transaction_occurred
-- cluster: user_id, event_type
select
    _id as event_id,
    "userId" as user_id,
    "eventType" as event_type,
    epoch_ms("timestamp") as time_transaction_occurred,
    'INTERNAL_SERVICES' as source_of_event,
    _received_at as created_at,
    _received_at as updated_at,
    context
from streams.sns_events
union all
-- An event of the app comes with its day's export; it is as old as its upload.
select
    uuid as event_id,
    coalesce(user_id, device_id, 'unknown') as user_id,
    coalesce(event_type, 'unknown') as event_type,
    coalesce(client_event_time, event_time, client_upload_time, server_upload_time) as time_transaction_occurred,
    'AMPLITUDE' as source_of_event,
    coalesce(server_upload_time, server_received_time, event_time) as created_at,
    coalesce(server_upload_time, server_received_time, event_time) as updated_at,
    event_properties as context
from amplitude.events

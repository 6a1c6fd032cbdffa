-- Requests as they came, the latest first, with the persons that were found in each.
-- param: since timestamp = timestamp '2020-01-01'
-- chart: table title="Latest requests"
select
    raw_users._id as request_id,
    raw_users._received_at as received_at,
    raw_users.record,
    count(users._id) as persons
from streams.raw_users
left join streams.users on starts_with(users._id, 'extract/' || raw_users._id || '/')
where raw_users._received_at >= $since
group by raw_users._id, raw_users._received_at, raw_users.record
order by received_at desc, request_id
limit 100

-- A person as one request described them.
-- kind: fact
-- key: user_id
select
    _id as user_id,
    first_name,
    middle_name,
    last_name,
    zip_code,
    _received_at as received_at
from streams.users

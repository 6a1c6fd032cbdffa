-- Who is called so.
-- param: last_name varchar
-- param: first_name varchar = null
select user_id, first_name, middle_name, last_name, zip_code, received_at
from fact_user
where last_name = $last_name and ($first_name is null or first_name = $first_name)
order by received_at, user_id

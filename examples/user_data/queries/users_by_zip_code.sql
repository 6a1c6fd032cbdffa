-- The zip codes that most descriptions came from.
-- param: most integer = 20
-- chart: bar x=zip_code y=users title="Most frequent zip codes"
select zip_code, users, latest
from users_by_zip_code
order by users desc, zip_code
limit $most

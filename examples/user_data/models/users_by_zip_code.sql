-- How many descriptions of persons came from each zip code; NULL where they have none.
-- kind: mart
-- key: zip_code
select zip_code, count(*) as users, max(received_at) as latest
from fact_user
group by zip_code

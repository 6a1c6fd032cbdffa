-- How many persons are usually inside at the end of this hour of the week, by sensor and for the site (`all`).
-- param: at timestamp = current_timestamp
-- chart: bar x=service y=usual title="Usual count at this hour"
select service, round(usual * 10) / 10 as usual, weeks
from usual_occupancy
where
    day_of_week = extract(isodow from $at)
    and hour_of_day = extract(hour from $at)
order by service

-- How many persons were inside at the end of each hour of a day in which anybody came or went: of the latest such day.
-- param: service varchar = 'all'
-- param: day date = (select max(hour) from occupancy_over_time)
-- chart: line x=hour y=occupancy,entered,left title="Occupancy over a day"
select hour, entered, "left", occupancy
from occupancy_over_time
where service = $service and hour >= $day and hour < $day + interval 1 day
order by hour

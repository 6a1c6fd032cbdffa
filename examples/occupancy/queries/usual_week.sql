-- How many persons are usually inside at the end of each hour of the week.
-- param: service varchar = 'all'
-- chart: heat x=hour_of_day y=weekday value=usual title="Usual count, by hour of the week"
select
    day_of_week,
    case day_of_week
        when 1 then 'Monday' when 2 then 'Tuesday' when 3 then 'Wednesday' when 4 then 'Thursday' when 5 then 'Friday'
        when 6 then 'Saturday' else 'Sunday'
    end as weekday,
    hour_of_day,
    round(usual * 10) / 10 as usual,
    weeks
from usual_occupancy
where service = $service
order by day_of_week, hour_of_day

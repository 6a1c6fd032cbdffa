-- How many persons are to be expected at the end of each of the next five hours: as many as are usual then.
-- param: service varchar = 'all'
-- param: at timestamp = current_timestamp
-- chart: bar x=hour y=expected title="Forecast: the next five hours"
select next.hour, round(usual_occupancy.usual * 10) / 10 as expected, coalesce(usual_occupancy.weeks, 0) as weeks
from (
    select date_trunc('hour', $at) + ahead * interval 1 hour as hour
    from generate_series(1, 5) as steps (ahead)
) as next
left join usual_occupancy
    on usual_occupancy.service = $service
    and usual_occupancy.day_of_week = extract(isodow from next.hour)
    and usual_occupancy.hour_of_day = extract(hour from next.hour)
order by next.hour

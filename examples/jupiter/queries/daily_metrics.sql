-- The day in figures. A day is half open; a share of nothing is unknown.
-- param: day date = current_date - interval 1 day
-- chart: number title="The day in figures"
with days as (
    select cast($day as timestamp) as begins, cast($day as timestamp) + interval 1 day as ends
),
-- What users did themselves, and what our services know of them, up to the end of the day.
events as (
    select user_id, event_type, source_of_event, context, time_transaction_occurred as at, begins, ends
    from ops.all_user_events
    join days on time_transaction_occurred < ends
),
opened as (
    select user_id, begins, ends, min(at) as at
    from events
    where event_type = 'USER_CREATED_ACCOUNT'
    group by user_id, begins, ends
),
saved as (
    select user_id, max(time_transaction_occurred) as last_at
    from ops.user_behaviour
    join days on time_transaction_occurred < ends
    where transaction_type = 'SAVING_EVENT'
    group by user_id
),
openings as (
    select
        count(*) filter (where opened.at >= begins) as day_opened,
        count(saved.user_id) filter (where opened.at >= begins) as day_saved,
        count(*) filter (where opened.at >= ends - interval 7 day) as week_opened,
        count(saved.user_id) filter (where opened.at >= ends - interval 7 day) as week_saved
    from opened
    left join saved on saved.user_id = opened.user_id and saved.last_at >= opened.at
),
-- Boosts that ended on the day, each of a user; one that was used before it expired was used.
ended as (
    select user_id, context ->> 'boostId' as boost, count(*) filter (where event_type = 'BOOST_REDEEMED') as used
    from events
    where event_type in ('BOOST_REDEEMED', 'BOOST_EXPIRED')
    group by user_id, context ->> 'boostId', begins
    having max(at) >= begins
),
-- Who came, two days before the day (three before the mail's): what is done to a user is no sign of life.
newcomers as (
    select opened.user_id, count(events.user_id) as came_back
    from opened
    left join events
        on events.user_id = opened.user_id
        and events.at >= opened.begins - interval 1 day
        and events.event_type not in ('BOOST_CREATED', 'BOOST_EXPIRED')
    where opened.at >= opened.begins - interval 2 day and opened.at < opened.begins - interval 1 day
    group by opened.user_id
)
select
    (select count(distinct user_id) from events where source_of_event = 'INTERNAL_SERVICES') as users_at_start_of_day,
    (select count(*) from saved join days on last_at >= begins) as savers,
    day_opened as accounts_opened,
    day_saved as accounts_opened_that_saved,
    week_opened as accounts_opened_in_7_days,
    cast(week_saved as double) / nullif(week_opened, 0) as share_of_those_that_saved,
    (select cast(count(*) filter (where used = 0) as double) / nullif(count(*), 0) from ended)
        as share_of_boosts_expired_unused,
    (select cast(count(*) filter (where came_back = 0) as double) / nullif(count(*), 0) from newcomers)
        as share_of_newcomers_who_never_came_back
from openings

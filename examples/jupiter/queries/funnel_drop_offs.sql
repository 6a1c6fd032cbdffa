-- Who did a step of a funnel on the day and none of the next steps after it, and how many did so on the 3 days before.
-- param: day date = current_date - interval 1 day
-- chart: bar x=event_type y=dropped_off,average_of_3_days_before pick=funnel title="Funnels: drop-offs"
with steps (funnel, step, event_type) as (
    values
        ('saving', 1, 'USER_INITIATED_FIRST_ADD_CASH'),
        ('saving', 1, 'USER_INITIATED_ADD_CASH'),
        ('saving', 2, 'USER_LEFT_APP_AT_PAYMENT_LINK'),
        ('saving', 3, 'USER_RETURNED_TO_PAYMENT_LINK'),
        ('saving', 4, 'PAYMENT_SUCCEEDED'),
        ('onboarding', 1, 'USER_ENTERED_REFERRAL_SCREEN'),
        ('onboarding', 2, 'USER_ENTERED_VALID_REFERRAL_CODE'),
        ('onboarding', 3, 'USER_PROFILE_REGISTER_SUCCEEDED'),
        ('onboarding', 4, 'USER_PROFILE_PASSWORD_SUCCEEDED'),
        ('onboarding', 5, 'USER_INITIATED_FIRST_ADD_CASH')
),
places as (
    select funnel, step, min(event_type) as event_type
    from steps
    where (funnel, step) not in (('saving', 4), ('onboarding', 5))
    group by funnel, step
),
days as (
    select ago, cast($day as timestamp) - ago * interval 1 day as begins
    from (values (0), (1), (2), (3)) as numbers (ago)
),
done as (
    select days.ago, steps.funnel, steps.step, events.user_id, events.time_transaction_occurred as at
    from ops.all_user_events as events
    join steps on steps.event_type = events.event_type
    join days
        on events.time_transaction_occurred >= days.begins
        and events.time_transaction_occurred < days.begins + interval 1 day
),
attempts as (
    select ago, funnel, step, user_id, max(at) as at
    from done
    group by ago, funnel, step, user_id
),
-- The furthest step of a user is not always the last in time: what counts is what came after.
dropped as (
    select attempts.ago, attempts.funnel, attempts.step, count(*) as users
    from attempts
    where not exists (
        select 1
        from done
        where
            done.ago = attempts.ago
            and done.funnel = attempts.funnel
            and done.user_id = attempts.user_id
            and done.step > attempts.step
            and done.at > attempts.at
    )
    group by attempts.ago, attempts.funnel, attempts.step
)
select
    places.funnel,
    places.step,
    places.event_type,
    cast(coalesce(sum(dropped.users) filter (where dropped.ago = 0), 0) as bigint) as dropped_off,
    cast(coalesce(sum(dropped.users) filter (where dropped.ago > 0), 0) as double) / 3 as average_of_3_days_before
from places
left join dropped on dropped.funnel = places.funnel and dropped.step = places.step
group by places.funnel, places.step, places.event_type
order by places.funnel desc, places.step

-- Who had dropped off at a step before the day and did the next step on it, and how many did so on the 3 days before.
-- param: day date = current_date - interval 1 day
-- chart: bar x=event_type y=recovered,average_of_3_days_before pick=funnel title="Funnels: recoveries"
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
    select steps.funnel, steps.step, events.user_id, events.time_transaction_occurred as at
    from ops.all_user_events as events
    join steps on steps.event_type = events.event_type
),
-- Of each user and step, the latest time before the day, and of that, whether any next step came between.
attempts as (
    select days.ago, days.begins, done.funnel, done.step, done.user_id, max(done.at) as at
    from done
    join days on done.at < days.begins
    group by days.ago, days.begins, done.funnel, done.step, done.user_id
),
recovered as (
    select attempts.ago, attempts.funnel, attempts.step, count(*) as users
    from attempts
    where
        not exists (
            select 1
            from done
            where
                done.funnel = attempts.funnel
                and done.user_id = attempts.user_id
                and done.step > attempts.step
                and done.at > attempts.at
                and done.at < attempts.begins
        )
        and exists (
            select 1
            from done
            where
                done.funnel = attempts.funnel
                and done.user_id = attempts.user_id
                and done.step = attempts.step + 1
                and done.at >= attempts.begins
                and done.at < attempts.begins + interval 1 day
        )
    group by attempts.ago, attempts.funnel, attempts.step
)
select
    places.funnel,
    places.step,
    places.event_type,
    cast(coalesce(sum(recovered.users) filter (where recovered.ago = 0), 0) as bigint) as recovered,
    cast(coalesce(sum(recovered.users) filter (where recovered.ago > 0), 0) as double) / 3 as average_of_3_days_before
from places
left join recovered on recovered.funnel = places.funnel and recovered.step = places.step
group by places.funnel, places.step, places.event_type
order by places.funnel desc, places.step

-- New users of each cohort month, and how many of them pay by now.
-- chart: bar x=cohort_month y=users,converting,paying title="Cohorts"
select
    cast(cohort_month_from_unix as date) as cohort_month,
    count(*) as users,
    count(*) filter (where is_converting) as converting,
    count(*) filter (where is_paying) as paying
from d_user
group by cohort_month
order by cohort_month

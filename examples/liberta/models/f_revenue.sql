-- What a session's user had paid altogether at its end, in minor units: running totals, so never to be summed over sessions.
-- kind: fact
-- key: surr_session_id
-- references: surr_session_id -> d_session, surr_user_id -> d_user
select
    surrogate_key(data_session_id) as surr_session_id,
    surrogate_key(data_user_id) as surr_user_id,
    cast(user_meta_revenue ->> 'AUD' as bigint) as aud,
    cast(user_meta_revenue ->> 'CZK' as bigint) as czk,
    cast(user_meta_revenue ->> 'CAD' as bigint) as cad,
    cast(user_meta_revenue ->> 'HUF' as bigint) as huf,
    cast(user_meta_revenue ->> 'EUR' as bigint) as eur,
    cast(user_meta_revenue ->> 'GBP' as bigint) as gbp,
    cast(user_meta_revenue ->> 'NOK' as bigint) as nok,
    cast(user_meta_revenue ->> 'PHP' as bigint) as php,
    cast(user_meta_revenue ->> 'RUB' as bigint) as rub,
    cast(user_meta_revenue ->> 'SEK' as bigint) as sek,
    cast(user_meta_revenue ->> 'USD' as bigint) as usd,
    cast(user_meta_revenue ->> 'ZAR' as bigint) as zar,
    -- Every other currency, as JSON: a new one is here from its first event on.
    nullif(cast(json_merge_patch(user_meta_revenue, '{"AUD":null,"CZK":null,"CAD":null,"HUF":null,"EUR":null,"GBP":null,"NOK":null,"PHP":null,"RUB":null,"SEK":null,"USD":null,"ZAR":null}') as varchar), '{}') as other,
    make_timestamp(arrival_ts * 1000000) as created_at
from rawevents.events
where user_meta_revenue is not null
qualify row_number() over (partition by surrogate_key(data_session_id) order by arrival_ts desc, _object desc, _line desc) = 1

-- A currency that amounts are in; one that ISO 4217 does not know has no name.
-- kind: dimension
-- key: currency_id
select
    currency.currency_id,
    currency.currency_code,
    iso_4217.currency_name
from totesys.currency
left join iso_4217 on iso_4217.currency_code = currency.currency_code

-- What is sold to counterparties of each country, by currency.
-- chart: bar x=country y=revenue pick=currency_code title="Revenue by country"
select
    dim_counterparty.counterparty_legal_country as country,
    dim_currency.currency_code,
    count(*) as orders,
    cast(sum(fact_sales_order.units_sold * fact_sales_order.unit_price) as decimal(18, 2)) as revenue
from fact_sales_order
join dim_counterparty on dim_counterparty.counterparty_id = fact_sales_order.counterparty_id
join dim_currency on dim_currency.currency_id = fact_sales_order.currency_id
where fact_sales_order.is_current
group by dim_counterparty.counterparty_legal_country, dim_currency.currency_code
order by country, currency_code

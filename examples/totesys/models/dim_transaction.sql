-- A sale or a purchase, as payments refer to it; an order that has been deleted is no longer named.
-- kind: dimension
-- key: transaction_id
-- check: transaction_type in ('SALE', 'PURCHASE')
-- check: sales_order_id is null or purchase_order_id is null
select transaction_id, transaction_type, sales_order_id, purchase_order_id
from totesys.transaction

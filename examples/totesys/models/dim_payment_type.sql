-- What a payment is for: the receipt of a sale, the payment of a purchase, or a refund of either.
-- kind: dimension
-- key: payment_type_id
select payment_type_id, payment_type_name
from totesys.payment_type

-- A design that is sold.
-- kind: dimension
-- key: design_id
select design_id, design_name, file_location, file_name
from totesys.design

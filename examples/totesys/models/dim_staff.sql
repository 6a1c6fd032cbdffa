-- A member of staff, with the department they work in.
-- kind: dimension
-- key: staff_id
select
    staff.staff_id,
    staff.first_name,
    staff.last_name,
    department.department_name,
    department.location,
    staff.email_address
from totesys.staff
left join totesys.department on department.department_id = staff.department_id

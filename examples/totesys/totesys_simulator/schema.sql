-- The operational database of a company that sells what it designs: eleven tables, and the ledger of the tool that
-- migrates them, which is nobody's business but its own. Statements end with a semicolon at the end of a line.

create type transaction_type_name as enum ('SALE', 'PURCHASE');

create type payment_type_enum as enum ('SALES_RECEIPT', 'SALES_REFUND', 'PURCHASE_PAYMENT', 'PURCHASE_REFUND');

create table _prisma_migrations (
    id varchar(36) primary key,
    checksum varchar(64) not null,
    finished_at timestamptz,
    migration_name varchar(255) not null,
    applied_steps_count integer not null default 0
);

create table address (
    address_id serial primary key,
    address_line_1 text not null,
    address_line_2 text,
    district text,
    city text not null,
    postal_code text not null,
    country text not null,
    phone text not null,
    created_at timestamp(3) not null default now(),
    last_updated timestamp(3) not null
);

create table counterparty (
    counterparty_id serial primary key,
    counterparty_legal_name text not null,
    legal_address_id integer not null references address on delete restrict,
    commercial_contact text,
    delivery_contact text,
    created_at timestamp(3) not null default now(),
    last_updated timestamp(3) not null
);

create table currency (
    currency_id serial primary key,
    currency_code varchar(3) not null,
    created_at timestamp(3) not null default now(),
    last_updated timestamp(3) not null
);

create table department (
    department_id serial primary key,
    department_name text not null,
    location text,
    manager text,
    created_at timestamp(3) not null default now(),
    last_updated timestamp(3) not null
);

create table design (
    design_id serial primary key,
    created_at timestamp(3) not null default now(),
    last_updated timestamp(3) not null,
    design_name text not null,
    file_location text not null,
    file_name text not null
);

create table staff (
    staff_id serial primary key,
    first_name text not null,
    last_name text not null,
    department_id integer not null references department on delete restrict,
    email_address text not null,
    created_at timestamp(3) not null default now(),
    last_updated timestamp(3) not null
);

create table sales_order (
    sales_order_id serial primary key,
    created_at timestamp(3) not null default now(),
    last_updated timestamp(3) not null,
    design_id integer not null references design on delete restrict,
    staff_id integer not null references staff on delete restrict,
    counterparty_id integer not null references counterparty on delete restrict,
    units_sold integer not null,
    unit_price numeric(10, 2) not null,
    currency_id integer not null references currency on delete restrict,
    agreed_delivery_date text not null,
    agreed_payment_date text not null,
    agreed_delivery_location_id integer not null references address on delete restrict
);

create table purchase_order (
    purchase_order_id serial primary key,
    created_at timestamp(3) not null default now(),
    last_updated timestamp(3) not null,
    staff_id integer not null references staff on delete restrict,
    counterparty_id integer not null references counterparty on delete restrict,
    item_code text not null,
    item_quantity integer not null,
    item_unit_price numeric(10, 2) not null,
    currency_id integer not null references currency on delete restrict,
    agreed_delivery_date text not null,
    agreed_payment_date text not null,
    agreed_delivery_location_id integer not null references address on delete restrict
);

create table payment_type (
    payment_type_id serial primary key,
    payment_type_name payment_type_enum not null,
    created_at timestamp(3) not null default now(),
    last_updated timestamp(3) not null
);

create table transaction (
    transaction_id serial primary key,
    transaction_type transaction_type_name not null,
    sales_order_id integer unique references sales_order on delete set null,
    purchase_order_id integer unique references purchase_order on delete set null,
    created_at timestamp(3) not null default now(),
    last_updated timestamp(3) not null
);

create table payment (
    payment_id serial primary key,
    created_at timestamp(3) not null default now(),
    last_updated timestamp(3) not null,
    transaction_id integer not null unique references transaction on delete restrict,
    counterparty_id integer not null references counterparty on delete restrict,
    payment_amount numeric(10, 2) not null,
    currency_id integer not null references currency on delete restrict,
    payment_type_id integer not null references payment_type on delete restrict,
    paid boolean not null,
    payment_date text not null,
    company_ac_number integer not null,
    counterparty_ac_number integer not null
);

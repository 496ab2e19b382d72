-- Merchants, what they are charged, and the money ledger: double entry, append-only, sealed as the stock ledger is.

-- Who sells a product, and is owed what is paid for it.
create table merchants (
  id         int generated always as identity primary key,
  code       text not null unique check (code <> ''),
  name       text not null,
  -- IANA name: its days begin and end there.
  zone       text not null default 'UTC' check (zone <> ''),
  version    int not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);
-- A code that is written with other capitals is refused.
create index merchants_by_lower_code on merchants (lower(code));
-- Ours: what no other merchant sells. It is the first, so its id is 1.
insert into merchants (code, name) values ('house', 'House');

alter table products add column merchant_id int not null default 1;
alter table products add constraint products_merchant_id_fkey foreign key (merchant_id) references merchants not valid;

-- Who sold it when it was ordered: a product that changes hands takes nothing of old orders along. Null: the version before wrote it;
-- then it is that of the product. Without a foreign key, which would be checked for each item that is ordered: no merchant is ever removed.
alter table order_items add column merchant_id int;

-- By product, what a refund gives back for, minor units: by it a refund is split between merchants. Null: not for certain units.
alter table refunds add column for_products jsonb check (jsonb_typeof(for_products) = 'object');

-- What a merchant is charged of each capture: from `effective_from` on, until the next rule.
create table fee_rules (
  id             int generated always as identity primary key,
  merchant_id    int not null references merchants,
  currency       char(3) not null check (currency ~ '^[A-Z]{3}$'),
  effective_from timestamptz not null,
  -- Hundredths of a per cent
  rate_bp        int not null check (rate_bp between 0 and 10000),
  fixed_minor    bigint not null check (fixed_minor >= 0),
  minimum_minor  bigint not null check (minimum_minor >= 0),
  maximum_minor  bigint,
  -- A refund gives the same part of it back.
  is_returned    boolean not null,
  created_at     timestamptz not null default clock_timestamp(),
  constraint fee_rules_bounds check (maximum_minor >= minimum_minor),
  constraint fee_rules_one_at_a_time unique (merchant_id, currency, effective_from)
);
create trigger fee_rules_append_only before update or delete on fee_rules for each row execute function refuse_change();
create trigger fee_rules_no_truncate before truncate on fee_rules for each statement execute function refuse_change();

-- A quotient rounded to a whole number, of two that are as near to the even one. Of numbers that are not negative.
create function half_even(numerator numeric, denominator numeric) returns bigint language sql immutable strict parallel safe as $$
  select (q + case when 2 * r > denominator or (2 * r = denominator and mod(q, 2) = 1) then 1 else 0 end)::bigint
  from (select div(numerator, denominator) as q, mod(numerator, denominator) as r) d
$$;

-- What is charged of an amount by a rule, minor units; null maximum: there is none.
create function fee_of(amount bigint, rate_bp int, fixed bigint, minimum bigint, maximum bigint) returns bigint
language sql immutable parallel safe as $$
  select least(greatest(half_even(amount::numeric * rate_bp, 10000) + fixed, minimum), maximum)
$$;

-- Each row moves an amount from the account `debit` to the account `credit`, so that all accounts together are zero by construction.
-- Nothing keeps a balance, and nothing is locked: rows are written in the transactions that make them true, balances are sums.
create table money_ledger (
  id           bigint generated always as identity primary key,
  at           timestamptz not null default clock_timestamp(),
  -- When the gateway says that it happened, else when it was written.
  effective_at timestamptz not null,
  -- The day of that where the merchant is; of no merchant, in UTC. As it was when it was written: a merchant that moves takes no day along.
  day          date not null,
  kind         text not null check (kind in
    ('capture', 'refund', 'refund_failed', 'dispute', 'dispute_reversed', 'fee', 'fee_returned')),
  debit        text not null check (debit in
    ('gateway_clearing', 'merchant_payable', 'customer_credit', 'fees', 'refunds', 'disputes', 'payouts')),
  credit       text not null check (credit in
    ('gateway_clearing', 'merchant_payable', 'customer_credit', 'fees', 'refunds', 'disputes', 'payouts')),
  -- Whose share it is; null: no merchant's, the money is the customer's.
  merchant_id  int,
  amount_minor bigint not null check (amount_minor > 0),
  currency     char(3) not null,
  payment_id   uuid not null,
  -- The capture, refund or dispute; of a payment that was captured at once, the payment.
  source_id    uuid not null,
  -- Of a refund that failed later and was made again, and of a dispute that came back and was lost again: 0, 1, ...
  turn         int not null default 0,
  -- By which a fee was charged
  fee_rule_id  int,
  -- Sealing takes rows in the order of transactions that can no longer be running.
  xid          xid8 not null default pg_current_xact_id(),
  constraint money_ledger_two_accounts check (debit <> credit),
  -- What is true is in the ledger once.
  constraint money_ledger_once unique nulls not distinct (source_id, kind, merchant_id, turn)
);
-- What the ledger has of a payment: its next refund, the check
create index money_ledger_by_payment on money_ledger (payment_id);
-- Settlement reads days of a currency in pieces.
create index money_ledger_by_day on money_ledger (currency, day, id);
-- Sealing, verifying, and what came since
create index money_ledger_by_xid on money_ledger ((xid::text::bigint), id);

create trigger money_ledger_append_only before update or delete on money_ledger for each row execute function refuse_change();
create trigger money_ledger_no_truncate before truncate on money_ledger for each statement execute function refuse_change();

-- What was captured and given back before there was this ledger, or by workers of the version before, is posted payment by payment.
create table money_backfill (
  one            boolean primary key default true check (one),
  -- The last payment that was looked at in this pass, and how many of its sources were posted.
  after          uuid,
  posted         bigint not null default 0,
  -- Whole passes
  passes         int not null default 0,
  pass_began_at  timestamptz not null default clock_timestamp(),
  -- The first pass, and one that posted something, is followed by another one, later: workers of the version before may have gone on.
  next_pass_at   timestamptz not null default clock_timestamp(),
  -- A whole pass after the first found nothing to post.
  finished_at    timestamptz
);
insert into money_backfill default values;

-- Seals, as of the audit log

-- SHA-256 of a row as a JSON array: the same whatever a session's time zone or date style is.
create function money_row_hash(t money_ledger) returns bytea language sql stable parallel safe as $$
  select sha256(convert_to(json_build_array(t.id, t.at at time zone 'UTC', t.effective_at at time zone 'UTC', t.day - date '2000-01-01',
    t.kind, t.debit, t.credit, t.merchant_id, t.amount_minor, t.currency, t.payment_id, t.source_id, t.turn, t.fee_rule_id,
    t.xid)::text, 'UTF8'))
$$;

create table money_seals (
  seq           bigint primary key check (seq >= 1),
  from_xid      bigint not null,
  from_id       bigint not null,
  to_xid        bigint not null,
  to_id         bigint not null,
  row_count     bigint not null check (row_count > 0),
  -- SHA-256 over each row's id and hash, in order.
  rows_hash     bytea not null,
  -- To name what was changed: ids, and the first 8 bytes of each row's hash, in the same order.
  row_ids       bigint[] not null,
  row_hashes    bytea not null,
  made_at       timestamptz not null,
  previous_hash bytea not null,
  -- `ledger_seal_hash` with the hexadecimal `rows_hash` as its parts.
  hash          bytea not null
);
create trigger money_seals_append_only before update or delete on money_seals for each row execute function refuse_change();
create trigger money_seals_no_truncate before truncate on money_seals for each statement execute function refuse_change();

create table money_verified (
  one        boolean primary key default true check (one),
  -- Up to this seal the rows were found as they were sealed; its hash, so that it cannot vanish with those after it.
  seals_seq  bigint not null default 0,
  seals_hash bytea,
  -- The last seal that an incremental check read again: each reads another share.
  reread_seq bigint not null default 0,
  -- Seals that were not as they were made: each check reads them again, until they are.
  broken     bigint[] not null default '{}'
);
insert into money_verified default values;

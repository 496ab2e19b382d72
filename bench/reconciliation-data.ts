import type { ClientBase } from 'pg';
import { dayAfter } from '../platform/days';

/** Classes of differences that can be planted in a file. */
export const PLANTED = [
  'missing_there',
  'missing_here',
  'amount',
  'fee',
  'currency',
  'date',
  'duplicate',
  'unreadable',
] as const;
export type Planted = (typeof PLANTED)[number];

export const FROM = '2026-06-01';
export const TO = '2026-06-30';
const DAYS = 30;
/** What the gateway charges of a capture. */
export const FEE = { rateBasisPoints: 140, fixedMinor: 25 };

/** A transaction, as both sides should have it. */
interface Row {
  ref: string;
  charge: string;
  category: 'charge' | 'refund' | 'dispute';
  minor: number;
  /** From 0 */
  day: number;
}

/** Of each payment its capture; of each tenth also a refund, and of each hundredth a dispute. Amounts of a kind are all different. */
export function rowsOf(payments: number): Row[] {
  const rows: Row[] = [];
  for (let i = 1; i <= payments; i++) {
    const [charge, day] = [`pi_${i}`, i % DAYS];
    rows.push({ ref: charge, charge, category: 'charge', minor: 100_000 + i, day });
    if (i % 10 === 0) rows.push({ ref: `re_${i}`, charge, category: 'refund', minor: -(50_000 + i), day });
    if (i % 100 === 0) rows.push({ ref: `du_${i}`, charge, category: 'dispute', minor: -(40_000 + i), day });
  }
  return rows;
}

/**
 * Writes the money ledger of so many payments, with the payments, refunds and disputes that it is about. These are of orders that do not
 * exist: foreign keys are not looked at. As the owner of the database.
 */
export async function fillPayments(owner: ClientBase, payments: number): Promise<void> {
  await owner.query(`set session_replication_role = replica`);
  await owner.query(
    `insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, captured_minor, capture_planned_minor, captured_whole,
       currency, method, token, gateway, gateway_ref, created_at)
     select md5('p' || i)::uuid, md5('o' || i)::uuid, md5('r' || i)::uuid, 1, 'u', 'captured', 100000 + i, 100000 + i, 100000 + i, true,
       'USD', 'card', 'tok_ok', 'sandbox', 'pi_' || i, date '${FROM}' + i % ${DAYS}
     from generate_series(1, $1::int) i`,
    [payments],
  );
  await owner.query(
    `insert into refunds (id, payment_id, order_id, amount_minor, reason, status, gateway_ref)
     select md5('f' || i)::uuid, md5('p' || i)::uuid, md5('o' || i)::uuid, 50000 + i, 'test', 'succeeded', 're_' || i
     from generate_series(10, $1::int, 10) i`,
    [payments],
  );
  await owner.query(
    `insert into disputes (id, payment_id, order_id, gateway_ref, amount_minor, currency, reason, status, occurred_at)
     select md5('d' || i)::uuid, md5('p' || i)::uuid, md5('o' || i)::uuid, 'du_' || i, 40000 + i, 'USD', 'fraudulent', 'lost', clock_timestamp()
     from generate_series(100, $1::int, 100) i`,
    [payments],
  );
  // A capture is of two merchants now and then.
  await owner.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
     select t.at, t.at::date, t.kind, case t.kind when 'capture' then 'gateway_clearing' else 'merchant_payable' end,
       case t.kind when 'capture' then 'merchant_payable' when 'refund' then 'refunds' else 'disputes' end, m.merchant_id,
       m.minor, 'USD', md5('p' || i)::uuid, t.source_id
     from generate_series(1, $1::int) i
     cross join lateral (select date '${FROM}' + i % ${DAYS} + interval '12 hours' as at) d
     cross join lateral (values (d.at, 'capture', md5('p' || i)::uuid, 100000 + i), (d.at, 'refund', md5('f' || i)::uuid, 50000 + i),
       (d.at, 'dispute', md5('d' || i)::uuid, 40000 + i)) as t (at, kind, source_id, minor)
     cross join lateral (values (1, t.minor - case when i % 7 = 0 then 300 else 0 end), (2, case when i % 7 = 0 then 300 else 0 end)) as m (merchant_id, minor)
     where (t.kind = 'capture' or t.kind = 'refund' and i % 10 = 0 or t.kind = 'dispute' and i % 100 = 0) and m.minor > 0`,
    [payments],
  );
  await owner.query(`set session_replication_role = default`);
  await owner.query('analyze payments, refunds, disputes, money_ledger');
}

const HEADER =
  'balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,payment_intent_id,automatic_payout_id\n';

const dayOf = (day: number) => dayAfter(FROM, day);
const major = (minor: number) =>
  `${minor < 0 ? '-' : ''}${Math.floor(Math.abs(minor) / 100)}.${String(Math.abs(minor) % 100).padStart(2, '0')}`;

/** The fee of a capture, rounded half to even. */
function feeOf({ category, minor }: Row): number {
  if (category !== 'charge') return 0;
  const exact = minor * FEE.rateBasisPoints;
  const [whole, rest] = [Math.floor(exact / 10_000), exact % 10_000];
  return whole + (rest > 5_000 || (rest === 5_000 && whole % 2 === 1) ? 1 : 0) + FEE.fixedMinor;
}

/** What is planted, by the place of the row. */
export type Plan = ReadonlyMap<number, Planted>;

/**
 * The file of a gateway that has these rows, differently where something is planted, and the payouts of what it has, day by day. Every 13th
 * refund has no reference of its own.
 */
export function* gatewayFile(rows: readonly Row[], plan: Plan): Generator<string> {
  const paid = new Map<number, number>();
  yield HEADER;
  let piece = '';
  for (const [index, row] of rows.entries()) {
    const planted = plan.get(index);
    if (planted === 'missing_there') continue;
    const line = lineOf(row, index, planted);
    if (planted !== 'unreadable' && planted !== 'currency')
      paid.set(row.day, (paid.get(row.day) ?? 0) + line.net * (planted === 'duplicate' ? 2 : 1));
    piece += planted === 'duplicate' ? line.text + line.text : line.text;
    if (planted === 'missing_here') {
      const more = lineOf({ ...row, ref: `${row.ref}_more`, charge: `${row.charge}_more` }, index, planted);
      paid.set(row.day, (paid.get(row.day) ?? 0) + more.net);
      piece += more.text;
    }
    if (piece.length > 65_536) {
      yield piece;
      piece = '';
    }
  }
  for (const [day, minor] of [...paid].sort(([a], [b]) => a - b))
    piece += `txn_po_${day},${dayOf(day)} 23:59:59,usd,${major(-minor)},0.00,${major(-minor)},payout,po_${day},,po_${day}\n`;
  yield piece;
}

function lineOf(row: Row, index: number, planted: Planted | undefined): { text: string; net: number } {
  const minor = planted === 'amount' ? row.minor + 7 : row.minor;
  const fee = feeOf({ ...row, minor }) + (planted === 'fee' ? 3 : 0);
  const net = minor - fee;
  const day = planted === 'date' ? (row.day < 20 ? row.day + 5 : row.day - 5) : row.day;
  const anonymous = planted === undefined && row.category === 'refund' && index % 13 === 0;
  const gross = planted === 'unreadable' ? 'n/a' : major(minor);
  const text = [
    `txn_${index}`,
    `${dayOf(day)} 10:00:00`,
    planted === 'currency' ? 'eur' : 'usd',
    gross,
    major(fee),
    major(net),
    row.category,
    anonymous ? '' : row.category === 'charge' ? row.ref.replace('pi_', 'ch_') : row.ref,
    row.charge,
    `po_${row.day}`,
  ].join(',');
  return { text: `${text}\n`, net };
}

/** The differences that a comparison should find, as `class reference`, sorted. A row that cannot be read is missing there as well. */
export function expectedOf(rows: readonly Row[], plan: Plan): string[] {
  const found = [...plan].flatMap(([index, planted]) => {
    const row = rows[index];
    if (!row) throw new Error(`there is no row ${index}`);
    const charge = row.category === 'charge';
    if (planted === 'missing_here') return [`missing_here ${row.ref}_more`];
    if (planted === 'unreadable')
      return [`unreadable ${charge ? row.ref.replace('pi_', 'ch_') : row.ref}`, `missing_there ${row.ref}`];
    return [`${planted} ${row.ref}`];
  });
  return found.sort();
}

/** Plants so many of each class, at places of their own; fees in captures only. */
export function planOf(rows: readonly Row[], each: number, random: () => number): Plan {
  const plan = new Map<number, Planted>();
  for (const planted of PLANTED)
    for (let left = each; left > 0;) {
      const index = Math.floor(random() * rows.length);
      if (plan.has(index) || (planted === 'fee' && rows[index]?.category !== 'charge')) continue;
      plan.set(index, planted);
      left -= 1;
    }
  return plan;
}

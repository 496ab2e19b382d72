import { findInconsistencies } from '../../domain/assurance/run-check';
import { minorDigits } from '../../domain/catalog/currencies';
import type { SettlementRequest } from '../../domain/settlement/types';
import { openAuthorisedShop, type AuthorisedShop } from '../db/authorised-orders';
import { ask, carryOut, linesOf } from '../settlement/support';
import { expectInvariants } from '../support/invariants';
import { seededRandom, type Random } from '../support/random';
import {
  CURRENCIES,
  dayBefore,
  dayOf,
  DAYS,
  lastDay,
  openMarket,
  runOrders,
  type Currency,
} from './random-orders';

/*
 * Random orders of several merchants and currencies through the product's own steps, with captures in parts, refunds, disputes and fees that
 * change in time, and settlement files of random days meanwhile. `npm run test:money` runs 100,000; a failure names its seed, which
 * HOLDFAST_TEST_SEED repeats.
 */

const ORDERS = Number(process.env.HOLDFAST_MONEY_ORDERS ?? 150);
const ROUNDS = 10;
const AT_ONCE = 6;
const FILES = 3;

let shop: AuthorisedShop;
beforeAll(async () => {
  shop = await openAuthorisedShop({ repeats: false });
});
afterAll(() => shop.close());

/** A line of a file, in minor units. */
interface Line {
  merchant: string;
  day: string;
  currency: Currency;
  gross: bigint;
  fee: bigint;
  net: bigint;
  count: number;
}

/** Major units with all of their digits, as minor units. */
function minorOf(amount: string, currency: Currency): bigint {
  const digits = minorDigits(currency);
  expect(amount).toMatch(digits === 0 ? /^-?\d+$/ : new RegExp(`^-?\\d+\\.\\d{${digits}}$`));
  return BigInt(amount.replace('.', ''));
}

async function file(currency: Currency, request: Partial<SettlementRequest>): Promise<Line[]> {
  const jobId = await ask(shop.db, { ...request, currency, supplement: true });
  return linesOf(await carryOut(shop.db, jobId, { batch: 500 })).map((line) => {
    const [merchant = '', day = '', gross = '', fee = '', net = '', count] = line.split(',');
    const [g, f, n] = [gross, fee, net].map((amount) => minorOf(amount, currency));
    return { merchant, day, currency, gross: g ?? 0n, fee: f ?? 0n, net: n ?? 0n, count: Number(count) };
  });
}

/** Days that may overlap those of other files, of one merchant or of all. */
function someDays(random: Random): Partial<SettlementRequest> {
  const first = random.whole(0, DAYS);
  const merchant = random.chance(0.3) ? random.pick(['house', 'acme', 'bolt', 'dawn', 'dusk']) : null;
  return { from: dayBefore(first), to: dayBefore(random.whole(0, first)), merchant };
}

const ALL_DAYS = () => ({ from: dayBefore(DAYS + 2), to: dayOf(lastDay()), merchant: null });

async function rowsOf<Row extends object>(text: string): Promise<Row[]> {
  return (await shop.db.pool.query<Row>(text)).rows;
}

test(`payments, money ledger and settlement files of ${ORDERS} random orders agree to the cent`, async () => {
  const random = seededRandom();
  const market = await openMarket(shop, random);
  const lines: Line[] = [];
  let asked = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const [from, to] = [round, round + 1].map((at) => Math.floor((at * ORDERS) / ROUNDS));
    const orders = runOrders(shop, market, {
      seed: random.seed,
      from: from ?? 0,
      count: (to ?? 0) - (from ?? 0),
      atOnce: AT_ONCE,
    });
    // Beside who pays, and beside each other.
    const files = Array.from({ length: FILES }, () => file(random.pick(CURRENCIES), someDays(random)));
    const [, ...made] = await Promise.all([orders, ...files]);
    lines.push(...made.flat());
    asked += made.length;
  }
  for (const currency of CURRENCIES) lines.push(...(await file(currency, ALL_DAYS())));
  for (const currency of CURRENCIES) expect(await file(currency, ALL_DAYS())).toEqual([]);
  expect(asked).toBe(ROUNDS * FILES);

  // Payments and ledger, by the product's own check, and that of all money together.
  const check = { check: 'money_ledger', mode: 'full', graceSeconds: 0 } as const;
  expect(await findInconsistencies({ db: shop.db }, check)).toEqual([]);
  await expectInvariants(shop.db);

  for (const { gross, fee, net } of lines) expect(net).toBe(gross - fee);
  const sumOf = (by: (line: Line) => string) => {
    const sums: Record<string, [bigint, bigint, number]> = {};
    for (const line of lines) {
      const [gross, fee, count] = sums[by(line)] ?? [0n, 0n, 0];
      sums[by(line)] = [gross + line.gross, fee + line.fee, count + line.count];
    }
    return sums;
  };

  // Files and ledger: each day of each merchant. What no gateway gave a time is of today, which no file is about.
  const ledger = await rowsOf<{ key: string; gross: string; fee: string; count: string }>(
    `select trim(l.currency) || ' ' || m.code || ' ' || l.day as key,
       sum(case when l.kind in ('capture', 'refund_failed', 'dispute_reversed') then l.amount_minor
                when l.kind in ('refund', 'dispute') then -l.amount_minor else 0 end)::text as gross,
       sum(case l.kind when 'fee' then l.amount_minor when 'fee_returned' then -l.amount_minor else 0 end)::text as fee,
       count(*) filter (where l.kind not in ('fee', 'fee_returned'))::text as count
     from money_ledger l join merchants m on m.id = l.merchant_id where l.day <= '${dayOf(lastDay())}' group by 1`,
  );
  expect(sumOf(({ currency, merchant, day }) => `${currency} ${merchant} ${day}`)).toEqual(
    Object.fromEntries(
      ledger.map(({ key, gross, fee, count }) => [key, [BigInt(gross), BigInt(fee), Number(count)]]),
    ),
  );

  // Files and payments, without the ledger but for what is of today and what belongs to no merchant.
  const payments = await rowsOf<{ currency: string; minor: string }>(
    `select currency, sum(minor)::text as minor from (
       select trim(currency) as currency, captured_minor - refunded_minor as minor from payments
       union all
       select trim(currency), -amount_minor from disputes where status in ('needs_response', 'under_review', 'lost')
       union all
       select trim(currency), case when kind in ('capture', 'refund_failed', 'dispute_reversed') then -amount_minor else amount_minor end
       from money_ledger where kind not in ('fee', 'fee_returned') and (merchant_id is null or day > '${dayOf(lastDay())}')) m
     group by 1`,
  );
  const files = sumOf(({ currency }) => currency);
  expect(Object.fromEntries(Object.entries(files).map(([currency, [gross]]) => [currency, gross]))).toEqual(
    Object.fromEntries(payments.map(({ currency, minor }) => [currency, BigInt(minor)])),
  );
  await expectFeesByRule();
  await expectVariety();
});

/** Each capture's fee again, by whole numbers of our own. */
async function expectFeesByRule(): Promise<void> {
  const captures = await rowsOf<{
    amount: string;
    rate: string | null;
    fixed: string;
    minimum: string;
    maximum: string | null;
    fee: string | null;
  }>(
    `select c.amount_minor::text as amount, r.rate_bp::text as rate, r.fixed_minor::text as fixed, r.minimum_minor::text as minimum,
       r.maximum_minor::text as maximum, f.amount_minor::text as fee
     from money_ledger c
     left join money_ledger f on f.source_id = c.source_id and f.merchant_id = c.merchant_id and f.kind = 'fee' and f.turn = c.turn
     left join fee_rules r on r.merchant_id = c.merchant_id and r.currency = c.currency and r.effective_from <= c.effective_at
       and not exists (select from fee_rules later where later.merchant_id = r.merchant_id and later.currency = r.currency
                       and later.effective_from <= c.effective_at and later.effective_from > r.effective_from)
     where c.kind = 'capture' and c.merchant_id is not null`,
  );
  for (const { amount, rate, fixed, minimum, maximum, fee } of captures)
    expect({ amount, fee: BigInt(fee ?? 0) }).toEqual({
      amount,
      fee: rate === null ? 0n : feeOf(BigInt(amount), { rate, fixed, minimum, maximum }),
    });
}

function feeOf(
  amount: bigint,
  rule: { rate: string; fixed: string; minimum: string; maximum: string | null },
): bigint {
  const [whole, rest] = [(amount * BigInt(rule.rate)) / 10_000n, (amount * BigInt(rule.rate)) % 10_000n];
  const isUp = rest > 5_000n || (rest === 5_000n && whole % 2n === 1n);
  const fee = whole + (isUp ? 1n : 0n) + BigInt(rule.fixed);
  const raised = fee < BigInt(rule.minimum) ? BigInt(rule.minimum) : fee;
  return rule.maximum !== null && raised > BigInt(rule.maximum) ? BigInt(rule.maximum) : raised;
}

/** A run in which nothing of a kind happened would show little. */
async function expectVariety(): Promise<void> {
  const [seen] = await rowsOf<{ kinds: string[]; currencies: number; parts: number; days: number }>(
    `select array_agg(distinct kind order by kind) as kinds, count(distinct currency)::int as currencies,
       count(distinct source_id) filter (where kind = 'capture' and source_id <> payment_id)::int as parts,
       count(distinct day)::int as days from money_ledger`,
  );
  expect(seen?.currencies).toBe(3);
  expect(seen?.parts).toBeGreaterThan(0);
  expect(seen?.days).toBeGreaterThan(DAYS / 2);
  expect(seen?.kinds).toEqual(
    expect.arrayContaining(['capture', 'dispute', 'fee', 'fee_returned', 'refund']),
  );
}

import { Client } from 'pg';
import { recordStatements } from '../../bench/explain/recorder';
import { cancelPayout, listPayouts, markPaid, readPayout } from '../../domain/payouts/payouts';
import { selectCut, selectLines } from '../../domain/payouts/queries';
import { newId } from '../../platform/ids';
import { addMerchant, balancesOf } from '../money/support';
import { settle } from '../settlement/support';
import { openTestShop, type TestShop } from '../support/fixtures';
import { randomOf } from '../support/random';
import { amountsOf, approve, expectSound, findings, make, owe, paid, payOut, statementOf } from './support';

let shop: TestShop;
beforeEach(async () => {
  shop = await openTestShop();
  for (const id of ['acme', 'bolt']) await addMerchant(shop.db, id);
});
afterEach(async () => {
  await expectSound(shop.db);
  await shop.close();
});

const cancel = (id: string) => cancelPayout(shop.db, id, { reason: 'typo', actor: 'user:anna' });

test('a payout has all that a merchant is owed, and its statement comes to what is paid', async () => {
  await owe(shop.db, 'acme', 12_345);
  await owe(shop.db, 'acme', -345);
  await owe(shop.db, 'bolt', 77);
  const payout = await make(shop.db, 'acme');
  expect(payout).toMatchObject({
    merchant: 'acme',
    currency: 'USD',
    status: 'pending',
    amountMinor: 12_000,
    lines: 2,
    createdBy: 'user:anna',
  });
  const statement = await statementOf(shop.db, payout);
  expect(statement.split('\n')[0]).toBe('date,at,kind,order_id,payment_id,source_id,currency,amount');
  expect(statement.split('\n')[2]).toMatch(/^2026-06-01,2026-06-01T12:00:00.000Z,refund,,.+,USD,-3.45$/);
  expect(amountsOf(statement)).toEqual(['123.45', '-3.45']);
});

test('money that is on its way is set aside, and then paid', async () => {
  await owe(shop.db, 'acme', 500);
  const { id } = await make(shop.db, 'acme');
  expect(await balancesOf(shop.db)).toEqual({
    gateway_clearing: -500,
    merchant_payable: 0,
    payouts_pending: 500,
  });
  await expect(paid(shop.db, id)).rejects.toMatchObject({ code: 'PAYOUT_NOT_APPROVED' });
  await approve(shop.db, id);
  expect(await paid(shop.db, id, 'T-1')).toMatchObject({
    status: 'paid',
    reference: 'T-1',
    paidBy: 'user:carl',
  });
  expect(await paid(shop.db, id, 'T-1')).toMatchObject({ status: 'paid', reference: 'T-1' });
  expect(await balancesOf(shop.db)).toEqual({
    gateway_clearing: -500,
    merchant_payable: 0,
    payouts: 500,
    payouts_pending: 0,
  });
  await expect(paid(shop.db, id, 'T-2')).rejects.toMatchObject({
    code: 'PAYOUT_PAID',
    details: { reference: 'T-1' },
  });
  await expect(cancel(id)).rejects.toMatchObject({ code: 'PAYOUT_PAID' });
});

test('one transfer of the bank pays one payout', async () => {
  await owe(shop.db, 'acme', 500);
  await owe(shop.db, 'bolt', 500);
  const [first, second] = [await make(shop.db, 'acme'), await make(shop.db, 'bolt')];
  for (const { id } of [first, second]) await approve(shop.db, id);
  await paid(shop.db, first.id, 'T-1');
  await expect(paid(shop.db, second.id, 'T-1')).rejects.toMatchObject({
    code: 'PAYOUT_REFERENCE_USED',
    details: { payoutId: first.id },
  });
});

test('a transfer is of a day that has come', async () => {
  await owe(shop.db, 'acme', 500);
  const { id } = await make(shop.db, 'acme');
  await approve(shop.db, id);
  const { rows } = await shop.db.pool.query<{ today: string; later: string }>(
    `select t::date::text as today, (t::date + 1)::text as later from (select clock_timestamp() at time zone 'Pacific/Kiritimati' as t) t`,
  );
  const paidOn = (day: string | undefined) =>
    markPaid(shop.db, id, { reference: 'T-1', paidOn: day ?? '', actor: 'user:carl' });
  await expect(paidOn(rows[0]?.later)).rejects.toMatchObject({ code: 'ASOF_IN_FUTURE' });
  expect(await readPayout(shop.db, id)).toMatchObject({ status: 'approved', paidOn: null });
  expect(await paidOn(rows[0]?.today)).toMatchObject({ status: 'paid', paidOn: rows[0]?.today });
});

test('who made a payout may not approve it, unless the shop lets them', async () => {
  await owe(shop.db, 'acme', 500);
  const { id } = await make(shop.db, 'acme');
  await expect(approve(shop.db, id, 'user:anna')).rejects.toMatchObject({ code: 'SECOND_PERSON_REQUIRED' });
  expect(await readPayout(shop.db, id)).toMatchObject({ status: 'pending' });
  expect(await approve(shop.db, id)).toMatchObject({ status: 'approved', approvedBy: 'user:bert' });
  // Again, by whoever, it stays as it is.
  expect(await approve(shop.db, id, 'user:anna')).toMatchObject({ approvedBy: 'user:bert' });
});

test('one that is cancelled owes its lines again, and the next has them', async () => {
  await owe(shop.db, 'acme', 500);
  const { id } = await make(shop.db, 'acme');
  await expect(make(shop.db, 'acme')).rejects.toMatchObject({
    code: 'PAYOUT_OPEN',
    details: { payoutId: id },
  });
  expect(await cancel(id)).toMatchObject({ status: 'cancelled', cancelReason: 'typo' });
  expect(await cancel(id)).toMatchObject({ status: 'cancelled' });
  for (const refused of [approve(shop.db, id), paid(shop.db, id)])
    await expect(refused).rejects.toMatchObject({ code: 'PAYOUT_CANCELLED' });
  expect(await balancesOf(shop.db)).toEqual({
    gateway_clearing: -500,
    merchant_payable: 500,
    payouts_pending: 0,
  });
  await owe(shop.db, 'acme', 7);
  expect(await payOut(shop.db, 'acme')).toMatchObject({ amountMinor: 507, lines: 2 });
});

test('what a customer gets back after a payout is in the next one, and a balance below zero is carried over', async () => {
  await owe(shop.db, 'acme', 1_000);
  await payOut(shop.db, 'acme');
  await owe(shop.db, 'acme', -1_000);
  await owe(shop.db, 'acme', 400);
  const nothing = { code: 'NOTHING_TO_PAY_OUT', details: { balanceMinor: -600, currency: 'USD' } };
  await expect(make(shop.db, 'acme')).rejects.toMatchObject(nothing);
  await owe(shop.db, 'acme', 600);
  await expect(make(shop.db, 'acme')).rejects.toMatchObject({ details: { balanceMinor: 0 } });
  await owe(shop.db, 'acme', 5);
  const next = await payOut(shop.db, 'acme');
  expect(next).toMatchObject({ amountMinor: 5, lines: 4 });
  expect(amountsOf(await statementOf(shop.db, next))).toEqual(['-10.00', '4.00', '6.00', '0.05']);
});

test('a payout has one currency, which is named where the merchant has several', async () => {
  await expect(make(shop.db, 'acme')).rejects.toMatchObject({ code: 'NOTHING_TO_PAY_OUT' });
  await owe(shop.db, 'acme', 500);
  await owe(shop.db, 'acme', 700, { currency: 'JPY' });
  await expect(make(shop.db, 'acme')).rejects.toMatchObject({
    code: 'CURRENCY_REQUIRED',
    details: { currencies: ['JPY', 'USD'] },
  });
  const yen = await make(shop.db, 'acme', 'JPY');
  expect(amountsOf(await statementOf(shop.db, yen))).toEqual(['700']);
  expect(await make(shop.db, 'acme', 'USD')).toMatchObject({ amountMinor: 500 });
  await expect(make(shop.db, 'nobody')).rejects.toMatchObject({ code: 'UNKNOWN_MERCHANT' });
});

test('what commits after a payout was made is in the next one, however early it was written', async () => {
  await owe(shop.db, 'acme', 1);
  const early = new Client({ connectionString: shop.url });
  await early.connect();
  try {
    await early.query('begin');
    await owe(early, 'acme', 100);
    // Later, and committed before.
    await owe(shop.db, 'acme', 20);
    const first = await make(shop.db, 'acme');
    expect(first).toMatchObject({ amountMinor: 21 });
    await early.query('commit');
    expect(amountsOf(await statementOf(shop.db, first))).toEqual(['0.01', '0.20']);
    await approve(shop.db, first.id);
    await paid(shop.db, first.id);
    expect(await make(shop.db, 'acme')).toMatchObject({ amountMinor: 100, lines: 1 });
  } finally {
    await early.end();
  }
});

test('many that ask at once get one payout, and the same request again the same one', async () => {
  await owe(shop.db, 'acme', 500);
  const asked = await Promise.allSettled(Array.from({ length: 6 }, () => make(shop.db, 'acme')));
  const made = asked.filter(({ status }) => status === 'fulfilled');
  expect(made).toHaveLength(1);
  for (const one of asked)
    if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'PAYOUT_OPEN' });
  await owe(shop.db, 'bolt', 500);
  const id = newId();
  const [first, again] = [await make(shop.db, 'bolt', null, id), await make(shop.db, 'bolt', null, id)];
  expect(again).toEqual(first);
});

test.each([1, 2, 3, 4])(
  'whatever happens between payouts, each line is in one that was not cancelled, or in none yet (seed %i)',
  async (seed) => {
    const numbers = randomOf(seed);
    const random = () => numbers.fraction();
    let owed = 0;
    let paidOut = 0;
    let open: string | null = null;
    for (let step = 0; step < 60; step++) {
      const choice = random();
      if (choice < 0.5) {
        const minor = Math.floor(random() * 2_000) - 600 || 1;
        await owe(shop.db, 'acme', minor);
        owed += minor;
      } else if (open === null) {
        open = await make(shop.db, 'acme').then(
          ({ id }) => id,
          () => null,
        );
      } else if (choice < 0.6) {
        await cancel(open);
        open = null;
      } else {
        await approve(shop.db, open);
        paidOut += Number((await paid(shop.db, open)).amountMinor);
        open = null;
      }
    }
    if (open !== null) await cancel(open);
    const { items } = await listPayouts(shop.db, { limit: 100, offset: 0, merchant: 'acme', status: 'paid' });
    let lines = 0;
    for (const payout of items) {
      const amounts = amountsOf(await statementOf(shop.db, payout));
      lines += amounts.length;
      expect(amounts.reduce((sum, amount) => sum + Math.round(Number(amount) * 100), 0)).toBe(
        payout.amountMinor,
      );
    }
    expect((await balancesOf(shop.db)).merchant_payable).toBe(owed - paidOut);
    const { rows } = await shop.db.pool.query<{ lines: number }>(
      `select count(distinct l.id)::int as lines from money_ledger l where kind in ('capture', 'refund')
         and exists (select from payouts p where p.status = 'paid' and l.id <= p.sees_to)`,
    );
    expect(lines).toBe(rows[0]?.lines ?? 0);
  },
);

test('payouts are in no settlement file', async () => {
  await owe(shop.db, 'acme', 500);
  await payOut(shop.db, 'acme');
  expect(await settle(shop.db, { from: '2026-06-01', to: '2026-06-30' })).toEqual([
    'acme,2026-06-01,5.00,0.00,5.00,1',
  ]);
});

test('a check finds a payout whose lines, or whose steps in the ledger, are not what it says', async () => {
  await owe(shop.db, 'acme', 500);
  await owe(shop.db, 'bolt', 500);
  const [first, second] = [await payOut(shop.db, 'acme'), await payOut(shop.db, 'bolt')];
  await shop.db.pool.query('update payouts set amount_minor = 501 where id = $1', [first.id]);
  await shop.db.pool.query(
    `begin; alter table money_ledger disable trigger money_ledger_append_only;
     delete from money_ledger where kind = 'payout' and source_id = '${second.id}';
     alter table money_ledger enable trigger money_ledger_append_only; commit`,
  );
  expect((await findings(shop.db)).map(({ details }) => [details.payoutId, details.what]).sort()).toEqual(
    [
      [first.id, 'entries'],
      [first.id, 'lines'],
      [second.id, 'entries'],
    ].sort(),
  );
  await shop.db.pool.query('delete from payouts');
  expect(await findings(shop.db)).toHaveLength(2);
  await shop.db.pool.query(
    `begin; alter table money_ledger disable trigger money_ledger_append_only; delete from money_ledger;
     alter table money_ledger enable trigger money_ledger_append_only; commit`,
  );
});

test('lists and statements are read by their indexes', async () => {
  const plan = (text: string) =>
    shop.db.transaction(async (tx) => {
      await tx.query({ name: 'no_scans', text: `select set_config('enable_seqscan', 'off', true)` });
      return JSON.stringify((await tx.query({ name: '', text: `explain (format json) ${text}` })).rows);
    });
  const newest = 'order by created_at desc, id desc limit 5';
  expect(await plan(`select * from payouts ${newest}`)).toContain('payouts_newest');
  expect(await plan(`select * from payouts where merchant_id = 1 ${newest}`)).toContain(
    'payouts_by_merchant',
  );
  expect(await plan(`select * from payouts where status = 'paid' ${newest}`)).toContain('payouts_by_status');
  await shop.db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
     select now(), current_date, 'capture', 'gateway_clearing', 'merchant_payable', 1, n, 'USD', gen_random_uuid(), gen_random_uuid()
     from generate_series(1, 5000) n`,
  );
  await owe(shop.db, 'acme', 500);
  await shop.db.pool.query('analyze money_ledger');
  const { id } = await make(shop.db, 'acme');
  const cut = await selectCut(shop.db, id);
  const [recorded] = await recordStatements(shop.db, (on) => selectLines(on, cut, { after: 0, limit: 5 }));
  const values = [
    cut.merchantId,
    `'${cut.currency}'`,
    cut.seesTo,
    `'${cut.missing}'`,
    'null',
    'null',
    0,
    5,
  ].map(String);
  const lines = values.reduce(
    (text, value, index) => text.replaceAll(`$${index + 1}`, value),
    recorded?.text ?? '',
  );
  const read = await plan(lines);
  expect(read).toContain('money_ledger_by_merchant');
  expect(read).not.toContain('Sort');
});

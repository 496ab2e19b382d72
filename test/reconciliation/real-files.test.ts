import { openTestShop, type TestShop } from '../support/fixtures';
import { carryOut, fill, namesOf, OF_BANK, upload } from './support';

/* What files of gateways have that ours do not: they begin and end somewhere, and say a capture in two rows. */

let shop: TestShop;
beforeEach(async () => {
  shop = await openTestShop();
  await fill(shop, 1);
});
afterEach(() => shop.close());

const told = async (file: string) => carryOut(shop.db, await upload(shop.db, file));

const HEADER = 'type,source,payment_intent,currency,amount,created\n';
const charge = (amount: string, day: string) => `charge,ch_1,pi_1,usd,${amount},${day}\n`;

describe('captures in parts around the first day', () => {
  const JUNE = charge('1000.01', '2026-06-02');
  const MAY = charge('0.50', '2026-05-27');

  beforeEach(() =>
    shop.db.pool.query(
      `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
       select '2026-05-27T12:00:00Z', '2026-05-27', kind, debit, credit, 1, 50, 'USD', payment_id, gen_random_uuid() from money_ledger`,
    ),
  );

  test('are the same where the file has no more than its days', async () => {
    expect(await told(HEADER + JUNE)).toEqual([]);
    expect(await told(HEADER + MAY + JUNE)).toEqual([]);
    expect(await told(HEADER + charge('7.00', '2026-04-01') + MAY + JUNE)).toEqual([]);
  });

  test('are missing, or differ, by what is of the days that are asked for', async () => {
    expect(await told(HEADER + charge('1000.08', '2026-06-02'))).toMatchObject([
      { class: 'amount', oursMinor: 100_001, theirsMinor: 100_008, deltaMinor: 7 },
    ]);
    expect(await told(HEADER)).toMatchObject([
      { class: 'missing_there', ref: 'pi_1', oursDay: '2026-06-02', deltaMinor: -100_001 },
    ]);
  });
});

test('a capture of less than was authorised is all of it, and what was taken back', async () => {
  const reversal = (amount: string) => `partial_capture_reversal,ch_1,pi_1,usd,${amount},2026-06-02\n`;
  expect(await told(HEADER + charge('1500.00', '2026-06-02') + reversal('-499.99'))).toEqual([]);
  expect(await told(HEADER + charge('1500.00', '2026-06-02') + reversal('-490.00'))).toMatchObject([
    { class: 'amount', ref: 'pi_1', deltaMinor: 999 },
  ]);
});

test('a payout of which the file may not have all transactions says so', async () => {
  const file = (first: string) =>
    `type,source,currency,amount,created,payout\n${first}charge,pi_1,usd,1000.01,2026-06-02,po_1\npayout,po_1,usd,-1200.01,2026-06-04,po_1\n`;
  const [cut] = await told(file(''));
  expect(cut).toMatchObject({
    class: 'amount',
    ref: 'po_1',
    detail: expect.stringContaining('days before') as string,
  });
  const found = await told(file('refund,re_0,usd,-1.00,2026-06-01,po_0\n'));
  expect(namesOf(found)).toEqual(['amount po_1', 'missing_here re_0']);
  expect(found[0]).toMatchObject({ class: 'amount', detail: null });
});

test('a bank has one reference on many lines, and of equal amounts one may not have come', async () => {
  const payouts = [
    ['po_1', '100.00', '2026-06-01'],
    ['po_2', '100.00', '2026-06-20'],
    ['po_3', '55.00', '2026-06-21'],
  ].map(([ref, amount, day]) => `payout,${String(ref)},usd,-${String(amount)},${String(day)}\n`);
  const gatewayJobId = await upload(shop.db, `type,source,currency,amount,created\n${payouts.join('')}`);
  await carryOut(shop.db, gatewayJobId);
  const statement =
    'reference,date,amount,currency\nSTRIPE,2026-06-21,100.00,USD\nSTRIPE,2026-06-22,55.00,USD\n';
  const jobId = await upload(shop.db, statement, { ...OF_BANK, gatewayJobId });
  expect(namesOf(await carryOut(shop.db, jobId))).toEqual(['missing_there po_1']);
});

test('what is paid out in another currency than that of the account is not to be in its statement', async () => {
  const gatewayJobId = await upload(
    shop.db,
    'type,source,currency,amount,created\npayout,po_1,usd,-1.00,2026-06-01\npayout,po_2,eur,-2.00,2026-06-01\n',
  );
  await carryOut(shop.db, gatewayJobId);
  const request = { ...OF_BANK, gatewayJobId, accountCurrency: 'EUR' };
  const jobId = await upload(shop.db, 'reference,date,amount,currency\n', request);
  expect(namesOf(await carryOut(shop.db, jobId))).toEqual(['missing_there po_2']);
});

import { expectedOf, FEE, gatewayFile, PLANTED, planOf, rowsOf } from '../../bench/reconciliation-data';
import { acceptDifference, bookDifference } from '../../domain/reconciliation/differences';
import { differencesCsv } from '../../domain/reconciliation/differences-csv';
import { collectEntries, compareEntries } from '../../domain/reconciliation/run';
import { readJob } from '../../domain/jobs/jobs';
import { addMerchant, balancesOf } from '../money/support';
import { make, owe, payOut } from '../payouts/support';
import { openTestShop, type TestShop } from '../support/fixtures';
import { randomOf } from '../support/random';
import { carryOut, differencesOf, fill, namesOf, OF_BANK, upload } from './support';

let shop: TestShop;
beforeEach(async () => {
  shop = await openTestShop();
  await addMerchant(shop.db, 'acme');
});
afterEach(() => shop.close());

const NOTHING = new Map();
const reconcile = async (
  ...args: Parameters<typeof upload> extends [unknown, ...infer Rest] ? Rest : never
) => carryOut(shop.db, await upload(shop.db, ...args));

test('a file that says what the ledger says has no difference', async () => {
  await fill(shop, 300);
  expect(await reconcile(gatewayFile(rowsOf(300), NOTHING), { fee: FEE })).toEqual([]);
  const { rows } = await shop.db.pool.query(
    `select (select count(*)::int from reconciliation_rows where kind <> 'payout') as rows, (select count(*)::int from reconciliation_entries) as entries`,
  );
  expect(rows).toEqual([{ rows: 0, entries: 0 }]);
});

test.each([11, 12, 13])(
  'all that is planted is found and named, and nothing else (seed %i)',
  async (seed) => {
    const random = randomOf(seed);
    await fill(shop, 1_500);
    const rows = rowsOf(1_500);
    const plan = planOf(rows, 5, () => random.fraction());
    const found = await reconcile(gatewayFile(rows, plan), { fee: FEE });
    expect(namesOf(found)).toEqual(expectedOf(rows, plan));
    expect(found.map(({ n }) => n)).toEqual(found.map((_, index) => index + 1));
  },
);

test.each(PLANTED)('%s says what both sides have', async (planted) => {
  await fill(shop, 30);
  const rows = rowsOf(30);
  const found = await reconcile(gatewayFile(rows, new Map([[3, planted]])), { fee: FEE });
  const charge = { kind: 'capture', ref: 'pi_4' };
  const says = {
    missing_there: { ...charge, oursMinor: 100_004, theirsMinor: null, deltaMinor: -100_004, line: null },
    missing_here: { ref: 'pi_4_more', oursMinor: null, theirsMinor: 100_004, deltaMinor: 100_004, line: 6 },
    amount: { ...charge, oursMinor: 100_004, theirsMinor: 100_011, deltaMinor: 7 },
    fee: { ...charge, oursMinor: 1_425, theirsMinor: 1_428, deltaMinor: -3 },
    currency: { ...charge, oursCurrency: 'USD', theirsCurrency: 'EUR', deltaMinor: null },
    date: { ...charge, oursDay: '2026-06-05', theirsDay: '2026-06-10', deltaMinor: null },
    duplicate: { ...charge, oursMinor: 100_004, theirsMinor: 200_008, deltaMinor: 100_004 },
    unreadable: { detail: expect.stringContaining('AMOUNT_INVALID') as string },
  }[planted];
  // A row that cannot be read is missing there as well.
  expect(found.map((each) => each.class)).toEqual([
    ...(planted === 'unreadable' ? ['missing_there'] : []),
    planted,
  ]);
  expect(found.at(-1)).toMatchObject(says);
});

test('without a contract, a row whose gross, fee and net do not fit is a difference', async () => {
  await fill(shop, 2);
  const file =
    'type,source,currency,amount,fee,net,created\ncharge,pi_1,usd,1000.01,5.00,995.01,2026-06-02\ncharge,pi_2,usd,1000.02,5.00,995.00,2026-06-03\n';
  expect(namesOf(await reconcile(file))).toEqual(['fee pi_2']);
});

test('a payout of a gateway comes to the transactions in it', async () => {
  await fill(shop, 2);
  const rows = (payout: string) =>
    `type,source,currency,amount,fee,net,created,payout\ncharge,pi_1,usd,1000.01,5.00,995.01,2026-06-02,po_1
charge,pi_2,usd,1000.02,5.00,995.02,2026-06-03,po_1\npayout,po_1,usd,${payout},0,${payout},2026-06-04,po_1\n`;
  expect(await reconcile(rows('-1990.03'))).toEqual([]);
  expect(await reconcile(rows('-1990.00'))).toMatchObject([
    {
      class: 'amount',
      kind: 'payout',
      ref: 'po_1',
      oursMinor: 199_003,
      theirsMinor: 199_000,
      deltaMinor: -3,
    },
  ]);
});

test('captures in parts are known by their charge, together', async () => {
  await fill(shop, 1);
  await shop.db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
     select effective_at, day, kind, debit, credit, 1, 50, 'USD', payment_id, gen_random_uuid() from money_ledger`,
  );
  const file = (more: string) =>
    `type,source,payment_intent,currency,amount,created\ncharge,ch_1,pi_1,usd,1000.01,2026-06-02\n${more}`;
  const second = 'charge,ch_2,pi_1,usd,0.50,2026-06-02\n';
  expect(await reconcile(file(second))).toEqual([]);
  expect(await reconcile(file(''))).toMatchObject([{ class: 'missing_there', ref: 'pi_1', deltaMinor: -50 }]);
  expect(await reconcile(file(second + 'charge,ch_3,pi_1,usd,0.70,2026-06-02\n'))).toMatchObject([
    { class: 'missing_here', ref: 'pi_1', deltaMinor: 70 },
  ]);
  expect(await reconcile(file(second + second))).toMatchObject([{ class: 'duplicate', deltaMinor: 50 }]);
});

test('what is beside the days that are asked for is no difference', async () => {
  await fill(shop, 60);
  const days = { from: '2026-06-10', to: '2026-06-12' };
  const all = [...gatewayFile(rowsOf(60), NOTHING)].join('');
  expect(await reconcile(all, days)).toEqual([]);
  const header = all.split('\n')[0] ?? '';
  expect(namesOf(await reconcile(`${header}\n`, { from: '2026-06-02', to: '2026-06-02' }))).toEqual([
    'missing_there pi_1',
    'missing_there pi_31',
  ]);
});

describe('a bank’s statement', () => {
  const HEADER = 'reference,date,amount,currency\n';

  /** Payouts of a gateway, of 1,000.01 on the 2nd to 1,000.20 on the 21st. */
  async function gateway(): Promise<string> {
    await fill(shop, 20);
    const lines = Array.from({ length: 20 }, (_, index) => {
      const [n, amount] = [index + 1, `1000.${String(index + 1).padStart(2, '0')}`];
      const day = `2026-06-${String(n + 1).padStart(2, '0')}`;
      return `charge,pi_${n},usd,${amount},${day},po_${n}\npayout,po_${n},usd,-${amount},${day},po_${n}\n`;
    });
    const jobId = await upload(shop.db, `type,source,currency,amount,created,payout\n${lines.join('')}`);
    // The file has no refunds.
    expect(namesOf(await carryOut(shop.db, jobId))).toEqual(['missing_there re_10', 'missing_there re_20']);
    return jobId;
  }

  const line = (n: number, reference: string, { days = 2, more = 0, currency = 'USD' } = {}) =>
    `${reference},2026-06-${String(n + 1 + days).padStart(2, '0')},${((100_000 + n + more) / 100).toFixed(2)},${currency}\n`;

  test('is compared with the payouts of the gateway, by reference or by amount and day, and with those to merchants', async () => {
    const gatewayJobId = await gateway();
    await owe(shop.db, 'acme', 5_000);
    const { reference, paidOn } = await payOut(shop.db, 'acme');
    const today = paidOn ?? '';
    let file = HEADER;
    // By reference, or under one of the bank's own.
    for (let n = 1; n <= 20; n++) {
      if (n === 5) continue;
      const own = n % 2 === 0 ? `po_${n}` : `BANK-${n}`;
      if (n === 6) file += line(n, own, { more: 3 });
      else if (n === 8) file += line(n, own, { currency: 'EUR' });
      else if (n === 10) file += line(n, own, { days: 9 });
      else file += line(n, own);
      if (n === 12) file += line(n, own);
    }
    file += `RENT,2026-06-15,-700.00,USD\n${reference ?? ''},${today},-49.00,USD\n`;
    const request = { ...OF_BANK, gatewayJobId, to: today > '2026-06-30' ? today : '2026-06-30' };
    const found = await reconcile(file, { ...request });
    expect(namesOf(found)).toEqual(
      [
        'missing_there po_5',
        'amount po_6',
        'currency po_8',
        'date po_10',
        'duplicate po_12',
        'missing_here RENT',
        `amount ${reference ?? ''}`,
      ].sort(),
    );
    // It has paid what was captured as well: 300 of each seventh payment, of which there are two.
    expect(found.find(({ ref }) => ref === reference)).toMatchObject({
      oursMinor: -5_600,
      theirsMinor: -4_900,
      deltaMinor: 700,
    });
  });

  test('has those missing that are in no payout, and is enough by itself', async () => {
    expect(namesOf(await reconcile(`${HEADER}T-9,2026-06-15,12.00,USD\n`, OF_BANK))).toEqual([
      'missing_here T-9',
    ]);
  });
});

describe('a difference', () => {
  const FILE =
    'type,source,currency,amount,created\ncharge,pi_1,usd,1000.01,2026-06-02\ncharge,pi_2,usd,1000.00,2026-06-03\ncharge,pi_9,eur,2.00,2026-06-04\n';
  const by = { reason: 'told by the gateway', actor: 'user:anna' };

  async function reconciled(dryRun = false): Promise<string> {
    const jobId = await upload(shop.db, FILE, { dryRun });
    await carryOut(shop.db, jobId);
    return jobId;
  }
  beforeEach(() => fill(shop, 2));

  test('is booked once as an adjustment, and is not told again', async () => {
    const jobId = await reconciled();
    expect(namesOf(await differencesOf(shop.db, jobId))).toEqual(['amount pi_2', 'missing_here pi_9']);
    const before = await balancesOf(shop.db);
    const first = await bookDifference(shop.db, { jobId, n: 1, merchant: null, ...by });
    expect(first).toMatchObject({
      status: 'booked',
      deltaMinor: -2,
      decidedBy: 'user:anna',
      reason: by.reason,
    });
    expect(await bookDifference(shop.db, { jobId, n: 1, merchant: null, ...by })).toEqual(first);
    const after = await balancesOf(shop.db);
    expect(after.adjustments).toBe(-2);
    expect(after.gateway_clearing).toBe((before.gateway_clearing ?? 0) + 2);
    for (const again of [
      bookDifference(shop.db, { jobId, n: 1, merchant: 'acme', ...by }),
      bookDifference(shop.db, { jobId, n: 1, merchant: null, ...by, reason: 'another' }),
      acceptDifference(shop.db, { jobId, n: 1, ...by }),
    ])
      await expect(again).rejects.toMatchObject({ code: 'DIFFERENCE_DECIDED' });
    const next = await reconciled();
    expect(namesOf(await differencesOf(shop.db, next))).toEqual(['missing_here pi_9']);
    expect((await balancesOf(shop.db)).adjustments).toBe(-2);
  });

  test('that a merchant is owed is in their next payout', async () => {
    const jobId = await reconciled();
    await bookDifference(shop.db, { jobId, n: 2, merchant: 'acme', ...by });
    expect(await make(shop.db, 'acme')).toMatchObject({ currency: 'EUR', amountMinor: 200 });
  });

  test('is accepted without any money', async () => {
    const jobId = await reconciled();
    const before = await balancesOf(shop.db);
    expect(await acceptDifference(shop.db, { jobId, n: 2, ...by })).toMatchObject({ status: 'accepted' });
    expect(await acceptDifference(shop.db, { jobId, n: 2, ...by })).toMatchObject({ status: 'accepted' });
    await expect(bookDifference(shop.db, { jobId, n: 2, merchant: null, ...by })).rejects.toMatchObject({
      code: 'DIFFERENCE_DECIDED',
    });
    expect(await balancesOf(shop.db)).toEqual(before);
  });

  test('of a dry run, of no amount, or that there is not, cannot be booked', async () => {
    const dry = await reconciled(true);
    await expect(bookDifference(shop.db, { jobId: dry, n: 1, merchant: null, ...by })).rejects.toMatchObject({
      code: 'RECONCILIATION_DRY_RUN',
    });
    const jobId = await upload(shop.db, FILE.replace('1000.00', '1000.02').replace('06-03', '06-09'));
    expect(namesOf(await carryOut(shop.db, jobId))).toEqual(['date pi_2', 'missing_here pi_9']);
    await expect(bookDifference(shop.db, { jobId, n: 1, merchant: null, ...by })).rejects.toMatchObject({
      code: 'DIFFERENCE_NOT_BOOKABLE',
    });
    await expect(bookDifference(shop.db, { jobId, n: 3, merchant: null, ...by })).rejects.toMatchObject({
      code: 'DIFFERENCE_NOT_FOUND',
    });
    await expect(bookDifference(shop.db, { jobId, n: 2, merchant: 'nobody', ...by })).rejects.toMatchObject({
      code: 'UNKNOWN_MERCHANT',
    });
  });

  test('is in the file of the job, where no cell begins a formula', async () => {
    const jobId = await upload(shop.db, `${FILE}charge,=cmd(),usd,1.00,2026-06-05\n`);
    await carryOut(shop.db, jobId);
    let text = '';
    for await (const piece of differencesCsv(shop.db, jobId)) text += piece;
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(/^n,class,kind,ref,line,/);
    expect(text).toContain("missing_here,capture,'=cmd(),5,");
  });
});

test('each step may run again, and what is committed meanwhile changes nothing', async () => {
  await fill(shop, 20);
  const rows = rowsOf(20);
  const jobId = await upload(shop.db, gatewayFile(rows, new Map([[2, 'amount']])));
  expect(await collectEntries(shop.db, jobId)).toBe(true);
  await shop.db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
     select effective_at, day, 'capture', 'gateway_clearing', 'merchant_payable', 1, 50, 'USD', payment_id, gen_random_uuid()
     from money_ledger where kind = 'capture' limit 3`,
  );
  expect(await collectEntries(shop.db, jobId)).toBe(true);
  const first = await compareEntries(shop.db, jobId);
  expect(first?.result).toMatchObject({ differences: 1, byClass: { amount: 1 }, rejected: 0 });
  expect(await compareEntries(shop.db, jobId)).toEqual(first);
  expect(await collectEntries(shop.db, jobId)).toBe(false);
  expect(namesOf(await differencesOf(shop.db, jobId))).toEqual(['amount pi_3']);
  expect(await readJob(shop.db, jobId)).toMatchObject({ status: 'completed', file: 'csv' });
});

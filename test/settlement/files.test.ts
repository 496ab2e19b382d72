import { createHash } from 'node:crypto';
import { readJob } from '../../domain/jobs/jobs';
import { beginSettlement, sumPart } from '../../domain/settlement/run';
import { requestSettlement } from '../../domain/settlement/settlement';
import { one, openDatabase } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { addMerchant } from '../money/support';
import { openTestShop, type TestShop } from '../support/fixtures';
import { seededRandom } from '../support/random';
import { testLogger } from '../support/servers';
import { ask, cancel, carryOut, enter, fileOf, finish, linesOf, PARTS, settle, sumAll } from './support';

let shop: TestShop;
beforeEach(async () => {
  shop = await openTestShop();
});
afterEach(() => shop.close());

const JUNE = { from: '2026-06-01', to: '2026-06-30' };
const JULY = { from: '2026-07-01', to: '2026-07-31' };

test('a file has a line for each merchant and day with money, by the bytes of their ids, in major units', async () => {
  for (const id of ['acme', 'Zed', '=cmd']) await addMerchant(shop.db, id);
  for (const entry of [
    { merchant: 'acme', day: '2026-06-30', minor: 12_345 },
    { merchant: 'acme', day: '2026-06-30', kind: 'fee' as const, minor: 309 },
    { merchant: 'acme', day: '2026-06-02', minor: 100 },
    { merchant: 'acme', day: '2026-06-02', kind: 'refund' as const, minor: 105 },
    { merchant: 'acme', day: '2026-06-02', kind: 'fee_returned' as const, minor: 3 },
    { merchant: 'Zed', day: '2026-06-01', kind: 'dispute' as const, minor: 500 },
    { merchant: 'Zed', day: '2026-06-01', kind: 'dispute_reversed' as const, minor: 200 },
    { merchant: '=cmd', day: '2026-06-15', minor: 5 },
    { day: '2026-05-31', minor: 1 },
    { day: '2026-07-01', minor: 1 },
  ])
    await enter(shop.db, entry);
  const jobId = await ask(shop.db);
  const file = await carryOut(shop.db, jobId);
  expect(file).toBe(
    `merchant_id,date,gross,fee,net,txn_count
'=cmd,2026-06-15,0.05,0.00,0.05,1
Zed,2026-06-01,-3.00,0.00,-3.00,2
acme,2026-06-02,-0.05,-0.03,-0.02,2
acme,2026-06-30,123.45,3.09,120.36,1
`,
  );
  const job = await readJob(shop.db, jobId);
  expect(job).toMatchObject({
    status: 'completed',
    file: 'csv',
    result: {
      ...JUNE,
      currency: 'USD',
      lines: 4,
      bytes: Buffer.byteLength(file),
      sha256: createHash('sha256').update(file).digest('hex'),
    },
  });
});

test.each([
  ['JPY', 1_234, '1234,0,1234'],
  ['BHD', 1_234, '1.234,0.000,1.234'],
  ['USD', 7, '0.07,0.00,0.07'],
])('amounts in %s have its digits', async (currency, minor, amounts) => {
  await enter(shop.db, { day: '2026-06-01', minor, currency });
  expect(await settle(shop.db)).toEqual([`house,2026-06-01,${amounts},1`]);
});

test('amounts beyond 53 bits are exact', async () => {
  for (let n = 0; n < 3; n++) await enter(shop.db, { day: '2026-06-01', minor: Number.MAX_SAFE_INTEGER });
  expect(await settle(shop.db)).toEqual(['house,2026-06-01,270215977642229.73,0.00,270215977642229.73,3']);
});

describe('what comes late', () => {
  test('is in the next file, under its own day, and in no other', async () => {
    await enter(shop.db, { day: '2026-06-10', minor: 1_000 });
    expect(await settle(shop.db, JUNE)).toEqual(['house,2026-06-10,10.00,0.00,10.00,1']);
    await enter(shop.db, { day: '2026-06-10', kind: 'dispute', minor: 300 });
    // Of a day without money until now.
    await enter(shop.db, { day: '2026-06-11', minor: 50 });
    await enter(shop.db, { day: '2026-07-05', minor: 70 });
    // Of a day that no file is about yet.
    await enter(shop.db, { day: '2026-05-05', minor: 1 });
    expect(await settle(shop.db, JULY)).toEqual([
      'house,2026-06-10,-3.00,0.00,-3.00,1',
      'house,2026-06-11,0.50,0.00,0.50,1',
      'house,2026-07-05,0.70,0.00,0.70,1',
    ]);
    expect(await settle(shop.db, { from: '2026-06-01', to: '2026-07-31' })).toEqual([]);
    expect(await settle(shop.db, { from: '2026-05-01', to: '2026-05-31' })).toEqual([
      'house,2026-05-05,0.01,0.00,0.01,1',
    ]);
  });

  test('of a merchant who was not there when the file was made is in the next file as well', async () => {
    await enter(shop.db, { day: '2026-06-10', minor: 1 });
    await settle(shop.db, JUNE);
    // Of a product that it took over, posted by the backfill; or its day has not ended yet where it is.
    await addMerchant(shop.db, 'new');
    await enter(shop.db, { merchant: 'new', day: '2026-06-20', minor: 500 });
    await enter(shop.db, { merchant: 'new', day: '2026-07-02', minor: 70 });
    await enter(shop.db, { merchant: 'new', day: '2026-05-02', minor: 9 });
    expect(await settle(shop.db, JULY)).toEqual([
      'new,2026-06-20,5.00,0.00,5.00,1',
      'new,2026-07-02,0.70,0.00,0.70,1',
    ]);
    expect(await settle(shop.db, { from: '2026-05-01', to: '2026-07-31' })).toEqual([
      'new,2026-05-02,0.09,0.00,0.09,1',
    ]);
  });

  test('of a merchant who came while a later file was made is in the next file as well', async () => {
    await enter(shop.db, { day: '2026-06-10', minor: 1 });
    await settle(shop.db, JUNE);
    const july = await ask(shop.db, { ...JULY, currency: 'USD' });
    await beginSettlement(shop.db, july, PARTS);
    await addMerchant(shop.db, 'new', { zone: 'Pacific/Pago_Pago' });
    expect(linesOf(await carryOut(shop.db, july))).toEqual([]);
    await enter(shop.db, { merchant: 'new', day: '2026-06-30', minor: 500 });
    expect(await settle(shop.db, { from: '2026-08-01', to: '2026-08-31' })).toEqual([
      'new,2026-06-30,5.00,0.00,5.00,1',
    ]);
    expect(await settle(shop.db, { ...JUNE, supplement: true })).toEqual([]);
  });

  test('and was being written when the cut was made is not lost', async () => {
    await enter(shop.db, { day: '2026-06-10', minor: 1 });
    let end = (): void => undefined;
    const written = new Promise<void>((resolve) => {
      void shop.db.transaction(async (tx) => {
        await enter(tx, { day: '2026-06-10', minor: 500 });
        resolve();
        await new Promise<void>((ends) => (end = ends));
      });
    });
    await written;
    // Newer, and committed before.
    await enter(shop.db, { day: '2026-06-12', minor: 2 });
    expect(await settle(shop.db, JUNE)).toEqual([
      'house,2026-06-10,0.01,0.00,0.01,1',
      'house,2026-06-12,0.02,0.00,0.02,1',
    ]);
    end();
    await shop.db.transaction(() => Promise.resolve());
    expect(await settle(shop.db, { ...JUNE, supplement: true })).toEqual([
      'house,2026-06-10,5.00,0.00,5.00,1',
    ]);
    expect(await settle(shop.db, { ...JUNE, supplement: true })).toEqual([]);
  });

  test('while a job sums is not in its file, which stays the same', async () => {
    await enter(shop.db, { day: '2026-06-10', minor: 1 });
    const jobId = await ask(shop.db);
    await beginSettlement(shop.db, jobId, PARTS);
    await enter(shop.db, { day: '2026-06-10', minor: 2 });
    expect(linesOf(await carryOut(shop.db, jobId))).toEqual(['house,2026-06-10,0.01,0.00,0.01,1']);
    await enter(shop.db, { day: '2026-06-10', minor: 4 });
    expect(linesOf(await fileOf(shop.db, jobId))).toEqual(['house,2026-06-10,0.01,0.00,0.01,1']);
    expect(await settle(shop.db, { ...JUNE, supplement: true })).toEqual([
      'house,2026-06-10,0.06,0.00,0.06,2',
    ]);
  });
});

describe('the same days again', () => {
  test('give the job again, open or completed, unless it is to be a supplement', async () => {
    await enter(shop.db, { day: '2026-06-10', minor: 1 });
    const [first, second] = await Promise.all([ask(shop.db), ask(shop.db)]);
    expect(second).toBe(first);
    await carryOut(shop.db, first);
    expect(await ask(shop.db, { currency: 'USD' })).toBe(first);
    expect(await ask(shop.db, { supplement: true })).not.toBe(first);
    expect(await ask(shop.db, { to: '2026-06-29' })).not.toBe(first);
    expect(await ask(shop.db, { merchant: 'house' })).not.toBe(first);
  });

  test('of a job that was cancelled are settled anew', async () => {
    await enter(shop.db, { day: '2026-06-10', minor: 1 });
    const jobId = await ask(shop.db);
    await sumAll(shop.db, jobId);
    expect(await cancel(shop.db, jobId)).toMatchObject({ status: 'cancelled', file: null });
    const next = await ask(shop.db);
    expect(next).not.toBe(jobId);
    expect(linesOf(await carryOut(shop.db, next))).toHaveLength(1);
  });
});

test('jobs that overlap, at once, have each row in one file', async () => {
  for (let day = 1; day <= 30; day++)
    await enter(shop.db, { day: `2026-06-${String(day).padStart(2, '0')}`, minor: day });
  const jobs = [
    await ask(shop.db),
    await ask(shop.db, { from: '2026-06-10', to: '2026-07-10' }),
    await ask(shop.db, { merchant: 'house', from: '2026-06-20' }),
  ];
  await Promise.all(jobs.map((jobId) => sumAll(shop.db, jobId)));
  const files = await Promise.all(jobs.map((jobId) => carryOut(shop.db, jobId)));
  const days = files.flatMap(linesOf).map((line) => line.split(',')[1]);
  expect(days.sort()).toEqual(
    Array.from({ length: 30 }, (_, n) => `2026-06-${String(n + 1).padStart(2, '0')}`),
  );
});

test('a job whose answer is lost, as it is to be summed anew, has its rows all the same', async () => {
  await enter(shop.db, { day: '2026-06-10', minor: 1 });
  await enter(shop.db, { day: '2026-07-10', minor: 2 });
  const [june, both] = [await ask(shop.db, JUNE), await ask(shop.db, { ...JUNE, to: JULY.to })];
  for (const jobId of [june, both]) await sumAll(shop.db, jobId);
  await carryOut(shop.db, june);
  // The second is a try of the same activity: the worker died before it could tell of the first.
  for (let tries = 0; tries < 2; tries++) expect(await finish(shop.db, both)).toBeNull();
  expect(linesOf(await carryOut(shop.db, both))).toEqual(['house,2026-07-10,0.02,0.00,0.02,1']);
});

test('two that end a job at once, as it is to be summed anew, do not end it with what was summed before', async () => {
  await enter(shop.db, { day: '2026-06-10', minor: 1 });
  await enter(shop.db, { day: '2026-07-10', minor: 2 });
  const [june, both] = [await ask(shop.db, JUNE), await ask(shop.db, { ...JUNE, to: JULY.to })];
  for (const jobId of [june, both]) await sumAll(shop.db, jobId);
  await carryOut(shop.db, june);
  const ends = await Promise.all([1, 2].map(() => finish(shop.db, both)));
  expect(ends).toEqual([null, null]);
  expect(linesOf(await carryOut(shop.db, both))).toEqual(['house,2026-07-10,0.02,0.00,0.02,1']);
});

test('a job that is killed or cancelled anywhere, and begun anew, ends with the same bytes', async () => {
  const random = seededRandom();
  for (const id of ['acme', 'bolt']) await addMerchant(shop.db, id);
  await shop.db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
     select d, d, (array['capture', 'refund', 'fee'])[1 + n % 3], 'gateway_clearing', 'merchant_payable', 1 + n % 3, 1 + n % 97, 'USD',
       gen_random_uuid(), gen_random_uuid()
     from generate_series(1, 2000) n cross join lateral (select date '2026-06-01' + n * 7 % 30 as d) d`,
  );
  const expected = await one<{ lines: string[] }>(
    shop.db,
    'test.expected',
    `select array_agg(line order by line collate "C") as lines from (
       select m.code || ',' || day || ',' || to_char(g / 100.0, 'FM999990.00') || ',' || to_char(f / 100.0, 'FM999990.00') || ','
         || to_char((g - f) / 100.0, 'FM999990.00') || ',' || n as line
       from (select merchant_id, day, sum(case kind when 'capture' then amount_minor when 'refund' then -amount_minor else 0 end) as g,
               sum(case kind when 'fee' then amount_minor else 0 end) as f, count(*) filter (where kind <> 'fee') as n
             from money_ledger group by 1, 2) l join merchants m on m.id = l.merchant_id) l`,
  );
  let jobId = await ask(shop.db);
  for (let lives = 0; lives < 12; lives++) {
    if (random.chance(0.3)) {
      expect(await cancel(shop.db, jobId)).toMatchObject({ status: 'cancelled' });
      jobId = await ask(shop.db);
    }
    const parts = (await beginSettlement(shop.db, jobId, PARTS)) ?? [];
    const death = new AbortController();
    const signals = { signal: death.signal, ...(random.chance(0.5) && { force: death.signal }) };
    let left = random.whole(1, 15);
    const onBatch = () => {
      if (--left <= 0) death.abort();
    };
    // Two at once: one that was taken for dead goes on.
    await Promise.all(
      [...parts, ...parts].map((part) =>
        sumPart({ db: shop.db, batch: 17, ...signals, onBatch }, { jobId, part }),
      ),
    );
  }
  const file = await carryOut(shop.db, jobId, { batch: 17 });
  expect(linesOf(file)).toEqual(expected.lines);
  expect(await finish(shop.db, jobId)).toMatchObject({ status: 'completed' });
  expect(await fileOf(shop.db, jobId)).toBe(file);
});

test('a job whose days take longer than a statement of the pool may is completed', async () => {
  await enter(shop.db, { day: '2026-06-10', minor: 1 });
  await shop.db.pool.query(
    `create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.6); return null; end $$;
     create trigger slow before insert on settlement_days for each statement execute function slow()`,
  );
  const brief = openDatabase({ url: shop.url, poolSize: 4, log: testLogger(), statementTimeoutMs: 400 });
  try {
    expect(linesOf(await carryOut(brief, await ask(brief)))).toHaveLength(1);
  } finally {
    await brief.close();
  }
});

describe('is refused', () => {
  test('a day that has not ended where a merchant is', async () => {
    await addMerchant(shop.db, 'east', { zone: 'Pacific/Kiritimati' });
    await addMerchant(shop.db, 'west', { zone: 'Pacific/Pago_Pago' });
    const { today } = await one<{ today: string }>(
      shop.db,
      'test.today',
      `select (clock_timestamp() at time zone 'Pacific/Pago_Pago')::date::text as today`,
    );
    const refused = { code: 'DAY_NOT_ENDED', details: { merchants: ['west'] } };
    await expect(ask(shop.db, { from: today, to: today, merchant: 'west' })).rejects.toMatchObject(refused);
    await expect(ask(shop.db, { from: today, to: today })).rejects.toMatchObject({ code: 'DAY_NOT_ENDED' });
  });

  test('a file of several currencies, of which none is named', async () => {
    await enter(shop.db, { day: '2026-06-10', minor: 1 });
    await enter(shop.db, { day: '2026-06-10', minor: 1, currency: 'EUR' });
    await enter(shop.db, { day: '2026-07-10', minor: 1, currency: 'EUR' });
    await expect(ask(shop.db)).rejects.toMatchObject({
      code: 'CURRENCY_REQUIRED',
      details: { currencies: ['EUR', 'USD'] },
    });
    expect(await settle(shop.db, { currency: 'EUR' })).toHaveLength(1);
    expect(await settle(shop.db, JULY)).toEqual(['house,2026-07-10,0.01,0.00,0.01,1']);
    await expect(ask(shop.db, { merchant: 'nobody' })).rejects.toMatchObject({ code: 'UNKNOWN_MERCHANT' });
  });

  test('one job more than may be open', async () => {
    const request = { ...JUNE, merchant: null, currency: null, supplement: true };
    const more = () => requestSettlement(shop.db, { jobId: newId(), request, actor: 'test', queueSize: 2 });
    await more();
    await more();
    await expect(more()).rejects.toMatchObject({ code: 'JOB_QUEUE_FULL' });
  });
});

test('without any money a file has no lines, and hides nothing that comes', async () => {
  const first = await ask(shop.db);
  expect(linesOf(await carryOut(shop.db, first))).toEqual([]);
  await enter(shop.db, { day: '2026-06-10', minor: 1 });
  expect(await settle(shop.db)).toEqual(['house,2026-06-10,0.01,0.00,0.01,1']);
});

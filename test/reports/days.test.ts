import { salesCsv } from '../../domain/reports/csv';
import { monthlyReport } from '../../domain/reports/sales';
import { numberAll } from '../events/support';
import { openTestShop, type TestShop } from '../support/fixtures';
import { dayOf, expectSumsRight, followAll } from './support';

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterEach(() => expectSumsRight(shop.db));
afterAll(() => shop.close());

/** Money that moved at these times, a minor unit each. */
async function capture(times: readonly string[], { currency = 'USD', minor = 1 } = {}): Promise<void> {
  await shop.db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
     select t, t::date, 'capture', 'gateway_clearing', 'merchant_payable', 1, $2, $3, gen_random_uuid(), gen_random_uuid()
     from unnest($1::timestamptz[]) t`,
    [times, minor, currency],
  );
}

const capturedIn = (figures: readonly { capturedMinor: unknown }[]) =>
  figures.reduce((sum, { capturedMinor }) => sum + Number(capturedMinor), 0);

describe.each([
  // Clocks go from 02:00 to 03:00.
  ['Europe/Paris', '2025-03-30', '2025-03-29T23:00:00Z', '2025-03-30T22:00:00Z', 23],
  // From 03:00 to 02:00.
  ['Europe/Paris', '2025-10-26', '2025-10-25T22:00:00Z', '2025-10-26T23:00:00Z', 25],
  ['Asia/Kolkata', '2025-06-01', '2025-05-31T18:30:00Z', '2025-06-01T18:30:00Z', 24],
  ['Asia/Kathmandu', '2025-06-01', '2025-05-31T18:15:00Z', '2025-06-01T18:15:00Z', 24],
  // From 01:00 to 00:00: midnight comes twice, and the day begins with the first.
  ['America/Havana', '2025-11-02', '2025-11-02T04:00:00Z', '2025-11-03T05:00:00Z', 25],
  // From 00:00 to 01:00: there is no midnight.
  ['Africa/Cairo', '2025-04-25', '2025-04-24T22:00:00Z', '2025-04-25T21:00:00Z', 23],
  // By half an hour: the last hour has half of one.
  ['Australia/Lord_Howe', '2025-04-06', '2025-04-05T13:00:00Z', '2025-04-06T13:30:00Z', 25],
  ['UTC', '2024-02-29', '2024-02-29T00:00:00Z', '2024-03-01T00:00:00Z', 24],
])('in %s the day %s', (tz, date, from, to, hours) => {
  test('has its own hours, and what moved in them and no other', async () => {
    const [begin, end] = [Date.parse(from), Date.parse(to)];
    const at = (time: number) => new Date(time).toISOString();
    const before = (await dayOf(shop.db, date, { tz })).totals;
    await capture([at(begin - 1), at(begin), at(end - 1), at(end)]);
    const report = await dayOf(shop.db, date, { tz });
    expect([report.from, report.to].map((time) => Date.parse(time))).toEqual([begin, end]);
    expect(report.slots).toHaveLength(hours);
    expect(report.slots.map((slot) => Date.parse(slot.at))).toEqual(
      Array.from({ length: hours }, (_, n) => begin + n * 3_600_000),
    );
    expect(capturedIn(report.totals) - capturedIn(before)).toBe(2);
    expect(capturedIn(report.slots.flatMap(({ figures }) => figures))).toBe(capturedIn(report.totals));
    expect(capturedIn(report.slots.at(0)?.figures ?? [])).toBeGreaterThan(0);
    expect(capturedIn(report.slots.at(-1)?.figures ?? [])).toBeGreaterThan(0);
    await numberAll(shop.db);
    await followAll(shop.db);
    // The same from sums.
    expect({ ...(await dayOf(shop.db, date, { tz })), asOf: '' }).toEqual({ ...report, asOf: '' });
  });
});

test('a clock that goes back shows an hour twice, each of which says when it is', async () => {
  const { slots } = await dayOf(shop.db, '2025-10-26', { tz: 'Europe/Paris' });
  expect(slots.slice(1, 5).map(({ local }) => local.slice(11))).toEqual(['01:00', '02:00', '02:00', '03:00']);
});

test.each([
  'EST',
  'CET',
  '+02:00',
  'UTC+3',
  'Europe/Atlantis',
  'posix/Europe/Paris',
  '../UTC',
  "x' or 1=1",
  'localtime',
])('the time zone %j is refused', async (tz) => {
  await expect(dayOf(shop.db, '2025-06-01', { tz })).rejects.toMatchObject({ code: 'UNKNOWN_ZONE' });
});

test('a month has each of its days, with clocks that change, and what its days have', async () => {
  await capture([
    '2025-03-01T05:00:00Z',
    '2025-03-30T05:00:00Z',
    '2025-03-31T21:59:59Z',
    '2025-03-31T22:00:00Z',
  ]);
  const tz = 'Europe/Paris';
  const report = await monthlyReport(shop.db, { month: '2025-03', tz, products: 0 });
  expect(report.slots).toHaveLength(31);
  expect(report.slots.at(-1)).toMatchObject({ at: '2025-03-30T22:00:00.000000Z', local: '2025-03-31T00:00' });
  for (const slot of report.slots) {
    const day = await dayOf(shop.db, slot.local.slice(0, 10), { tz });
    expect({ day: day.period, figures: slot.figures }).toEqual({ day: day.period, figures: day.totals });
  }
  expect(capturedIn(report.totals)).toBe(capturedIn(report.slots.flatMap(({ figures }) => figures)));
  await expect(monthlyReport(shop.db, { month: '2024-02', tz, products: 0 })).resolves.toMatchObject({
    slots: { length: 29 },
  });
});

test('currencies never add, and a file has all digits of each', async () => {
  const times = ['2025-07-01T12:00:00Z'];
  await capture(times, { currency: 'JPY', minor: 1_234 });
  await capture(times, { currency: 'KWD', minor: 1_234 });
  await capture(times, { currency: 'EUR', minor: 1_234 });
  const report = await dayOf(shop.db, '2025-07-01');
  expect(report.totals.map(({ currency, capturedMinor }) => [currency, capturedMinor])).toEqual([
    ['EUR', 1_234],
    ['JPY', 1_234],
    ['KWD', 1_234],
  ]);
  const totals = salesCsv(report)
    .split('\n')
    .filter((line) => line.startsWith('total,'));
  expect(totals).toEqual([
    'total,,EUR,0,0.00,0,0.00,12.34,0.00,0.00,12.34,0.00,0.00,0,12.34,,,,,,',
    'total,,JPY,0,0,0,0,1234,0,0,1234,0,0,0,1234,,,,,,',
    'total,,KWD,0,0.000,0,0.000,1.234,0.000,0.000,1.234,0.000,0.000,0,1.234,,,,,,',
  ]);
});

test('what is beyond 53 bits is told exactly', async () => {
  await capture(['2025-08-01T12:00:00Z', '2025-08-01T12:00:01Z'], { minor: Number.MAX_SAFE_INTEGER });
  await capture(['2025-08-01T12:00:02Z']);
  const { totals } = await dayOf(shop.db, '2025-08-01');
  expect(totals[0]?.capturedMinor).toBe(18_014_398_509_481_983n);
});

test('what pays merchants is no money of the day', async () => {
  await shop.db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, source_id)
     values ('2025-09-01T12:00Z', '2025-09-01', 'payout_pending', 'merchant_payable', 'payouts_pending', 1, 5, 'SEK', gen_random_uuid()),
       ('2025-09-01T12:00Z', '2025-09-01', 'adjustment', 'adjustments', 'gateway_clearing', null, 5, 'SEK', gen_random_uuid())`,
  );
  const none = { totals: [], merchants: [] };
  expect(await dayOf(shop.db, '2025-09-01')).toMatchObject(none);
  await numberAll(shop.db);
  await followAll(shop.db);
  expect(await dayOf(shop.db, '2025-09-01')).toMatchObject(none);
});

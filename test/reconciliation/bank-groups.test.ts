import { readJob } from '../../domain/jobs/jobs';
import { openTestShop, type TestShop } from '../support/fixtures';
import { carryOut, namesOf, OF_BANK, upload } from './support';

/* A bank pays several payouts by one transfer, or one payout by several. */

let shop: TestShop;
let gatewayJobId: string;
const PAYOUTS = [
  ['po_1', '100.00', '2026-06-01'],
  ['po_2', '250.00', '2026-06-02'],
  ['po_3', '75.50', '2026-06-10'],
  ['po_4', '24.50', '2026-06-11'],
  ['po_5', '24.50', '2026-06-12'],
  ['po_6', '900.00', '2026-06-20'],
] as const;

beforeEach(async () => {
  shop = await openTestShop();
  const rows = PAYOUTS.map(([ref, amount, day]) => `payout,${ref},eur,-${amount},${day}\n`);
  gatewayJobId = await upload(shop.db, `type,source,currency,amount,created\n${rows.join('')}`);
  await carryOut(shop.db, gatewayJobId);
});
afterEach(() => shop.close());

async function told(lines: readonly (readonly [reference: string, day: string, amount: string])[]) {
  const file = `reference,date,amount,currency\n${lines.map((line) => `${line.join(',')},EUR\n`).join('')}`;
  const jobId = await upload(shop.db, file, { ...OF_BANK, gatewayJobId });
  const found = await carryOut(shop.db, jobId);
  return { found, result: (await readJob(shop.db, jobId))?.result };
}

test('groups are matched, and the job says how many', async () => {
  const { found, result } = await told([
    ['T-1', '2026-06-03', '350.00'],
    ['T-2', '2026-06-11', '75.50'],
    ['po_4', '2026-06-12', '24.50'],
    ['po_5', '2026-06-12', '24.50'],
    ['T-3', '2026-06-20', '400.00'],
    ['T-4', '2026-06-22', '500.00'],
  ]);
  expect(found).toEqual([]);
  expect(result).toMatchObject({ differences: 0, grouped: 2 });
});

test('where it is not certain which are a group, all are told, with what they may be', async () => {
  const { found, result } = await told([
    ['T-1', '2026-06-02', '100.00'],
    ['T-2', '2026-06-03', '250.00'],
    ['T-3', '2026-06-12', '100.00'],
    ['T-4', '2026-06-20', '900.00'],
  ]);
  expect(namesOf(found)).toEqual([
    'missing_here T-3',
    'missing_there po_3',
    'missing_there po_4',
    'missing_there po_5',
  ]);
  expect(found.find(({ ref }) => ref === 'T-3')).toMatchObject({
    detail: 'Together these may be it, and none of them is taken: po_3 + po_4; po_3 + po_5.',
  });
  expect(result).toMatchObject({ grouped: 0 });
});

test('a payout that comes in parts under its reference has come', async () => {
  const { found } = await told([
    ...PAYOUTS.slice(0, 5).map(([ref, amount, day]) => [ref, day, amount] as const),
    ['po_6', '2026-06-20', '450.00'],
    ['po_6', '2026-06-21', '450.00'],
  ]);
  expect(found).toEqual([]);
});

test('of equal amounts of which one has not come, it is not said which', async () => {
  const { found } = await told([
    ...PAYOUTS.slice(0, 3).map(([ref, amount, day]) => [ref, day, amount] as const),
    ['T-1', '2026-06-14', '24.50'],
    ['T-2', '2026-06-21', '900.00'],
  ]);
  expect(found).toMatchObject([
    { class: 'missing_there', ref: 'po_5', detail: expect.stringContaining('same amount') as string },
  ]);
});

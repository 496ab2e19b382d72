import { addMerchant } from '../money/support';
import { openTestShop, type TestShop } from '../support/fixtures';
import { decidingIn, fill, namesOf, OF_BANK } from './support';

/* What was booked of a difference is ours from then on: it is booked once, whichever files tell of it, and however often. */

let shop: TestShop;
beforeEach(async () => {
  shop = await openTestShop();
  await addMerchant(shop.db, 'acme');
  await fill(shop, 2);
});
afterEach(() => shop.close());

const { told, book, accept, adjusted } = decidingIn(() => shop);

const FIRST = 'type,source,currency,amount,created\ncharge,pi_1,usd,1000.01,2026-06-02\n';
const file = (second: string) => `${FIRST}charge,pi_2,usd,${second},2026-06-03\n`;

test('of two reconciliations that tell of the same, one books it', async () => {
  const both = [await told(file('1000.22')), await told(file('1000.22'))] as const;
  const asked = await Promise.allSettled(both.map((one) => book(one)));
  expect(asked.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const [booked, other] = asked[0]?.status === 'fulfilled' ? both : [both[1], both[0]];
  await expect(book(other)).rejects.toMatchObject({
    code: 'DIFFERENCE_BOOKED_ELSEWHERE',
    details: { jobId: booked.jobId, n: 1 },
  });
  expect(await adjusted()).toBe(20);
  // It is known, and nothing is booked.
  const accepted = await accept(other);
  expect(accepted).toMatchObject({ status: 'accepted', adjustmentId: null });
});

test('a correction of what was booked tells the rest alone', async () => {
  await book(await told(file('1000.22')));
  const corrected = await told(file('1000.32'));
  expect(corrected.found).toMatchObject([
    { class: 'amount', ref: 'pi_2', oursMinor: 100_022, theirsMinor: 100_032, deltaMinor: 10 },
  ]);
  await book(corrected);
  expect((await told(file('1000.32'))).found).toEqual([]);
  await book(await told(file('1000.02')));
  expect(await adjusted()).toBe(0);
  expect((await told(file('1000.02'))).found).toEqual([]);
});

test('what was booked since it was missing, and comes after all, is told', async () => {
  await book(await told(FIRST));
  expect(await adjusted()).toBe(-100_002);
  expect((await told(FIRST)).found).toEqual([]);
  const late = await told(file('1000.02'));
  expect(late.found).toMatchObject([{ class: 'amount', ref: 'pi_2', oursMinor: 0, deltaMinor: 100_002 }]);
  await book(late);
  expect(await adjusted()).toBe(0);
});

test('what has no reference is told as often as it is not decided', async () => {
  const statement = 'reference,date,amount,currency\n,2026-06-15,-3.00,USD\n,2026-06-15,-3.00,USD\n';
  const first = await told(statement, OF_BANK);
  expect(namesOf(first.found)).toEqual(['missing_here -', 'missing_here -']);
  const before = await told(statement, OF_BANK);
  await book(first);
  await expect(book(before)).rejects.toMatchObject({ code: 'DIFFERENCE_BOOKED_ELSEWHERE' });
  const next = await told(statement, OF_BANK);
  expect(namesOf(next.found)).toEqual(['missing_here -']);
  await book(next);
  expect(await adjusted()).toBe(-600);
  expect((await told(statement, OF_BANK)).found).toEqual([]);
});

import { openTestShop, type TestShop } from '../support/fixtures';
import { carryOut, decidingIn, fill, OF_BANK, upload } from './support';

/* What was booked or accepted of a file is known when it, or a corrected one, is compared again: only what is new is told. */

let shop: TestShop;
beforeEach(async () => {
  shop = await openTestShop();
  await fill(shop, 2);
});
afterEach(() => shop.close());

const { told, book, accept, adjusted } = decidingIn(() => shop);
const DECIDE = { booked: book, accepted: accept } as const;
const HOWS = ['booked', 'accepted'] as const;

const HEADER = 'type,source,currency,amount,fee,net,created,payout\n';
const charge = (n: 1 | 2, fee: string, net: string, more = '') =>
  `charge,pi_${n},usd,1000.0${n},${fee},${net},2026-06-0${n + 1},${more}\n`;

interface Case {
  name: string;
  /** The same again, and corrected. */
  file: (corrected: boolean) => Parameters<typeof told>;
  whole: number;
  rest: number;
}

const CASES: readonly Case[] = [
  {
    name: 'a fee',
    file: (corrected) => [
      HEADER + charge(1, '5.00', '995.01') + charge(2, corrected ? '6.50' : '6.00', '995.02'),
    ],
    // Kept more than the row itself says.
    whole: -100,
    rest: -50,
  },
  {
    name: 'what a payout comes to',
    file: (corrected) => [
      `${HEADER}${charge(1, '5.00', '995.01', 'po_1')}${charge(2, '5.00', '995.02', 'po_1')}payout,po_1,usd,-${corrected ? '1989.50' : '1990.00'},0,-${corrected ? '1989.50' : '1990.00'},2026-06-04,po_1\n`,
    ],
    whole: -3,
    rest: -50,
  },
  {
    name: 'the amount of a capture',
    file: (corrected) => [
      `type,source,currency,amount,created\ncharge,pi_1,usd,1000.01,2026-06-02\ncharge,pi_2,usd,${corrected ? '1000.32' : '1000.22'},2026-06-03\n`,
    ],
    whole: 20,
    rest: 10,
  },
  {
    name: 'a line of a bank',
    file: (corrected) => [
      `reference,date,amount,currency\nRENT,2026-06-15,-7${corrected ? '1' : '0'}0.00,USD\n`,
      OF_BANK,
    ],
    whole: -70_000,
    rest: -1_000,
  },
];

describe.each(HOWS)('what was %s', (how) => {
  test.each(CASES)(
    'of $name is not told again, and of a corrected file what is new',
    async ({ file, whole, rest }) => {
      const first = await told(...file(false));
      expect(first.found).toMatchObject([{ n: 1, deltaMinor: whole, earlierJobId: null, earlierN: null }]);
      await DECIDE[how](first);
      expect((await told(...file(false))).found).toEqual([]);
      const corrected = await told(...file(true));
      expect(corrected.found).toMatchObject([{ deltaMinor: rest, earlierJobId: first.jobId, earlierN: 1 }]);
      await DECIDE[how](corrected);
      expect((await told(...file(true))).found).toEqual([]);
      expect(await adjusted()).toBe(how === 'booked' ? whole + rest : 0);
    },
  );

  test.each(CASES)(
    'of $name that a later file has less of is booked back, if it was booked',
    async ({ file, whole, rest }) => {
      await DECIDE[how](await told(...file(false)));
      await DECIDE[how](await told(...file(true)));
      const back = await told(...file(false));
      if (how === 'accepted') {
        // Less than what is known.
        expect(back.found).toEqual([]);
        return;
      }
      expect(back.found).toMatchObject([{ deltaMinor: -rest }]);
      await book(back);
      expect(await adjusted()).toBe(whole);
      expect((await told(...file(false))).found).toEqual([]);
    },
  );
});

test('a line of a bank that was booked, and is in no statement of its day any more, is booked back', async () => {
  const statement = (lines: string) => ['reference,date,amount,currency\n' + lines, OF_BANK] as const;
  const first = await told(...statement('RENT,2026-06-15,-700.00,USD\n'));
  await book(first);
  const other = await told(...statement('RENT,2026-06-16,-5.00,USD\n'));
  expect(other.found).toMatchObject([
    { class: 'missing_here', ref: 'RENT', deltaMinor: -500, earlierJobId: null },
    {
      class: 'missing_there',
      ref: 'RENT',
      oursMinor: -70_000,
      deltaMinor: 70_000,
      earlierJobId: first.jobId,
    },
  ]);
  await book(other, 2);
  await accept(other);
  expect(await adjusted()).toBe(0);
  expect((await told(...statement('RENT,2026-06-16,-5.00,USD\n'))).found).toEqual([]);
  expect((await told(...statement('\n'))).found).toEqual([]);
  expect((await told(...statement('RENT,2026-06-15,-700.00,USD\n'))).found).toMatchObject([
    { class: 'missing_here', deltaMinor: -70_000 },
  ]);
});

test('which of two lines corrects the one that was booked is not guessed', async () => {
  const statement = (lines: string) => ['reference,date,amount,currency\n' + lines, OF_BANK] as const;
  await book(await told(...statement('RENT,2026-06-15,-700.00,USD\n')));
  const next = await told(...statement('RENT,2026-06-15,-710.00,USD\nRENT,2026-06-15,-20.00,USD\n'));
  expect(next.found.map(({ class: of, deltaMinor }) => [of, deltaMinor])).toEqual([
    ['missing_here', -71_000],
    ['missing_here', -2_000],
    ['missing_there', 70_000],
  ]);
});

test('a payout that was booked as not come, and comes after all, is booked back', async () => {
  const gatewayJobId = await upload(
    shop.db,
    'type,source,currency,amount,created\npayout,po_1,usd,-50.00,2026-06-10\n',
  );
  await carryOut(shop.db, gatewayJobId);
  const statement = (lines: string) =>
    ['reference,date,amount,currency\n' + lines, { ...OF_BANK, gatewayJobId }] as const;
  const first = await told(...statement('\n'));
  expect(first.found).toMatchObject([{ class: 'missing_there', ref: 'po_1', deltaMinor: -5_000 }]);
  await book(first);
  expect((await told(...statement('\n'))).found).toEqual([]);
  const late = await told(...statement('po_1,2026-06-12,50.00,USD\n'));
  expect(late.found).toMatchObject([
    { class: 'amount', ref: 'po_1', deltaMinor: 5_000, earlierJobId: first.jobId },
  ]);
});

test('what was accepted in one and booked in another reconciliation is known once', async () => {
  const { file } = CASES[2] ?? { file: () => [''] as const };
  const both = [await told(...file(false)), await told(...file(false))] as const;
  await book(both[0]);
  await accept(both[1]);
  expect((await told(...file(true))).found).toMatchObject([{ deltaMinor: 10 }]);
});

import { readSealHead, verifyHead } from '../../domain/assurance/seals/head';
import { readUnsealed } from '../../domain/assurance/seals/unsealed';
import { sealLog, verifyLog } from '../../domain/assurance/seals/sealed-logs';
import { enter } from '../settlement/support';
import { openTestShop, type TestShop } from '../support/fixtures';
import { waitFor } from '../support/wait';

let shop: TestShop;
beforeEach(async () => {
  shop = await openTestShop();
});
afterEach(() => shop.close());

/** Once the transactions of other tests on the server, which delay seals, have ended. */
async function seal(rows: number): Promise<void> {
  let sealed = 0;
  await waitFor(
    async () => (sealed += (await sealLog(shop.db, 'money_ledger', { rowsPerSeal: 2 })).rows) === rows,
  );
}

const verify = async () => {
  const found = await verifyLog(shop.db, 'money_ledger', { mode: 'full', limit: 100 });
  return found.map(({ subject, details }) => `${subject} ${String(details['what'])}`);
};

async function byHand(text: string): Promise<void> {
  await shop.db.pool.query(
    `begin; alter table money_ledger disable trigger user; ${text}; alter table money_ledger enable trigger user; commit`,
  );
}

test('rows that were changed, removed or added by hand after they were sealed are named', async () => {
  for (let n = 1; n <= 5; n++) await enter(shop.db, { day: '2026-06-01', minor: n });
  await seal(5);
  expect(await verify()).toEqual([]);
  const head = await readSealHead(shop.db);
  expect(head).toMatchObject({ moneySeq: 3, moneyHash: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
  await byHand('update money_ledger set amount_minor = amount_minor + 1 where id = 2');
  expect(await verify()).toEqual(['money-entry:2 changed']);
  await byHand('update money_ledger set amount_minor = amount_minor - 1 where id = 2');
  expect(await verify()).toEqual([]);
  await byHand('delete from money_ledger where id = 4');
  expect(await verify()).toEqual(['money-entry:4 missing']);
  expect((await verifyHead(shop.db, head)).findings).toEqual([]);
  await shop.db.pool.query('alter table money_seals disable trigger user');
  await shop.db.pool.query('delete from money_seals where seq = 3');
  await shop.db.pool.query('alter table money_seals enable trigger user');
  expect((await verifyHead(shop.db, head)).findings).toMatchObject([
    { subject: 'money-seal:3', details: { what: 'seal_missing' } },
  ]);
});

test('how long rows wait to be sealed is told by the oldest', async () => {
  const minutes = async () => Math.floor((await readUnsealed(shop.db)).money_ledger / 60);
  for (const minor of [1, 2]) await enter(shop.db, { day: '2026-06-01', minor });
  await byHand(`update money_ledger set at = at - make_interval(mins => 20 - id::int)`);
  expect(await minutes()).toBe(19);
  await seal(2);
  expect((await readUnsealed(shop.db)).money_ledger).toBe(0);
});

test.each([
  'update money_ledger set amount_minor = 1',
  'delete from money_ledger',
  'truncate money_ledger',
  'update fee_rules set rate_bp = 1',
  'delete from money_seals',
])('%s is refused', async (text) => {
  await enter(shop.db, { day: '2026-06-01', minor: 5 });
  await seal(1);
  await shop.db.pool.query(
    `insert into fee_rules (merchant_id, currency, effective_from, rate_bp, fixed_minor, minimum_minor, is_returned)
     values (1, 'USD', now(), 0, 0, 0, false)`,
  );
  await expect(shop.db.pool.query(text)).rejects.toMatchObject({ constraint: 'append_only' });
});

test('a row says when, how much and between which accounts, once', async () => {
  const insert = (columns: string, values: string) =>
    shop.db.pool.query(
      `insert into money_ledger (effective_at, day, kind, merchant_id, currency, payment_id, source_id, ${columns})
       values (now(), now(), 'capture', 1, 'USD', gen_random_uuid(), md5('s')::uuid, ${values})`,
    );
  const rest = 'debit, credit, amount_minor';
  await expect(insert(rest, `'fees', 'fees', 1`)).rejects.toMatchObject({
    constraint: 'money_ledger_two_accounts',
  });
  await expect(insert(rest, `'fees', 'refunds', 0`)).rejects.toMatchObject({ code: '23514' });
  await insert(rest, `'gateway_clearing', 'merchant_payable', 1`);
  await expect(insert(rest, `'gateway_clearing', 'merchant_payable', 1`)).rejects.toMatchObject({
    constraint: 'money_ledger_once',
  });
});

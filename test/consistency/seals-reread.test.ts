import { verifySeals } from '../../domain/assurance/seals/verify';
import type { TestShop } from '../support/fixtures';
import { openLedgerShop, sealedLedger } from './sealed-ledger';
import { check, tamper } from './support';

let shop: TestShop;
beforeEach(async () => {
  shop = await openLedgerShop();
});
afterEach(() => shop.close());

const { write, sealRows, verify } = sealedLedger(() => shop);

describe('sealed rows are read again within a month', () => {
  const DAYS = 28;

  /** So many days later: the round began that much earlier. */
  async function daysLater(days: number): Promise<void> {
    await shop.db.pool.query(
      `update ledger_rechecked set round_began_at = round_began_at - make_interval(days => $1)`,
      [days],
    );
  }

  const standsAt = async () =>
    (
      await shop.db.pool.query<{ seq: number; broken: number[] }>(
        'select seq, to_jsonb(broken) as broken from ledger_rechecked',
      )
    ).rows[0];

  beforeEach(async () => {
    await write(80);
    await sealRows(80);
    await verify();
  });

  test('a share by each check, and all of them in a round', async () => {
    expect(await verify('incremental')).toEqual({ seals: 0, rows: 0, findings: [] });
    const read: number[] = [];
    for (let day = 1; day <= DAYS; day++) {
      await daysLater(1);
      // Several checks a day share what is due.
      for (let run = 0; run < 3; run++) read.push((await verify('incremental')).seals);
    }
    expect(read.reduce((sum, count) => sum + count, 0)).toBe(8);
    expect(Math.max(...read)).toBe(1);
    // The next round has begun.
    expect(await standsAt()).toEqual({ seq: 0, broken: [] });
    await daysLater(DAYS);
    expect(await verify('incremental')).toMatchObject({ seals: 8 });
  });

  test.each([1, 3, 8])(
    'what was done to seal %i long after it was verified is found, and told of until it is undone',
    async (seq) => {
      const row = 10 * seq;
      await tamper(shop.url, `update inventory_transactions set on_hand_delta = 2 where id = ${row}`);
      const found = async () =>
        (await check({ db: shop.db }, 'incremental', ['seals'])).findings.map(({ subject }) => subject);
      expect(await found()).toEqual([]);
      let day = 0;
      for (let seen: string[] = []; seen.length === 0; seen = await found()) {
        day += 1;
        expect(day).toBeLessThanOrEqual(DAYS);
        await daysLater(1);
      }
      expect(await standsAt()).toMatchObject({ broken: [seq] });
      const alerts = async () =>
        (
          await shop.db.pool.query<{ status: string; details: unknown }>(
            `select status, details - 'jobId' as details from alerts where kind = 'ledger_tampered' order by id`,
          )
        ).rows;
      const details = { findings: 1, first: [`ledger-row:${row}`] };
      // Also by checks that have no other share to read.
      for (let run = 0; run < 2; run++) expect(await found()).toEqual([`ledger-row:${row}`]);
      expect(await alerts()).toEqual([{ status: 'open', details }]);
      await tamper(shop.url, `update inventory_transactions set on_hand_delta = 1 where id = ${row}`);
      expect(await found()).toEqual([]);
      expect(await standsAt()).toMatchObject({ broken: [] });
      expect(await alerts()).toEqual([{ status: 'resolved', details }]);
    },
  );

  test.each([
    ['time', `made_at = 'epoch'::timestamptz + ('epoch'::timestamptz - made_at)`, ['seal:4']],
    ['hash', 'hash = set_byte(hash, 0, get_byte(hash, 0) # 1)', ['seal:4', 'seal:5']],
  ])(
    'a seal whose %s is changed long after it was verified is found, and told of until it is undone',
    async (_, change, subjects) => {
      const found = async () =>
        (await check({ db: shop.db }, 'incremental', ['seals'])).findings.map(({ subject }) => subject);
      // The same again undoes it.
      const statement = `update ledger_seals set ${change} where seq = 4`;
      await tamper(shop.url, statement);
      expect(await found()).toEqual([]);
      await daysLater(DAYS);
      for (let run = 0; run < 3; run++) expect(await found()).toEqual(subjects);
      await tamper(shop.url, statement);
      expect(await found()).toEqual([]);
    },
  );

  test('a seal that is removed long after it was verified is found, and told of until it is there again', async () => {
    const found = async () =>
      (await check({ db: shop.db }, 'incremental', ['seals'])).findings.map(
        ({ subject, details }) => `${subject} ${String(details['what'])} ${String(details['missing'])}`,
      );
    await tamper(
      shop.url,
      'create table kept_seals as select * from ledger_seals where seq in (3, 4)',
      'delete from ledger_seals where seq in (3, 4)',
    );
    expect(await found()).toEqual([]);
    await daysLater(DAYS);
    for (let run = 0; run < 3; run++) expect(await found()).toEqual(['seal:3 seal_missing 2']);
    await tamper(shop.url, 'insert into ledger_seals select * from kept_seals', 'drop table kept_seals');
    expect(await found()).toEqual([]);
  });

  test('the latest seal that was verified cannot vanish, whatever share is due', async () => {
    await tamper(shop.url, 'delete from ledger_seals where seq = 8');
    for (let run = 0; run < 2; run++)
      expect((await verify('incremental')).findings).toEqual(['seal:8 seal_missing']);
  });

  test('after a long pause no check reads more than it may, and the next ones read the rest', async () => {
    await daysLater(2 * DAYS);
    const run = async () =>
      (await verifySeals(shop.db, { mode: 'incremental', limit: 100, recheck: { maxRows: 25 } })).rows;
    expect([await run(), await run(), await run(), await run()]).toEqual([20, 20, 20, 20]);
    expect(await standsAt()).toMatchObject({ seq: 0 });
    expect(await run()).toBe(0);
  });

  test('by a full check all at once: the round begins anew, and what it found is told of by the next checks', async () => {
    await daysLater(DAYS / 2);
    await tamper(shop.url, `update inventory_transactions set reason = 'x' where id = 75`);
    expect((await verify()).findings).toEqual(['ledger-row:75 changed']);
    expect(await standsAt()).toEqual({ seq: 0, broken: [8] });
    expect((await verify('incremental')).findings).toEqual(['ledger-row:75 changed']);
  });

  test('an acknowledged alert is opened again by what is found anew, not by the same', async () => {
    const job = () => check({ db: shop.db }, 'full', ['seals']);
    const status = async () =>
      (
        await shop.db.pool.query<{ status: string }>(
          `select status from alerts where kind = 'ledger_tampered'`,
        )
      ).rows;
    await tamper(shop.url, `update inventory_transactions set reason = 'x' where id = 75`);
    await job();
    await shop.db.pool.query(
      `update alerts set status = 'acknowledged', acknowledged_at = now(), acknowledged_by = 'me'`,
    );
    await job();
    expect(await status()).toEqual([{ status: 'acknowledged' }]);
    await tamper(shop.url, `update inventory_transactions set reason = 'x' where id = 5`);
    await job();
    expect(await status()).toEqual([{ status: 'open' }]);
  });
});

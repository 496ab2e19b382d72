import { setTimeout as delay } from 'node:timers/promises';
import { sealLedger } from '../../domain/assurance/seals/seal';
import { verifySeals } from '../../domain/assurance/seals/verify';
import { foldOldPartitions } from '../../domain/stock/retention/retention';
import type { CheckMode } from '../../domain/assurance/types';
import type { Database } from '../../platform/database/database';
import { readSettings } from '../../platform/config';
import { SCHEDULES } from '../../worker/schedules';
import { openTestShop, type TestShop } from '../support/fixtures';
import { seededRandom } from '../support/random';
import { openTransaction } from '../support/transaction';
import { waitFor } from '../support/wait';
import { check, tamper } from './support';

let shop: TestShop;
beforeEach(async () => {
  shop = await openTestShop();
  await shop.db.pool.query(
    `insert into products (sku, name, price_minor, currency) values ('A', 'A', 1, 'USD')`,
  );
  await shop.db.pool.query(
    `insert into warehouses (code, name, latitude, longitude, region) values ('W', 'W', 52, 5, 'eu')`,
  );
  await shop.db.pool.query('insert into stock (product_id, warehouse_id) values (1, 1)');
});
afterEach(() => shop.close());

/** One transaction of `count` entries. */
const ENTRIES = `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
  select 1, 1, 'adjust', 1, 0, gen_random_uuid() from generate_series(1, $1::int)`;

async function write(count: number): Promise<void> {
  await shop.db.transaction(async (tx) => {
    await tx.query({ name: 'test.entries', text: ENTRIES, values: [count] });
    await tx.query({ name: 'test.stock', text: 'update stock set on_hand = on_hand + $1', values: [count] });
  });
}

const SMALL = { rowsPerSeal: 10, sealsPerStep: 3 };
const seal = () => sealLedger(shop.db, SMALL);

/** Seals until these many rows more are sealed: transactions of other databases of the server may delay that. */
async function sealRows(count: number): Promise<void> {
  let rows = 0;
  await waitFor(async () => (rows += (await seal()).rows) === count);
}

async function verify(mode: CheckMode = 'full') {
  const { findings, ...read } = await verifySeals(shop.db, { mode, limit: 100 });
  return {
    ...read,
    findings: findings.map(({ subject, details }) => `${subject} ${String(details['what'])}`),
  };
}

async function seals(): Promise<{ seq: number; rows: number }[]> {
  const found = await shop.db.pool.query<{ seq: number; rows: number }>(
    'select seq, row_count as rows from ledger_seals order by seq',
  );
  return found.rows;
}

test('rows are sealed in seals of bounded size, also those of one large transaction, and each once', async () => {
  expect(await seal()).toEqual({ seals: 0, rows: 0 });
  for (const count of [3, 4, 95, 1]) await write(count);
  await sealRows(103);
  expect((await seals()).every(({ rows }) => rows <= 10)).toBe(true);
  expect((await seals()).length).toBeLessThanOrEqual(14);
  expect(await seal()).toEqual({ seals: 0, rows: 0 });
  expect(await verify()).toMatchObject({ rows: 103, findings: [] });
});

test('a backlog of large transactions is not read again for each step', async () => {
  const total = 60 * 20;
  for (let n = 0; n < 60; n++) await write(20);
  const windows: unknown[][] = [];
  const retrying: Database['retrying'] = (work, attempts) =>
    shop.db.retrying((tx) => {
      const query: Database['query'] = (statement) => {
        if (statement.name === 'consistency.insert_seals') windows.push(statement.values ?? []);
        return tx.query(statement);
      };
      return work({ ...tx, query });
    }, attempts);
  let rows = 0;
  await waitFor(async () => (rows += (await sealLedger({ ...shop.db, retrying }, SMALL)).rows) === total);
  let read = 0;
  for (const [xid, id, before] of windows) {
    const found = await shop.db.pool.query<{ count: number }>(
      `select count(*) from inventory_transactions
       where (xid::text::bigint, id) > ($1::bigint, $2::bigint) and xid::text::bigint < $3::bigint`,
      [xid, id, before],
    );
    read += found.rows[0]!.count;
  }
  // Each of the 40 steps would read half of it on average, were the window as wide as the backlog.
  expect(read).toBeLessThan(8 * total);
});

test('a row is not sealed before every transaction that began before its own has ended', async () => {
  await write(2);
  const slow = await openTransaction(shop.db);
  try {
    await slow.query(ENTRIES, [1]);
    await write(5);
    await sealRows(2);
    expect(await seal()).toEqual({ seals: 0, rows: 0 });
    await slow.query('commit');
  } finally {
    slow.release();
  }
  await sealRows(6);
  expect(await verify()).toMatchObject({ rows: 8, findings: [] });
});

test('of several sealers at once one seals, and nothing is sealed twice', async () => {
  await write(200);
  let rows = 0;
  await waitFor(async () => {
    const made = await Promise.all(Array.from({ length: 6 }, seal));
    rows += made.reduce((sum, one) => sum + one.rows, 0);
    return rows === 200;
  });
  expect(await verify()).toMatchObject({ rows: 200, findings: [] });
});

test('rows written while seals are made are all sealed in the end, and none of them looks wrong meanwhile', async () => {
  const random = seededRandom();
  let writing = true;
  const writers = Array.from({ length: 4 }, async () => {
    while (writing) {
      await write(random.whole(1, 20));
      await delay(5);
    }
  });
  for (let round = 0; round < 6; round++) {
    await sealLedger(shop.db, { rowsPerSeal: 200 });
    expect((await verify('incremental')).findings).toEqual([]);
    expect((await check({ db: shop.db }, 'incremental', ['on_hand_ledger', 'seals'])).findings).toEqual([]);
  }
  writing = false;
  await Promise.all(writers);
  const total = await shop.db.pool.query<{ count: number }>('select count(*) from inventory_transactions');
  await waitFor(async () => {
    await seal();
    return (await seals()).reduce((sum, { rows }) => sum + rows, 0) === total.rows[0]!.count;
  });
  expect(await verify()).toMatchObject({ rows: total.rows[0]!.count, findings: [] });
});

test('seals cannot be changed, deleted or cut off', async () => {
  await write(5);
  await sealRows(5);
  for (const statement of [
    'update ledger_seals set row_count = 4',
    'delete from ledger_seal_parts',
    'truncate ledger_seal_parts, ledger_seals',
  ]) {
    await expect(shop.db.pool.query(statement)).rejects.toThrow(/append-only/);
  }
});

describe('what was done to sealed rows is found and named', () => {
  beforeEach(async () => {
    await write(10);
    await sealRows(10);
    await write(10);
    await sealRows(10);
    for (const count of [4, 6]) await write(count);
    await waitFor(async () => {
      // In one seal: the names below count on it.
      const { rows: ready } = await shop.db.pool.query<{ ready: boolean }>(
        'select pg_snapshot_xmin(pg_current_snapshot()) > max(xid) as ready from inventory_transactions',
      );
      return ready[0]!.ready;
    });
    await sealRows(10);
    // Verified once: seals that vanish later are known to have been there.
    await verify();
  });

  test('unless nothing was', async () => {
    expect(await verify()).toEqual({ seals: 3, rows: 30, findings: [] });
  });

  test.each([
    [
      'a changed row',
      `update inventory_transactions set on_hand_delta = 100 where id = 7`,
      ['ledger-row:7 changed'],
    ],
    [
      'a changed actor',
      `update inventory_transactions set actor = 'nobody' where id = 30`,
      ['ledger-row:30 changed'],
    ],
    [
      'another time and number of a correction',
      `update inventory_transactions set as_of = at, number = 5 where id = 9`,
      ['ledger-row:9 changed'],
    ],
    ['a deleted row', 'delete from inventory_transactions where id = 12', ['ledger-row:12 missing']],
    [
      'several rows',
      `update inventory_transactions set reason = 'x' where id in (3, 28)`,
      ['ledger-row:3 changed', 'ledger-row:28 changed'],
    ],
    [
      'a row put into an old range',
      `insert into inventory_transactions overriding system value
       select * from (select 9999::bigint, at, product_id, warehouse_id, kind, 50, 0, gen_random_uuid(), null::uuid, null::uuid,
                             'by hand', null, 'system', xid from inventory_transactions where id = 8) x`,
      ['ledger-row:9999 added'],
    ],
    [
      'a row moved to another transaction',
      `update inventory_transactions set xid = (select max(xid) from inventory_transactions) where id = 2`,
      ['ledger-row:2 changed', 'ledger-row:2 added'],
    ],
    ['a changed seal', 'update ledger_seals set row_count = 9 where seq = 2', ['seal:2 seal_changed']],
    [
      'a seal with another hash',
      `update ledger_seals set hash = sha256('x') where seq = 1`,
      ['seal:1 seal_changed', 'seal:2 chain_broken'],
    ],
    ['a missing seal', 'delete from ledger_seals where seq = 2', ['seal:2 seal_missing']],
    ['a missing last seal', 'delete from ledger_seals where seq = 3', ['seal:3 seal_missing']],
    ['all seals missing', 'delete from ledger_seals', ['seal:1 seal_missing']],
    [
      'changed evidence',
      `update ledger_seal_parts set row_ids = row_ids || 1::bigint where seq = 1`,
      ['seal:1:2026-11-01 evidence_changed'],
    ],
  ])('%s', async (_, statement, expected) => {
    const month = new Date().toISOString().slice(0, 7);
    await tamper(shop.url, statement);
    expect((await verify()).findings).toEqual(expected.map((text) => text.replace('2026-11', month)));
  });

  test('by a job as well, which leaves the sums where they were verified last', async () => {
    await check({ db: shop.db }, 'incremental', ['seals']);
    await write(10);
    await sealRows(10);
    await tamper(shop.url, 'update inventory_transactions set on_hand_delta = 100 where id = 33');
    const { findings } = await check({ db: shop.db }, 'incremental', ['seals']);
    expect(findings).toMatchObject([
      { check: 'seals', severity: 'critical', subject: 'ledger-row:33', repairable: false },
    ]);
    const found = await shop.db.pool.query('select sums_seq, seals_seq from ledger_verified');
    expect(found.rows).toEqual([{ sums_seq: 3, seals_seq: 3 }]);
  });
});

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

test('rows are sealed within a minute of the end of the oldest writer, by the settings as they are', () => {
  const { intervals } = SCHEDULES['seal-ledger']!.spec(readSettings({}));
  // The first run after it seals them ("a row is not sealed before …", above), and takes its time.
  expect(intervals).toEqual([{ every: 30_000 }]);
});

describe('an incremental check after the sums were kept', () => {
  beforeEach(async () => {
    await write(25);
    await sealRows(25);
    await check({ db: shop.db }, 'incremental');
  });

  test('has them of what is sealed', async () => {
    const kept = await shop.db.pool.query('select on_hand, reserved from ledger_checkpoint');
    expect(kept.rows).toEqual([{ on_hand: 25, reserved: 0 }]);
  });

  const found = async () => {
    const { findings } = await check({ db: shop.db }, 'incremental', ['on_hand_ledger', 'seals']);
    return findings.map(({ subject, details }) => [subject, details['counter'], details['ledger']]);
  };

  test('finds a counter that was changed by hand, and goes on finding it', async () => {
    await tamper(shop.url, 'update stock set on_hand = 30');
    for (let run = 0; run < 3; run++) {
      expect(await found()).toEqual([['A@W', 30, 25]]);
      await sealRows(0);
    }
    await tamper(shop.url, 'update stock set on_hand = 25');
    expect(await found()).toEqual([]);
  });

  test('finds a later entry that changed no counter, also once that is sealed', async () => {
    await shop.db.pool.query(ENTRIES, [2]);
    expect(await found()).toEqual([['A@W', 25, 27]]);
    await sealRows(2);
    for (let run = 0; run < 3; run++) expect(await found()).toEqual([['A@W', 25, 27]]);
  });

  test('reads what was not sealed beside what was, and makes the sums anew when it is a full one', async () => {
    await write(5);
    expect(await found()).toEqual([]);
    await tamper(shop.url, 'update ledger_checkpoint set on_hand = 0');
    await write(1);
    expect(await found()).toEqual([['A@W', 31, 6]]);
    expect((await check({ db: shop.db }, 'full')).findings).toEqual([]);
    expect(await found()).toEqual([]);
  });
});

describe('a month that the retention drops', () => {
  /** Two years ago, where the partitions of today do not reach. */
  async function writeLongAgo(): Promise<string> {
    const name = 'inventory_transactions_2020_01';
    await shop.db.pool.query(
      `create table ${name} partition of inventory_transactions for values from ('2020-01-01 00:00:00+00') to ('2020-02-01 00:00:00+00')`,
    );
    await shop.db.pool.query(
      `insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
       select '2020-01-15', 1, 1, 'adjust', 1, 0, gen_random_uuid() from generate_series(1, 15)`,
    );
    await shop.db.pool.query('update stock set on_hand = on_hand + 15');
    return name;
  }

  const isSealed = async (name: string) =>
    (await shop.db.pool.query<{ sealed: boolean }>(`select ledger_partition_is_sealed($1) as sealed`, [name]))
      .rows[0]!.sealed;

  test('may go once it is sealed, takes no other evidence with it, and neither sums nor seals complain', async () => {
    const name = await writeLongAgo();
    await write(8);
    expect(await isSealed(name)).toBe(false);
    await sealRows(23);
    expect(await isSealed(name)).toBe(true);
    await check({ db: shop.db }, 'incremental');
    await shop.db.pool.query('select fold_ledger_partition(1)');
    const [{ gone }] = (
      await shop.db.pool.query<{ gone: boolean }>(`select to_regclass($1) is null as gone`, [name])
    ).rows as [{ gone: boolean }];
    expect(gone).toBe(true);
    await write(3);
    await sealRows(3);
    for (const mode of ['incremental', 'full', 'incremental'] as const) {
      expect((await check({ db: shop.db }, mode)).findings).toEqual([]);
    }
    await tamper(shop.url, `update inventory_transactions set reason = 'x' where id = 17`);
    expect((await verify()).findings).toEqual(['ledger-row:17 changed']);
  });

  test('may go before the sums of the ledger were ever kept', async () => {
    await writeLongAgo();
    await write(8);
    await sealRows(23);
    await shop.db.pool.query('select fold_ledger_partition(1)');
    for (let run = 0; run < 3; run++) {
      expect((await check({ db: shop.db }, 'incremental')).findings).toEqual([]);
      await write(1);
    }
  });

  const fold = () => foldOldPartitions(shop.db, 1);

  test.each([
    ['a changed row', `update inventory_transactions set on_hand_delta = 3 where id = 4`],
    ['a removed row', `delete from inventory_transactions where id = 4`],
    [
      'an added row',
      `insert into inventory_transactions overriding system value
       select * from (select 0::bigint, at, product_id, warehouse_id, kind, 50, 0, gen_random_uuid(), null::uuid, null::uuid,
                             'by hand', null, 'system', xid from inventory_transactions where id = 4) x`,
    ],
    ['a changed seal', `update ledger_seals set made_at = made_at + interval '1 s'`],
  ])('is not summed up with %s: it stays, and a person is told', async (_, statement) => {
    const name = await writeLongAgo();
    await sealRows(15);
    await tamper(shop.url, statement);
    await expect(fold()).rejects.toMatchObject({
      code: 'LEDGER_MONTH_CHANGED',
      message: expect.stringContaining(name) as string,
    });
    const kept = await shop.db.pool.query('select from ledger_opening');
    expect(kept.rows).toEqual([]);
    expect((await shop.db.pool.query(`select from ${name}`)).rows.length).toBeGreaterThan(0);
  });

  test.each([
    [
      'opening balances that were changed',
      'update ledger_opening set on_hand = on_hand + 1',
      'opening_changed',
    ],
    ['a record of it that was changed', 'update ledger_folds set entries = entries + 1', 'fold_changed'],
  ])('leaves sums that are sealed: %s are found', async (_, statement, what) => {
    const name = await writeLongAgo();
    await sealRows(15);
    expect(await fold()).toEqual([name]);
    expect((await verify()).findings).toEqual([]);
    await expect(shop.db.pool.query('update ledger_folds set entries = 1')).rejects.toThrow(/append-only/);
    await tamper(shop.url, statement);
    expect((await verify()).findings).toEqual([`fold:${name} ${what}`]);
  });

  test('while a check runs is no finding, and the check keeps it out where it sums', async () => {
    const name = await writeLongAgo();
    await write(3);
    await sealRows(18);
    let begun = 0;
    // The month is gone after the chain was read, before the rows are.
    const folding: Database = {
      ...shop.db,
      async transaction(work) {
        begun += 1;
        if (begun === 2) expect(await fold()).toEqual([name]);
        return shop.db.transaction(work);
      },
    };
    expect((await verifySeals(folding, { mode: 'full', limit: 100 })).findings).toEqual([]);
    expect(begun).toBeGreaterThan(2);
    // A further month, which could go as well.
    const checking = await openTransaction(shop.db);
    try {
      await checking.query(`select pg_advisory_xact_lock_shared(hashtext('fold_ledger_partition'))`);
      await shop.db.pool.query(
        `create table inventory_transactions_2020_02 partition of inventory_transactions
         for values from ('2020-02-01 00:00:00+00') to ('2020-03-01 00:00:00+00')`,
      );
      expect(await fold()).toEqual([]);
    } finally {
      await checking.query('rollback');
      checking.release();
    }
    expect(await fold()).toEqual(['inventory_transactions_2020_02']);
  });

  test('without being summed up is one finding, and one of each seal while its table is there', async () => {
    const name = await writeLongAgo();
    await sealRows(15);
    await write(12);
    await sealRows(12);
    expect((await seals()).length).toBeGreaterThan(2);
    await tamper(shop.url, `delete from ${name} where id <= 3`);
    expect((await verify()).findings).toEqual([1, 2, 3].map((id) => `ledger-row:${id} missing`));
    await shop.db.pool.query(`drop table ${name}`);
    expect((await verify()).findings).toEqual(['ledger-month:2020-01 month_missing']);
  });

  test('with entries that were never sealed is found: its record says how many were summed up', async () => {
    const name = await writeLongAgo();
    await sealRows(15);
    await fold();
    await tamper(
      shop.url,
      `update ledger_folds set entries = 16, hash = ledger_fold_hash(decode(repeat('00', 32), 'hex'), partition, lower_bound, upper_bound, 16, opening_hash)`,
    );
    expect((await verify()).findings).toEqual([`fold:${name} fold_changed`]);
  });
});

test('the time up to which everything is sealed is that of the first row that is not', async () => {
  const until = async () =>
    (await shop.db.pool.query<{ until: Date }>('select ledger_sealed_until() as until')).rows[0]!.until;
  await write(1);
  await sealRows(1);
  expect(await until()).toBe(Infinity);
  await write(1);
  expect(await until()).toBeInstanceOf(Date);
});

test('a server whose count of transactions is behind the seals is refused, with what to do', async () => {
  await write(1);
  await sealRows(1);
  await tamper(shop.url, 'update ledger_seals set to_xid = to_xid + 1000000');
  await expect(seal()).rejects.toMatchObject({ code: 'LEDGER_XIDS_WENT_BACK' });
});

test('an entry without a time of its own hashes as before corrections had one', async () => {
  await write(3);
  const { rows } = await shop.db.pool.query(
    `select distinct ledger_row_hash(t) = sha256(convert_to(json_build_array(t.id, t.at at time zone 'UTC', t.product_id,
       t.warehouse_id, t.kind, t.on_hand_delta, t.reserved_delta, t.effect_id, t.reservation_id, t.order_id, t.reason,
       t.reference, t.actor, t.xid)::text, 'UTF8')) as same
     from inventory_transactions t where t.as_of is null`,
  );
  expect(rows).toEqual([{ same: true }]);
});

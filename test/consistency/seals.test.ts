import { setTimeout as delay } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createConsistencyActivities } from '../../activities/consistency';
import { sealLedger } from '../../domain/assurance/seals/seal';
import { verifySeals } from '../../domain/assurance/seals/verify';
import type { Database } from '../../platform/database/database';
import { readSettings } from '../../platform/config';
import { SCHEDULES } from '../../worker/schedules';
import type { TestShop } from '../support/fixtures';
import { seededRandom } from '../support/random';
import { testLogger } from '../support/servers';
import { openTransaction } from '../support/transaction';
import { waitFor } from '../support/wait';
import { ENTRIES, openLedgerShop, sealedLedger, SMALL } from './sealed-ledger';
import { check, tamper } from './support';

let shop: TestShop;
beforeEach(async () => {
  shop = await openLedgerShop();
});
afterEach(() => shop.close());

const { write, seal, sealRows, verify, seals } = sealedLedger(() => shop);

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

test('a seal that is made while a check runs is verified with its place in the chain by the next one', async () => {
  const verifiedUpTo = async () =>
    (await shop.db.pool.query<{ seq: number }>('select seals_seq as seq from ledger_verified')).rows[0]!.seq;
  await write(10);
  await sealRows(10);
  await verify();
  let begun = 0;
  const sealing: Database = {
    ...shop.db,
    async transaction(work) {
      const result = await shop.db.transaction(work);
      begun += 1;
      if (begun === 1) {
        await write(10);
        await sealRows(10);
      }
      return result;
    },
  };
  expect((await verifySeals(sealing, { mode: 'incremental', limit: 100 })).findings).toEqual([]);
  expect(await verifiedUpTo()).toBe(1);
  await tamper(shop.url, `update ledger_seals set previous_hash = '\\x00' where seq = 2`);
  expect((await verify('incremental')).findings).toEqual(['seal:2 seal_changed', 'seal:2 chain_broken']);
  expect(await verifiedUpTo()).toBe(1);
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

describe('rows are sealed within a minute of the end of the oldest writer', () => {
  /** One run of the schedule, as a worker makes it. */
  const run = () => {
    const describe = () => Promise.reject(new Error('nobody asks'));
    const { sealLedgerRows } = createConsistencyActivities({
      db: shop.db,
      describe,
      graceSeconds: 60,
      log: testLogger(),
    });
    return new MockActivityEnvironment().run(sealLedgerRows);
  };

  /** Transactions of other databases of the server delay it. */
  const untilOldest = () =>
    waitFor(async () => {
      const { rows } = await shop.db.pool.query<{ isOldest: boolean }>(
        'select pg_snapshot_xmin(pg_current_snapshot()) > max(xid) as "isOldest" from inventory_transactions',
      );
      return rows[0]!.isOldest;
    });

  test('by the first run after it, also while a month of the ledger is summed up', async () => {
    const folding = await openTransaction(shop.db);
    const slow = await openTransaction(shop.db);
    try {
      await folding.query(`select pg_advisory_xact_lock(hashtext('fold_ledger_partition'))`);
      await slow.query('select pg_current_xact_id()');
      await write(5);
      expect(await run()).toEqual({ seals: 0, rows: 0 });
      await slow.query('commit');
      await untilOldest();
      expect(await run()).toEqual({ seals: 1, rows: 5 });
    } finally {
      for (const client of [slow, folding]) {
        await client.query('rollback');
        client.release();
      }
    }
  });

  test('by the settings as they are: there is a run in each half of it', () => {
    const { intervals = [] } = SCHEDULES['seal-ledger']!.spec(readSettings({}));
    expect(intervals).toHaveLength(1);
    expect(Number(intervals[0]?.every)).toBeLessThanOrEqual(30_000);
  });
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

import { Client } from 'pg';
import { listAudit } from '../../domain/audit/list';
import { recordChange } from '../../domain/audit/record';
import type { Change } from '../../domain/audit/types';
import { verifyHead, readSealHead } from '../../domain/assurance/seals/head';
import { sealLog, verifyLog } from '../../domain/assurance/seals/sealed-logs';
import { listAlerts } from '../../domain/stock/alerts/list';
import { provideRuntimeRole } from '../../platform/database/runtime-role';
import { newId } from '../../platform/ids';
import { check, tamper } from '../consistency/support';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { openTransaction } from '../support/transaction';
import { waitFor } from '../support/wait';

let shop: TestShop;
beforeEach(async () => {
  shop = await openTestShop();
});
afterEach(() => shop.close());

const OPERATOR = 'user:1';
const page = { limit: 100, offset: 0 };

const change = (given: Partial<Change> = {}): Change => ({
  actor: OPERATOR,
  action: 'product.changed',
  subject: { type: 'product', id: 'LAMP' },
  before: { priceMinor: 100, name: 'Lamp' },
  after: { priceMinor: 120, name: 'Lamp' },
  ...given,
});
const write = (given: Partial<Change> = {}) => shop.db.transaction((tx) => recordChange(tx, change(given)));
const entries = async (filter: Parameters<typeof listAudit>[1] = page) =>
  (await listAudit(shop.db, filter)).items;

/** Once all that wrote has ended, other tests on the server included, so that the same rows always make as many seals. */
async function seal(rows: number): Promise<void> {
  await waitFor(async () => {
    const { rows: found } = await shop.db.pool.query<{ ended: boolean }>(
      `select max(xid::text::bigint) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint as ended from audit_log`,
    );
    return found[0]?.ended;
  });
  expect((await sealLog(shop.db, 'audit_log', { rowsPerSeal: 3 })).rows).toBe(rows);
}

const verify = (mode: 'full' | 'incremental' = 'full') =>
  verifyLog(shop.db, 'audit_log', { mode, limit: 100 });

test('an entry has what differs, and the request that asked for it', async () => {
  const origin = { requestId: 'request-1', address: '203.0.113.7' };
  await shop.db.runFor(origin, () => write({ onBehalfOf: 'c-42' }));
  expect(await entries()).toEqual([
    {
      id: expect.any(Number) as number,
      at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      actor: OPERATOR,
      onBehalfOf: 'c-42',
      action: 'product.changed',
      subject: { type: 'product', id: 'LAMP' },
      before: { priceMinor: 100 },
      after: { priceMinor: 120 },
      requestId: 'request-1',
      address: '203.0.113.7',
      personal: null,
    },
  ]);
});

test('what is no change is not written, nor what the product does by itself', async () => {
  await write({ before: { a: 1, b: [1] }, after: { b: [1], a: 1 } });
  await write({ actor: 'system' });
  const same = { person: 'user:2', before: { name: 'Ada' }, after: { name: 'Ada' } };
  await write({ before: { a: 1 }, after: { a: 1 }, personal: same });
  expect(await entries()).toEqual([]);
});

test('an entry goes with the transaction of its change', async () => {
  await expect(
    shop.db.transaction(async (tx) => {
      await recordChange(tx, change());
      throw new Error('it died');
    }),
  ).rejects.toThrow('it died');
  expect(await entries()).toEqual([]);
});

test('personal values are apart: without them the entry stays, and so does its seal', async () => {
  const renamed = { person: 'user:2', before: { name: 'Ada' }, after: { name: 'Grace' } };
  const of = {
    action: 'user.renamed',
    subject: { type: 'user', id: '2' },
    before: null,
    after: null,
  } as const;
  const origin = { requestId: 'request-1', address: '203.0.113.7' };
  await shop.db.runFor(origin, () => write({ ...of, personal: renamed }));
  await shop.db.runFor(origin, () => write({ ...of, actor: 'user:2', personal: renamed }));
  const [own, byOther] = await entries();
  expect(byOther).toMatchObject({ address: '203.0.113.7', personal: renamed });
  expect(own).toMatchObject({ address: '203.0.113.7', personal: renamed });
  await seal(2);
  await shop.db.pool.query(`delete from audit_personal where person = 'user:2'`);
  expect(await entries()).toEqual([
    { ...own, address: null, personal: null },
    { ...byOther, personal: null },
  ]);
  expect(await verify()).toEqual([]);
  const { rows } = await shop.db.pool.query<{ text: string }>(
    'select audit_log::text as text from audit_log',
  );
  expect(rows.some(({ text }) => /Ada|Grace|203\.0/.test(text))).toBe(false);
});

test('entries are found by what they have, page by page, each once', async () => {
  for (let n = 0; n < 7; n++)
    await shop.db.runFor({ requestId: `request-${n % 2}`, address: null }, () =>
      write({
        actor: `user:${n % 3}`,
        subject: { type: 'product', id: `S${n}` },
        onBehalfOf: n === 5 ? 'c-5' : null,
      }),
    );
  const subjects = async (filter: Partial<Parameters<typeof listAudit>[1]>) =>
    (await entries({ ...page, ...filter })).map(({ subject }) => subject.id);
  expect(await subjects({})).toEqual(['S6', 'S5', 'S4', 'S3', 'S2', 'S1', 'S0']);
  expect(await subjects({ actor: 'user:1' })).toEqual(['S4', 'S1']);
  expect(await subjects({ requestId: 'request-1' })).toEqual(['S5', 'S3', 'S1']);
  expect(await subjects({ subject: { type: 'product', id: 'S2' } })).toEqual(['S2']);
  expect(await subjects({ onBehalfOf: 'c-5' })).toEqual(['S5']);
  expect(await subjects({ action: 'product.removed' })).toEqual([]);
  const [, , fourth] = await entries({ ...page, offset: 0 });
  expect(await subjects({ from: fourth?.at })).toEqual(['S6', 'S5', 'S4']);
  expect(await subjects({ to: fourth?.at })).toEqual(['S3', 'S2', 'S1', 'S0']);
  const paged: string[] = [];
  for (let after; ;) {
    const { items, next } = await listAudit(shop.db, { limit: 3, offset: 0, after });
    paged.push(...items.map(({ subject }) => subject.id));
    if (!next) break;
    after = next;
  }
  expect(paged).toEqual(['S6', 'S5', 'S4', 'S3', 'S2', 'S1', 'S0']);
});

test('every filter is answered by an index', async () => {
  await shop.db.pool.query(
    `insert into audit_log (actor, on_behalf_of, action, subject_type, subject_id, request_id)
     select 'user:' || n % 1000, 'c-' || n % 1000, 'product.a' || chr(97 + n % 26), 'product', 'S' || n % 1000, 'r' || n
     from generate_series(1, 30000) n`,
  );
  await shop.db.pool.query('analyze audit_log');
  const at = (await entries({ limit: 1, offset: 20_000 }))[0]?.at;
  const filters: Partial<Parameters<typeof listAudit>[1]>[] = [
    {},
    { actor: 'user:7' },
    { onBehalfOf: 'c-7' },
    { action: 'product.ab' },
    { subject: { type: 'product', id: 'S7' } },
    { requestId: 'r7' },
    { from: at, to: at },
    { actor: 'user:7', to: at },
    { after: { atMicros: at ?? '', id: 1 } },
  ];
  for (const filter of filters) {
    const read = await rowsRead(() => listAudit(shop.db, { limit: 20, offset: 0, ...filter }));
    expect({ filter, isPage: read < 100 }).toEqual({ filter, isPage: true });
  }
});

/** Rows of the log that a list fetches. */
async function rowsRead(list: () => Promise<unknown>): Promise<number> {
  const fetched = async () => {
    await shop.db.pool.query('select pg_stat_force_next_flush()');
    const { rows } = await shop.db.pool.query<{ n: number }>(
      `select coalesce(idx_tup_fetch, 0) + seq_tup_read as n from pg_stat_user_tables where relname = 'audit_log'`,
    );
    return rows[0]?.n ?? 0;
  };
  const before = await fetched();
  await list();
  return (await fetched()) - before;
}

describe('seals', () => {
  test('find an entry that the owner changed, removed or added, and tell of it until it is put right', async () => {
    for (let n = 0; n < 7; n++) await write({ after: { priceMinor: n } });
    await seal(7);
    expect(await verify()).toEqual([]);
    expect(await verify('incremental')).toEqual([]);
    const ids = (await entries()).map(({ id }) => id).reverse();
    await tamper(
      shop.url,
      'create table gone as table audit_log',
      `update audit_log set actor = 'user:9' where id = ${ids[1]}`,
      `delete from audit_log where id = ${ids[3]}`,
      `insert into audit_log (id, actor, action, subject_type, subject_id, xid) overriding system value
       select 9999, 'user:9', 'product.changed', 'product', 'X', xid from audit_log where id = ${ids[5]}`,
    );
    const found = await verify();
    expect(found.map(({ subject, details }) => [subject, details['what']])).toEqual([
      [`audit-entry:${ids[1]}`, 'changed'],
      [`audit-entry:${ids[3]}`, 'missing'],
      [`audit-entry:9999`, 'added'],
    ]);
    const { findings } = await check({ db: shop.db }, 'full', ['audit_seals']);
    expect(findings).toHaveLength(3);
    expect(findings[0]).toMatchObject({ check: 'audit_seals', severity: 'critical', repairable: false });
    const alerts = async () =>
      (await listAlerts(shop.db, { kind: 'ledger_tampered', ...page })).items.map(({ status, details }) => [
        status,
        details['findings'],
      ]);
    expect(await alerts()).toEqual([['open', 3]]);
    await tamper(
      shop.url,
      `delete from audit_log where id in (9999, ${ids[1]})`,
      `insert into audit_log overriding system value select * from gone where id in (${ids[1]}, ${ids[3]})`,
    );
    expect((await check({ db: shop.db }, 'full', ['audit_seals'])).findings).toEqual([]);
    expect(await alerts()).toEqual([['resolved', 3]]);
  });

  test('are read again in turn: a change of what was verified long ago is found', async () => {
    for (let n = 0; n < 6; n++) await write({ after: { priceMinor: n } });
    await seal(6);
    expect(await verify('incremental')).toEqual([]);
    const [last] = await entries({ ...page, limit: 1 });
    await tamper(shop.url, `update audit_log set request_id = 'other' where id = ${last?.id}`);
    const found: string[] = [];
    for (let run = 0; run < 2; run++)
      found.push(...(await verify('incremental')).map(({ subject }) => subject));
    expect(found).toEqual([`audit-entry:${last?.id}`]);
    // Told of by each check from then on, until it is as it was.
    for (let run = 0; run < 3; run++) expect(await verify('incremental')).toHaveLength(1);
    await tamper(shop.url, `update audit_log set request_id = null where id = ${last?.id}`);
    expect(await verify('incremental')).toEqual([]);
  });

  test('and so is each seal: one that was changed long after it was verified, and one that is gone', async () => {
    for (let n = 0; n < 6; n++) await write({ after: { priceMinor: n } });
    await seal(6);
    expect(await verify('incremental')).toEqual([]);
    const turn = async () => {
      const found = new Set<string>();
      for (let run = 0; run < 2; run++)
        for (const { subject, details } of await verify('incremental'))
          found.add(`${subject} ${String(details['what'])}`);
      return [...found].sort();
    };
    const change = `update audit_seals set made_at = 'epoch'::timestamptz + ('epoch'::timestamptz - made_at) where seq = 1`;
    await tamper(shop.url, change);
    expect(await turn()).toEqual(['audit-seal:1 seal_changed']);
    expect(await verify('incremental')).toHaveLength(1);
    await tamper(shop.url, change);
    expect(await turn()).toEqual([]);
    await tamper(
      shop.url,
      'create table kept_seals as select * from audit_seals where seq = 1',
      'delete from audit_seals where seq = 1',
    );
    expect(await turn()).toEqual(['audit-seal:1 seal_missing']);
    expect(await verify('incremental')).toHaveLength(1);
    await tamper(shop.url, 'insert into audit_seals select * from kept_seals', 'drop table kept_seals');
    expect(await turn()).toEqual([]);
  });

  test('cannot be made anew or vanish: the chain, the last one that was verified and a head that was kept tell', async () => {
    for (let n = 0; n < 6; n++) await write({ after: { priceMinor: n } });
    await seal(6);
    await verify();
    const head = await readSealHead(shop.db);
    expect(head.auditSeq).toBe(2);
    await tamper(shop.url, `update audit_seals set made_at = made_at + interval '1 day' where seq = 1`);
    expect((await verify()).map(({ subject }) => subject)).toContain('audit-seal:1');
    await tamper(shop.url, 'delete from audit_seals where seq = 2');
    expect((await verify()).map(({ details }) => details['what'])).toContain('seal_missing');
    await tamper(
      shop.url,
      'delete from audit_seals',
      `update audit_verified set seals_seq = 0, seals_hash = null`,
    );
    await seal(6);
    expect(await verify()).toEqual([]);
    expect((await verifyHead(shop.db, head)).findings).toEqual([
      { subject: 'audit-seal:2', details: { seal: 2, what: 'not_the_kept_head' } },
    ]);
  });

  test('are not made of an entry before every transaction that began before its own has ended', async () => {
    const slow = await openTransaction(shop.db);
    await slow.query('select pg_current_xact_id()');
    await write();
    expect(await sealLog(shop.db, 'audit_log')).toEqual({ seals: 0, rows: 0 });
    await slow.query('commit');
    slow.release();
    await seal(1);
  });
});

test('the runtime role adds entries, and can neither change, remove nor back-date one', async () => {
  await provideRuntimeRole({ ownerUrl: shop.url, runtimeUrl: shop.runtimeUrl }, testLogger());
  await write();
  await seal(1);
  const runtime = new Client({ connectionString: shop.runtimeUrl });
  await runtime.connect();
  const columns = 'actor, action, subject_type, subject_id';
  const entry = `'user:1', 'product.changed', 'product', 'LAMP'`;
  try {
    await runtime.query(`insert into audit_log (${columns}) values (${entry})`);
    for (const statement of [
      `update audit_log set actor = 'user:2'`,
      'delete from audit_log',
      'truncate audit_log cascade',
      `insert into audit_log (at, ${columns}) values (now() - interval '1 day', ${entry})`,
      `insert into audit_log (xid, ${columns}) values ('3', ${entry})`,
      `insert into audit_log (id, ${columns}) overriding system value values (1, ${entry})`,
      `update audit_seals set hash = ''`,
      'delete from audit_seals',
      'truncate audit_seals',
    ])
      await expect(runtime.query(statement)).rejects.toMatchObject({ code: '42501' });
  } finally {
    await runtime.end();
  }
  const owner = (statement: string) => shop.db.pool.query(statement);
  for (const statement of [
    `update audit_log set actor = '${newId()}'`,
    'delete from audit_log',
    'truncate audit_seals',
  ])
    await expect(owner(statement)).rejects.toMatchObject({ constraint: 'append_only' });
});

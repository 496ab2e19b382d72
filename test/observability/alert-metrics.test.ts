import { Registry } from 'prom-client';
import { addCountedMetrics } from '../../api/services/counted-metrics';
import { SEALED_LOGS, sealLog } from '../../domain/assurance/seals/sealed-logs';
import { sealLedger } from '../../domain/assurance/seals/seal';
import { readUnsealed } from '../../domain/assurance/seals/unsealed';
import { recordChange } from '../../domain/audit/record';
import { acknowledgeJob, createJob, failJob } from '../../domain/jobs/jobs';
import { raiseAttention, resolveAttention } from '../../domain/orders/attention';
import { rebuildReports } from '../../domain/reports/sums';
import { raiseAlerts, raiseTampered, resolveTampered } from '../../domain/stock/alerts/alerts';
import { recordFailure, forgetFailures } from '../../domain/stock/alerts/failed-work';
import { acknowledgeAlert, listAlerts } from '../../domain/stock/alerts/list';
import { newId } from '../../platform/ids';
import { check } from '../consistency/support';
import { openOrderShop, orderOf, type OrderShop } from '../db/support';
import { numberAll } from '../events/support';
import { followAll as followReports } from '../reports/support';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';

let shop: OrderShop;
beforeEach(async () => {
  shop = await openOrderShop();
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await shop.close();
});

/** What a process of the API that scrapes for the first time shows of a metric: values above zero, by labels. */
async function shown(name: string): Promise<Record<string, number>> {
  return Object.fromEntries(Object.entries(await series(name)).filter(([, value]) => value > 0));
}

async function series(name: string): Promise<Record<string, number>> {
  const registry = new Registry();
  addCountedMetrics(registry, shop.db);
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));
  return Object.fromEntries(
    lines.map((line) => {
      const [, labels = '', value] = /^\w+(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      return [labels.replaceAll('"', ''), Number(value)];
    }),
  );
}

async function acknowledge(kind: 'attention' | 'ledger_tampered' | 'work_failed'): Promise<void> {
  const { items } = await listAlerts(shop.db, { kind, status: 'open', limit: 10, offset: 0 });
  for (const { id } of items) await acknowledgeAlert(shop.db, { id, by: 'user:1', note: null });
}

test('every kind and severity of alert begins at zero', async () => {
  expect(await series('holdfast_alerts')).toEqual(
    Object.fromEntries(
      [
        ...['low_stock', 'out_of_stock', 'overstock', 'expiry_near'].map((kind) => [kind, 'info']),
        ...['transfer_overdue', 'work_failed', 'recall', 'count_short', 'reservation_stopped'].map((kind) => [
          kind,
          'warning',
        ]),
        ...['ledger_drift', 'ledger_tampered'].map((kind) => [kind, 'critical']),
        ['attention', 'critical'],
        ['attention', 'warning'],
      ].map(([kind, severity]) => [`kind=${kind},severity=${severity}`, 0]),
    ),
  );
});

test('an alert counts from when it is raised until it is acknowledged or resolved, and again when more is found', async () => {
  const { db } = shop;
  const tampered = 'kind=ledger_tampered,severity=critical';
  const raise = (...first: string[]) =>
    db.transaction((tx) => raiseTampered(tx, 'ledger', { jobId: newId(), findings: first.length, first }));
  await db.transaction((tx) =>
    raiseAlerts(tx, 'recall', [{ productId: 1, warehouseId: 1, details: { affected: [], total: 0 } }]),
  );
  await raise('row 1');
  expect(await shown('holdfast_alerts')).toEqual({ 'kind=recall,severity=warning': 1, [tampered]: 1 });
  await acknowledge('ledger_tampered');
  expect(await shown('holdfast_alerts')).toEqual({ 'kind=recall,severity=warning': 1 });
  await raise('row 1');
  expect(await shown('holdfast_alerts')).toEqual({ 'kind=recall,severity=warning': 1 });
  await raise('row 1', 'row 2');
  expect(await shown('holdfast_alerts')).toMatchObject({ [tampered]: 1 });
  await db.transaction((tx) => resolveTampered(tx, 'ledger'));
  expect(await shown('holdfast_alerts')).toEqual({ 'kind=recall,severity=warning': 1 });
});

test('what an order needs a person for has the severity of its reason, until it is acknowledged', async () => {
  const { db } = shop;
  const order = orderOf({ [await shop.product({ AMS: 1 })]: 1 });
  await shop.place(order);
  const about = newId();
  const attention = (['blocked_left', 'refund_failed'] as const).map((kind) => ({
    orderId: order.orderId,
    kind,
    about,
    why: 'it is so',
  }));
  await db.transaction((tx) => raiseAttention(tx, attention));
  expect(await shown('holdfast_attention')).toEqual({
    'reason=blocked_left,severity=critical': 1,
    'reason=refund_failed,severity=warning': 1,
  });
  expect(await shown('holdfast_alerts')).toMatchObject({
    'kind=attention,severity=critical': 1,
    'kind=attention,severity=warning': 1,
  });
  const { items } = await listAlerts(db, { kind: 'attention', limit: 10, offset: 0 });
  const severities = items.map(({ details: { reason, severity } }) => [reason, severity]);
  expect(new Map(severities as [unknown, unknown][])).toEqual(
    new Map<unknown, unknown>([
      ['blocked_left', 'critical'],
      ['refund_failed', undefined],
    ]),
  );
  await acknowledge('attention');
  expect(await shown('holdfast_attention')).toEqual({});
  await db.transaction((tx) => resolveAttention(tx, attention));
});

test('failed work counts once there is an alert of it, and until that is acknowledged', async () => {
  const { db } = shop;
  const [put, failed] = [newId(), newId()];
  const error = new Error('damaged');
  await recordFailure(db, { work: 'book_later', subject: put, error, alertFrom: 5 });
  await recordFailure(db, { work: 'book_shipment', subject: failed, error });
  expect(await shown('holdfast_failed_work')).toEqual({ 'work=book_shipment': 1 });
  await acknowledge('work_failed');
  expect(await shown('holdfast_failed_work')).toEqual({});
  await forgetFailures(db, ['book_later', 'book_shipment'], [put, failed]);
});

test('a failed job counts until somebody acknowledges it', async () => {
  const { db } = shop;
  const { jobId } = await createJob(db, { id: newId(), type: 'feed', input: {}, actor: 'test' });
  await failJob(db, jobId, { code: 'X', detail: 'it does not go on' });
  const failed = { 'status=failed,type=feed': 1 };
  const jobs = async () =>
    Object.fromEntries(
      Object.entries(await shown('holdfast_jobs')).map(([labels, count]) => [
        labels.split(',').sort().join(','),
        count,
      ]),
    );
  expect(await jobs()).toEqual(failed);
  await acknowledgeJob(db, { id: jobId, by: 'user:1', note: null });
  expect(await jobs()).toEqual({});
});

test('rows that wait for a seal are as old as the oldest, of both ledgers and of the audit log', async () => {
  const { db } = shop;
  const sealed = async () => {
    await sealLedger(db);
    for (const log of SEALED_LOGS) await sealLog(db, log);
    return Object.values(await readUnsealed(db)).every((seconds) => seconds === 0);
  };
  await waitFor(sealed);
  await db.pool.query(
    `insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select clock_timestamp() - make_interval(mins => n), 1, 1, 'adjust', 0, 0, gen_random_uuid() from generate_series(1, 20) n`,
  );
  await db.pool.query(
    `insert into audit_log (at, actor, action, subject_type, subject_id)
     values (clock_timestamp() - interval '5 minutes', 'user:1', 'product.changed', 'product', 'LAMP')`,
  );
  await db.transaction((tx) =>
    recordChange(tx, {
      actor: 'user:1',
      action: 'product.changed',
      subject: { type: 'product', id: 'LAMP' },
      after: { name: 'Lamp' },
    }),
  );
  const ages = Object.entries(await series('holdfast_unsealed_oldest_seconds'));
  expect(Object.fromEntries(ages.map(([log, seconds]) => [log, Math.floor(seconds / 60)]))).toEqual({
    'log=ledger': 20,
    'log=audit_log': 5,
    'log=money_ledger': 0,
  });
  await waitFor(sealed);
  expect(await shown('holdfast_unsealed_oldest_seconds')).toEqual({});
});

test('checks are as old as the one that ran to its end longest ago; before the first, as the schema is', async () => {
  const { db } = shop;
  const name = 'holdfast_consistency_check_age_seconds';
  const age = async () => (await series(name))[''] ?? Number.NaN;
  await db.pool.query(`update knex_migrations set migration_time = migration_time - interval '9 days'`);
  expect(await age()).toBeGreaterThan(9 * 86_400);
  const run = () => check({ db }, 'incremental', ['on_hand_ledger', 'reserved_ledger']);
  await run();
  await db.pool.query(
    `update consistency_checks set started_at = started_at - interval '1 hour', finished_at = finished_at - interval '1 hour'`,
  );
  expect(Math.floor((await age()) / 3_600)).toBe(1);
  await check({ db }, 'incremental', ['on_hand_ledger']);
  expect(Math.floor((await age()) / 3_600)).toBe(1);
  await run();
  expect(await age()).toBeLessThan(3_600);
});

test('events without a position, and what is due to webhooks, begin at zero and are shown', async () => {
  const { db } = shop;
  const events = async () => (await series('holdfast_events_unnumbered_oldest_seconds'))[''];
  await numberAll(db);
  expect(await events()).toBe(0);
  await db.pool.query(
    `insert into event_entries (at, type, subject_type, subject_id, actor, data)
     values (clock_timestamp() - interval '3 minutes', 'job.started', 'job', '1', 'test', '{"type": "feed"}')`,
  );
  expect(Math.floor(((await events()) ?? 0) / 60)).toBe(3);
  await db.pool.query(
    `insert into webhooks (id, url, types, secret, position, created_by)
     values (gen_random_uuid(), 'https://shop.example', '{job.*}', '', 0, 'test')`,
  );
  await numberAll(db);
  await db.pool.query(`update event_batches set numbered_at = clock_timestamp() - interval '4 minutes'`);
  const due = (await series('holdfast_webhook_delivery_oldest_seconds'))[''];
  expect([await events(), Math.floor((due ?? 0) / 60)]).toEqual([0, 4]);
});

test('sums of reports that are not kept, or begin anew, are shown, until they have all', async () => {
  const { db } = shop;
  const behind = async () => (await series('holdfast_reports_behind_oldest_seconds'))[''];
  await numberAll(db);
  await followReports(db);
  expect(await behind()).toBe(0);
  await shop.place(orderOf({ [await shop.product({ AMS: 1 })]: 1 }));
  await numberAll(db);
  await db.pool.query(`update event_batches set numbered_at = clock_timestamp() - interval '4 minutes'`);
  expect(Math.floor(((await behind()) ?? 0) / 60)).toBe(4);
  await followReports(db);
  expect(await behind()).toBe(0);
  await rebuildReports(db);
  await db.pool.query(`update report_builds set began_at = clock_timestamp() - interval '9 minutes'`);
  expect(Math.floor(((await behind()) ?? 0) / 60)).toBe(9);
  await followReports(db);
  expect(await behind()).toBe(0);
});

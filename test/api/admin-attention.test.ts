import type { Waiting } from '../../domain/administration/attention-types';
import { raiseAttention, resolveAttention } from '../../domain/orders/attention';
import { ATTENTION, type AttentionKind } from '../../domain/orders/types';
import { createCallerRunJob, failJob } from '../../domain/jobs/jobs';
import { forgetFailures, recordFailure } from '../../domain/stock/alerts/failed-work';
import { runChecks } from '../../cli/verify';
import { newId } from '../../platform/ids';
import { ADMIN_CALLER } from '../support/access-keys';
import { gatewayAskedLongAgo } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { openStackApi, type StackApi } from './stack-api';
import { order } from './support';

let test: StackApi;
beforeAll(async () => {
  test = await openStackApi({ settings: { REVIEW_FROM: ['USD:5000'], REVIEW_SECONDS: 3_600 } });
});
afterEach(() => expectInvariants(test.stack.db));
afterAll(() => test.stack.stop());

const post = (path: string, body: object = {}) =>
  test.call('POST', path, { body, headers: { 'idempotency-key': newId() } });

async function waiting(query = ''): Promise<Waiting[]> {
  const { status, body } = await test.call('GET', `/admin/attention?limit=100${query}`);
  expect(status).toBe(200);
  return body.items as unknown as Waiting[];
}

const DEADLINE_MS = 20_000;

/** The one thing that waits about this subject. It tells everything that a person needs. */
async function waitsOn(kind: string, id: string): Promise<Waiting> {
  let found: Waiting[] = [];
  await waitFor(async () => {
    found = (await waiting(`&kind=${kind}`)).filter(({ subject }) => subject.id === id);
    return found.length > 0;
  }, DEADLINE_MS);
  const [one] = found;
  if (!one || found.length > 1) throw new Error(`${found.length} wait`);
  expectTold(one);
  return one;
}

function expectTold({ since, why, next, actions }: Waiting): void {
  expect(since).toMatch(/Z$/);
  for (const text of [why, next, ...actions]) {
    expect(text).not.toBe('');
    expect(text).not.toMatch(/undefined|null| {2}|\(\)/);
  }
  expect(actions.length).toBeGreaterThan(0);
}

async function noLonger(kind: string, id: string): Promise<void> {
  await waitFor(async () => !(await waiting(`&kind=${kind}`)).some(({ subject }) => subject.id === id));
}

async function paidOrder(token: string, quantity = 2): Promise<{ id: string; sku: string }> {
  const sku = await test.newSku(10);
  const { body } = await test.place({ ...order(sku, quantity), payment: { method: 'card', token } });
  return { id: body.id, sku };
}

describe('what waits for a person', () => {
  it('is an order in review until somebody decides, with its deadline', async () => {
    const { id } = await paidOrder('tok_ok', 5);
    const one = await waitsOn('review_open', id);
    const { body } = await test.call('GET', `/orders/${id}`);
    expect(body).toMatchObject({ review: { deadline: one.deadline } });
    expect(one.actions).toContain(`holdfast order review ${id} --decision approve`);
    expect((await test.call('GET', '/admin/orders?attention=review_open')).body.items).toMatchObject([
      { id },
    ]);
    expect((await test.call('GET', '/admin/orders?attention=refund_failed')).body.items).toEqual([]);
    await post(`/orders/${id}/review`, { decision: 'approve' });
    await noLonger('review_open', id);
  });

  it('is a refund that the gateway refuses: tried again it waits again, settled by hand it is gone', async () => {
    const { id } = await paidOrder('tok_refund_fails');
    await waitFor(async () => ['fulfilling', 'fulfilled'].includes(await test.status(id)));
    const { body: refund } = await post(`/orders/${id}/refunds`, { amountMinor: 700, reason: 'damaged' });
    const one = await waitsOn('refund_failed', id);
    expect(one.actions).toContain(`POST /api/v1/refunds/${refund.id}/retry`);
    expect((await test.call('GET', '/admin/orders?attention=any')).body.items).toMatchObject([{ id }]);

    await gatewayAskedLongAgo(test.stack.db);
    const retried = await post(`/admin/orders/${id}/retry`);
    expect(retried).toMatchObject({
      status: 200,
      body: {
        items: [
          { what: 'refund', id: refund.id, status: 'planned' },
          { what: 'saga', id, status: 'due' },
        ],
      },
    });
    await waitFor(async () => (await waitsOn('refund_failed', id)).since > one.since);
    const done = { outcome: 'made_elsewhere', reference: 'bank 1', reason: 'the card is closed' };
    expect((await post(`/refunds/${refund.id}/resolve`, done)).status).toBe(200);
    await noLonger('refund_failed', id);
    // What is settled is not tried again.
    expect((await post(`/admin/orders/${id}/retry`)).body.items).toMatchObject([{ id }]);
    expect((await post(`/admin/orders/${newId()}/retry`)).status).toBe(404);
  });

  it.each(Object.keys(ATTENTION) as AttentionKind[])(
    'is an order for the reason %s, told in words',
    async (kind) => {
      const sku = await test.newSku(1);
      const { id } = (await test.place(order(sku, 1))).body;
      const about = newId();
      await test.stack.db.transaction((tx) =>
        raiseAttention(tx, [{ orderId: id, kind, about, why: 'So it is.' }]),
      );
      const one = await waitsOn(kind, id);
      expect(one).toMatchObject({
        subject: { type: 'order', id },
        why: 'So it is.',
        next: ATTENTION[kind].next,
      });
      if ('byHand' in ATTENTION[kind])
        await post(`/inventory/alerts/${one.alertId ?? ''}/resolve`, { note: 'done' });
      else await test.stack.db.transaction((tx) => resolveAttention(tx, [{ kind, about }]));
      await noLonger(kind, id);
    },
  );

  it('is a count until its variance is decided', async () => {
    const sku = await test.newSku(10);
    const { body: sheet } = await post('/counts', { location: 'AMS', skus: [sku] });
    await test.call('PUT', `/counts/${sheet.id}/lines`, { body: { sku, counted: 8 } });
    await post(`/counts/${sheet.id}/submit`);
    expect((await waitsOn('count_review', sheet.id)).why).toContain('1 lines');
    await post(`/counts/${sheet.id}/approve`);
    await noLonger('count_review', sheet.id);
  });

  it('is a quality hold until its units are released or written off', async () => {
    const sku = await test.newSku(10);
    const held = await post(`/inventory/${sku}/quality-hold`, {
      location: 'AMS',
      quantity: 3,
      reason: 'dented',
    });
    expect((await waitsOn('quality_hold', held.body.id)).why).toMatch(/^3 units .* dented$/);
    await post(`/quality-holds/${held.body.id}/release`, { quantity: 1 });
    expect((await waitsOn('quality_hold', held.body.id)).why).toMatch(/^2 units/);
    await post(`/quality-holds/${held.body.id}/write-off`);
    await noLonger('quality_hold', held.body.id);
  });

  it('is a return that came in until it is inspected', async () => {
    const { id, sku } = await paidOrder('tok_ok', 2);
    await waitFor(async () => (await test.status(id)) === 'fulfilled');
    const items = [{ sku, quantity: 2 }];
    const { body } = await post('/returns', {
      orderId: id,
      items: [{ sku, quantity: 2, reason: 'too large' }],
    });
    expect(await waiting('&kind=return_received')).toEqual([]);
    await post(`/returns/${body.id}/receive`, { location: 'AMS', items });
    expect((await waitsOn('return_received', body.id)).why).toMatch(/^2 returned units/);
    await post(`/returns/${body.id}/inspect`, { results: [{ sku, restock: 2 }] });
    await noLonger('return_received', body.id);
  });

  it('is a job that failed until somebody has seen it; who was first stays', async () => {
    const { db } = test.stack;
    const id = newId();
    await createCallerRunJob(db, { id, type: 'consistency', input: {}, actor: 'test' });
    expect(await post(`/admin/jobs/${id}/acknowledge`)).toMatchObject({
      status: 409,
      body: { code: 'JOB_NOT_FAILED' },
    });
    await failJob(db, id, { code: 'DISK_FULL', detail: 'No space is left.' });
    expect((await waitsOn('job_failed', id)).why).toContain('DISK_FULL. No space is left.');
    const seen = await post(`/admin/jobs/${id}/acknowledge`, { note: 'a disk was added' });
    expect(seen).toMatchObject({
      status: 200,
      body: { acknowledged: { by: ADMIN_CALLER, note: 'a disk was added' } },
    });
    expect((await post(`/admin/jobs/${id}/acknowledge`, { note: 'again' })).body).toEqual(seen.body);
    await noLonger('job_failed', id);
    expect((await post(`/admin/jobs/${newId()}/acknowledge`)).status).toBe(404);
  });

  it('is work that failed on one subject; it may be tried again at once, and is gone when it succeeds', async () => {
    const { db } = test.stack;
    const { id } = await paidOrder('tok_ok', 1);
    await recordFailure(db, { work: 'start_order_saga', subject: id, error: new Error('refused') });
    const one = await waitsOn('work_failed', `start_order_saga:${id}`);
    expect(one.why).toBe(`start_order_saga failed 1 times on ${id}: refused`);
    const retryAt = async () =>
      (await db.pool.query<{ due: boolean }>('select retry_at <= clock_timestamp() as due from failed_work'))
        .rows;
    expect(await retryAt()).toEqual([{ due: false }]);
    // By the order, and by the work.
    expect((await post(`/admin/orders/${id}/retry`)).body.items).toContainEqual(
      expect.objectContaining({ what: 'start_order_saga', id, status: 'due' }),
    );
    expect(await retryAt()).toEqual([{ due: true }]);
    expect(
      (await post('/admin/work/retry', { work: 'start_order_saga', subject: id })).body.items,
    ).toMatchObject([{ work: 'start_order_saga', subject: id }]);
    expect((await post('/admin/work/retry', { work: 'book_shipment' })).body.items).toEqual([]);
    expect((await post('/admin/work/retry', { work: 'nothing' })).status).toBe(422);
    await forgetFailures(db, 'start_order_saga', [id]);
    await noLonger('work_failed', `start_order_saga:${id}`);
  });

  it('is what a check found until a later one finds nothing, and the place whose counters drift', async () => {
    const { db, databaseUrl } = test.stack;
    const sku = await test.newSku(10);
    const { Pool } = await import('pg');
    const owner = new Pool({ connectionString: databaseUrl, max: 1 });
    const add = (units: number) =>
      owner.query(
        'update stock set on_hand = on_hand + $1 where product_id = (select id from products where sku = $2)',
        [units, sku],
      );
    const check = () =>
      runChecks(db, { mode: 'full', checks: ['on_hand_ledger', 'reserved_ledger', 'reserved_holds'] });
    try {
      await add(1);
      const { jobId } = await check();
      const one = await waitsOn('check_found', 'on_hand_ledger');
      expect(one.actions).toContain(`holdfast repair --job ${jobId}`);
      expect((await waitsOn('ledger_drift', `${sku} at AMS`)).actions).toContain(`holdfast why sku ${sku}`);
    } finally {
      await add(-1);
      await owner.end();
    }
    await check();
    await noLonger('check_found', 'on_hand_ledger');
    await noLonger('ledger_drift', `${sku} at AMS`);
  });

  it('is paged, longest first, without a gap or a repeat, also where things began at one moment', async () => {
    const { db } = test.stack;
    const ids = Array.from({ length: 5 }, () => newId());
    for (const id of ids) {
      await createCallerRunJob(db, { id, type: 'consistency', input: {}, actor: 'test' });
      await failJob(db, id, { code: 'X', detail: '' });
    }
    const { databaseUrl } = test.stack;
    const { Pool } = await import('pg');
    const owner = new Pool({ connectionString: databaseUrl, max: 1 });
    await owner.query('update jobs set finished_at = $1 where id = any ($2)', [
      '2026-01-01T00:00:00.123456Z',
      ids,
    ]);
    await owner.end();
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const at: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { body } = await test.call('GET', `/admin/attention?limit=2&kind=job_failed${at}`);
      seen.push(...(body.items as unknown as Waiting[]).map(({ subject }) => subject.id));
      cursor = body.nextCursor;
    }
    expect(seen).toEqual([...ids].sort());
    const all = await waiting();
    expect(all.map(({ since }) => since)).toEqual(all.map(({ since }) => since).sort());
    for (const id of ids) await post(`/admin/jobs/${id}/acknowledge`);
    for (const query of ['kind=low_stock', 'kind=nothing', 'offset=1', 'cursor=e30', 'limit=101'])
      expect((await test.call('GET', `/admin/attention?${query}`)).status).toBe(422);
  });
});

describe('the list of low stock', () => {
  it('has places from when they are low until they are not, with what is on its way and waited for', async () => {
    const sku = await test.newSku(10);
    await test.call('PUT', `/inventory/${sku}/thresholds`, { body: { lowStock: 5, overstock: null } });
    const low = async (query = '') =>
      (await test.call('GET', `/admin/inventory/low-stock?sku=${sku}${query}`)).body.items;
    expect(await low()).toEqual([]);
    const adjust = (delta: number) =>
      post(`/inventory/${sku}/adjust`, { location: 'AMS', delta, reason: 'test' });
    await adjust(-6);
    expect(await low()).toMatchObject([
      {
        sku,
        location: 'AMS',
        status: 'low_stock',
        onHand: 4,
        available: 4,
        threshold: 5,
        incoming: 0,
        elsewhere: 0,
      },
    ]);
    expect(await low('&status=out_of_stock')).toEqual([]);
    expect(await low('&location=AMS&status=low_stock')).toHaveLength(1);
    await test.place({
      ...order(sku, 7),
      fulfilment: 'backorder',
      payment: { method: 'card', token: 'tok_ok' },
    });
    await waitFor(async () => (await low('&status=out_of_stock')).length === 1);
    expect(await low()).toMatchObject([{ available: 0, backordered: 3 }]);
    await adjust(20);
    await waitFor(async () => (await low()).length === 0);
  });
});

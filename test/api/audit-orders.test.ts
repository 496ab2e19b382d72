import { raiseAttention } from '../../domain/orders/attention';
import { recordFailure } from '../../domain/stock/alerts/failed-work';
import { newId } from '../../platform/ids';
import { gatewayAskedLongAgo } from '../support/fixtures';
import { waitFor } from '../support/wait';
import { auditedTests } from './audited';
import { order } from './support';

const audited = auditedTests({
  settings: { REVIEW_FROM: ['USD:90000'], REVIEW_SECONDS: 3_600 },
  slowMs: 3_600_000,
});

audited('orders', async (test, expectRecorded) => {
  const status = (id: string, is: string) => waitFor(async () => (await test.status(id)) === is);
  const place = (sku: string, quantity: number, also: { [member: string]: unknown } = {}) =>
    expectRecorded('POST /orders', { event: 'order_placed' }, { body: order(sku, quantity, also) });
  const card = (token = 'tok_ok') => ({ payment: { method: 'card', token } });
  const view = async (id: string) =>
    (await test.call('GET', `/orders/${id}`)).body as unknown as {
      refunds: { id: string; status: string }[];
      shipments: { id: string; status: string }[];
      payments: { captures: { id: string; status: string }[] }[];
      review: { status: string } | null;
      attention: { kind: string }[];
    };

  const unpaid = await place(await test.newSku(5), 1);
  const own = { params: { id: unpaid.body.id } };
  const [first] = unpaid.body.items;
  await expectRecorded(
    'PATCH /orders/{id}',
    { event: 'amend_requested' },
    { ...own, body: { items: [{ sku: first!.sku, quantity: 2 }] } },
  );
  await expectRecorded(
    'POST /orders/{id}/payments',
    { event: 'payment_started' },
    { ...own, body: card().payment },
  );
  await status(unpaid.body.id, 'fulfilled');
  await expectRecorded(
    'POST /orders/{id}/refunds',
    { event: 'refund_started' },
    { ...own, body: { amountMinor: 1, reason: 'late' } },
  );

  const milk = `MILK-${newId().slice(-6)}`;
  await test.call('POST', '/products', { body: { sku: milk, name: 'Milk', priceMinor: 1, currency: 'USD' } });
  await test.call('PUT', `/products/${milk}/tracking`, { body: { lots: true, serials: false } });
  for (const code of ['L-1', 'L-2'])
    await test.call('POST', '/receipts', {
      body: {
        location: 'AMS',
        supplierReference: newId(),
        lines: [{ sku: milk, quantity: 2, lot: { code } }],
      },
    });
  const shipped = await place(milk, 1, card());
  await status(shipped.body.id, 'fulfilled');
  const [parcel] = (await view(shipped.body.id)).shipments;
  // The lot that was received first has left: it is exchanged for the other.
  await expectRecorded(
    'PUT /shipments/{id}/units',
    { log: 'shipment.units_named' },
    {
      params: { id: parcel!.id },
      body: { items: [{ sku: milk, lots: [{ code: 'L-2', quantity: 1 }] }] },
    },
  );

  for (const method of ['POST', 'PUT']) {
    const { body } = await place(await test.newSku(1), 1);
    await expectRecorded(
      `${method} /orders/{id}/cancel`,
      { event: 'cancel_requested' },
      { params: { id: body.id } },
    );
  }

  const back = async () => {
    const asked = await expectRecorded(
      'POST /returns',
      { event: 'return_authorised' },
      {
        body: { orderId: unpaid.body.id, items: [{ sku: first!.sku, quantity: 1, reason: 'too big' }] },
      },
    );
    return { params: { id: asked.body.id } };
  };
  await expectRecorded('POST /returns/{id}/cancel', { event: 'return_cancelled' }, await back());
  const returned = await back();
  const items = [{ sku: first!.sku, quantity: 1 }];
  await expectRecorded(
    'POST /returns/{id}/receive',
    { event: 'return_received' },
    { ...returned, body: { location: 'AMS', items } },
  );
  await expectRecorded(
    'POST /returns/{id}/inspect',
    { event: 'return_completed' },
    {
      ...returned,
      body: { results: [{ sku: first!.sku, restock: 1 }] },
    },
  );

  const reviewed = await place(await test.newSku(100), 95, card());
  await waitFor(
    async () =>
      (await view(reviewed.body.id)).review?.status === 'open' &&
      (await view(reviewed.body.id)).attention.length > 0,
  );
  await expectRecorded(
    'POST /orders/{id}/review',
    { event: 'review_approved' },
    {
      params: { id: reviewed.body.id },
      body: { decision: 'approve' },
    },
  );

  const failing = await place(await test.newSku(2), 2, card('tok_refund_fails'));
  await status(failing.body.id, 'fulfilled');
  await test.call('POST', `/orders/${failing.body.id}/refunds`, {
    body: { amountMinor: 5, reason: 'late' },
    headers: { 'idempotency-key': newId() },
  });
  const failed = () =>
    waitFor(
      async () => (await view(failing.body.id)).refunds.find((refund) => refund.status === 'failed')?.id,
    );
  const refund = { params: { id: await failed() } };
  await gatewayAskedLongAgo(test.stack.db);
  await expectRecorded('POST /refunds/{id}/retry', { event: 'refund_retried' }, refund);
  await failed();
  await expectRecorded(
    'POST /refunds/{id}/resolve',
    { event: 'refund_settled' },
    {
      ...refund,
      body: { outcome: 'waived', reason: 'they do not want it' },
    },
  );

  const later = { capture: 'on_shipment', ...card('tok_capture_fails') };
  const uncaptured = await place(await test.newSku(1), 1, later);
  const capture = await waitFor(async () =>
    (await view(uncaptured.body.id)).payments
      .flatMap(({ captures }) => captures)
      .find((one) => one.status === 'failed'),
  );
  const captured = { params: { id: capture.id } };
  await gatewayAskedLongAgo(test.stack.db);
  await expectRecorded('POST /captures/{id}/retry', { event: 'capture_retried' }, captured);
  await waitFor(async () =>
    (await view(uncaptured.body.id)).payments
      .flatMap(({ captures }) => captures)
      .some((one) => one.status === 'failed'),
  );
  await expectRecorded(
    'POST /captures/{id}/resolve',
    { event: 'capture_settled' },
    {
      ...captured,
      body: { outcome: 'waived', reason: 'written off' },
    },
  );
});

audited('settled', async (test, expectRecorded) => {
  const payment = { method: 'card', token: 'tok_slow' };
  const { body } = await test.place(order(await test.newSku(1), 1, { payment }));
  const paymentId = await waitFor(
    async () =>
      (
        await test.stack.db.pool.query<{ id: string }>('select id from payments where order_id = $1', [
          body.id,
        ])
      ).rows[0]?.id,
  );
  // Its stock is given up: until then the charge is waited for.
  expect((await test.call('POST', `/orders/${body.id}/cancel`)).status).toBeLessThan(300);
  await waitFor(async () => (await test.status(body.id)) === 'cancelled');
  await expectRecorded(
    'POST /payments/{id}/resolve',
    { event: 'payment_settled_by_hand' },
    { params: { id: paymentId }, body: { outcome: 'not_captured', reason: 'seen at the gateway' } },
  );

  const needed = { orderId: body.id, kind: 'refund_unknown', about: newId(), why: 'made there' } as const;
  await test.stack.db.transaction((tx) => raiseAttention(tx, [needed]));
  const { rows } = await test.stack.db.pool.query<{ id: string }>(
    `select id from alerts where order_id = $1 and details ->> 'reason' = 'refund_unknown'`,
    [body.id],
  );
  await expectRecorded(
    'POST /inventory/alerts/{id}/resolve',
    { event: 'attention_resolved' },
    { params: { id: rows[0]!.id }, body: { note: 'it stands for nothing of ours' } },
  );
});

audited('staff', async (test, expectRecorded) => {
  const { body } = await test.place(order(await test.newSku(1), 1));
  const params = { id: body.id, tag: 'vip' };
  const note = await expectRecorded(
    'POST /admin/orders/{id}/notes',
    { log: 'order.noted' },
    { params, body: { text: 'called' } },
  );
  await expectRecorded(
    'DELETE /admin/orders/{id}/notes/{noteId}',
    { log: 'order.note_removed' },
    {
      params: { ...params, noteId: note.body.id },
    },
  );
  await expectRecorded('PUT /admin/orders/{id}/tags/{tag}', { log: 'order.tagged' }, { params });
  await expectRecorded('DELETE /admin/orders/{id}/tags/{tag}', { log: 'order.tagged' }, { params });
  await expectRecorded('POST /admin/orders/{id}/retry', { log: 'order.retried' }, { params });
  await expectRecorded(
    'PUT /admin/orders/{id}/status',
    { event: 'cancel_requested' },
    { params, body: { status: 'cancelled' } },
  );
  const failed = newId();
  const { pool } = test.stack.db;
  await pool.query(
    `insert into jobs (id, type, input, actor, status, finished_at, error_code) values ($1, 'consistency', '{}', 'test', 'failed', now(), 'FAILED')`,
    [failed],
  );
  await expectRecorded(
    'POST /admin/jobs/{id}/acknowledge',
    { log: 'job.acknowledged' },
    { params: { id: failed } },
  );
  await recordFailure(test.stack.db, {
    work: 're_source_reservation',
    subject: newId(),
    error: new Error('it failed'),
  });
  await expectRecorded('POST /admin/work/retry', { log: 'work.retried' }, { body: {} });
});

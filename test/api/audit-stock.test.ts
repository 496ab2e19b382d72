import { raiseAlerts } from '../../domain/stock/alerts/alerts';
import { newId } from '../../platform/ids';
import { owe } from '../payouts/support';
import { waitFor } from '../support/wait';
import { auditedTests } from './audited';

const audited = auditedTests({ settings: { PAYOUT_APPROVAL: 'anyone' } });

audited('catalogue', async (_test, expectRecorded) => {
  const fields = { name: 'Lamp', priceMinor: 100, currency: 'USD' };
  const sku = `LAMP-${newId().slice(-6)}`;
  await expectRecorded('POST /products', { log: 'product.added' }, { body: { sku, ...fields } });
  await expectRecorded(
    'PUT /products/{sku}',
    { log: 'product.changed' },
    { params: { sku }, body: { ...fields, priceMinor: 120 } },
  );
  await expectRecorded('POST /products/{sku}/archive', { log: 'product.archived' }, { params: { sku } });
  await expectRecorded('POST /products/{sku}/restore', { log: 'product.restored' }, { params: { sku } });
  await expectRecorded(
    'PUT /products/{sku}/tracking',
    { log: 'product.tracking_set' },
    {
      params: { sku },
      body: { lots: true, serials: false },
    },
  );
  const code = `C${newId().slice(-6)}`;
  await expectRecorded('POST /categories', { log: 'category.added' }, { body: { code, name: 'Light' } });
  await expectRecorded(
    'PUT /categories/{code}',
    { log: 'category.changed' },
    { params: { code }, body: { name: 'Lights' } },
  );
  await expectRecorded(
    'PUT /categories/{code}/thresholds',
    { log: 'category.thresholds_set' },
    {
      params: { code },
      body: { lowStock: 3, overstock: null },
    },
  );
  await expectRecorded('POST /categories/{code}/archive', { log: 'category.archived' }, { params: { code } });
  await expectRecorded('POST /categories/{code}/restore', { log: 'category.restored' }, { params: { code } });
  const place = { name: 'Somewhere', latitude: 1, longitude: 2, region: 'north' };
  const w = `W${newId().slice(-6)}`;
  await expectRecorded('POST /warehouses', { log: 'warehouse.added' }, { body: { code: w, ...place } });
  await expectRecorded(
    'PUT /warehouses/{code}',
    { log: 'warehouse.changed' },
    { params: { code: w }, body: { ...place, region: 'south' } },
  );
  await expectRecorded('POST /warehouses/{code}/close', { log: 'warehouse.closed' }, { params: { code: w } });
  await expectRecorded(
    'POST /warehouses/{code}/re-source',
    { log: 'warehouse.re_sourced' },
    { params: { code: w } },
  );
  await expectRecorded('POST /warehouses/{code}/open', { log: 'warehouse.opened' }, { params: { code: w } });
  const m = `m${newId().slice(-6)}`;
  await expectRecorded('POST /merchants', { log: 'merchant.added' }, { body: { id: m, name: 'Acme' } });
  await expectRecorded(
    'PUT /merchants/{id}',
    { log: 'merchant.changed' },
    { params: { id: m }, body: { name: 'Acme & Sons' } },
  );
  await expectRecorded(
    'POST /merchants/{id}/fee-rules',
    { log: 'merchant.fee_rule_added' },
    { params: { id: m }, body: { currency: 'USD', rateBasisPoints: 250 } },
  );
});

/** A bank's, of two transfers that nobody knows. */
const STATEMENT = 'reference,date,amount,currency\nT-1,2026-06-01,1.00,USD\nT-2,2026-06-01,2.00,USD\n';
const RECONCILED = 'report=bank&from=2026-06-01&to=2026-06-01';

audited('payouts', async (test, expectRecorded) => {
  const make = async () => {
    await owe(test.stack.db, 'house', 100, { currency: 'CHF' });
    const body = { merchant: 'house', currency: 'CHF' };
    return { id: (await expectRecorded('POST /payouts', { log: 'payout.created' }, { body })).body.id };
  };
  const reason = 'another account';
  await expectRecorded(
    'POST /payouts/{id}/cancel',
    { log: 'payout.cancelled' },
    { params: await make(), body: { reason } },
  );
  const params = await make();
  await expectRecorded('POST /payouts/{id}/approve', { log: 'payout.approved' }, { params });
  await expectRecorded(
    'POST /payouts/{id}/paid',
    { log: 'payout.paid' },
    { params, body: { reference: 'T-1' } },
  );
  const { body } = await test.call('POST', `/jobs/reconciliation?${RECONCILED}`, {
    raw: STATEMENT,
    headers: { 'content-type': 'text/csv', 'idempotency-key': newId() },
  });
  const { jobId: reconciled } = body as unknown as { jobId: string };
  await waitFor(async () => (await test.call('GET', `/jobs/${reconciled}`)).body.status === 'completed');
  const difference = `/reconciliations/{id}/differences/{n}`;
  await expectRecorded(
    `POST ${difference}/accept`,
    { log: 'reconciliation.accepted' },
    { params: { id: reconciled, n: '1' }, body: { reason: 'known' } },
  );
  await expectRecorded(
    `POST ${difference}/book`,
    { log: 'reconciliation.booked' },
    { params: { id: reconciled, n: '2' }, body: { reason: 'known' } },
  );
});

audited('stock', async (test, expectRecorded) => {
  const { call } = test;
  const sku = await test.newSku(20);
  const at = { params: { sku } };
  for (const under of ['/inventory/{sku}', '/products/{sku}/inventory']) {
    const body = { location: 'AMS', reason: 'found' };
    await expectRecorded(
      `POST ${under}/adjust`,
      { ledger: 'adjust' },
      { ...at, body: { ...body, delta: 1 } },
    );
    const thresholds = { location: 'AMS', lowStock: under.length, overstock: null };
    await expectRecorded(
      `PUT ${under}/thresholds`,
      { log: 'product.thresholds_set' },
      { ...at, body: thresholds },
    );
    await expectRecorded(
      `PUT ${under}/safety-stock`,
      { log: 'product.safety_stock_set' },
      { ...at, body: { units: under.length % 5 } },
    );
    const { body: held } = await expectRecorded(
      `POST ${under}/reserve`,
      { ledger: 'reserve' },
      { ...at, body: { quantity: 1 } },
    );
    await expectRecorded(
      `POST ${under}/release`,
      { ledger: 'release' },
      { ...at, body: { reservationId: held.id } },
    );
    await expectRecorded(
      `POST ${under}/quality-hold`,
      { log: 'quality_hold.made' },
      {
        ...at,
        body: { location: 'AMS', quantity: 1, reason: 'scratched' },
      },
    );
  }
  await expectRecorded(
    'POST /inventory/batch',
    { ledger: 'adjust' },
    {
      body: { atomic: true, updates: [{ sku, location: 'AMS', delta: 1, reason: 'found' }] },
    },
  );
  const holds = (await call('GET', '/quality-holds')).body.items;
  await expectRecorded(
    'POST /quality-holds/{id}/release',
    { log: 'quality_hold.released' },
    { params: { id: holds[0]!.id } },
  );
  await expectRecorded(
    'POST /quality-holds/{id}/write-off',
    { log: 'quality_hold.written_off' },
    { params: { id: holds[1]!.id } },
  );

  const held = await expectRecorded(
    'POST /reservations',
    { ledger: 'reserve' },
    { body: { items: [{ sku, quantity: 2 }] } },
  );
  const hold = { params: { id: held.body.id } };
  await expectRecorded(
    'PATCH /reservations/{id}',
    { ledger: 'reserve' },
    { ...hold, body: { items: [{ sku, quantity: 3 }] } },
  );
  await expectRecorded(
    'POST /reservations/{id}/extend',
    { log: 'hold.extended' },
    { ...hold, body: { holdSeconds: 3_600 } },
  );
  await expectRecorded('POST /reservations/{id}/confirm', { log: 'hold.confirmed' }, hold);
  await expectRecorded('POST /reservations/{id}/ship', { ledger: 'ship' }, hold);
  const other = await expectRecorded(
    'POST /reservations',
    { ledger: 'reserve' },
    { body: { items: [{ sku, quantity: 1 }] } },
  );
  await expectRecorded(
    'POST /reservations/{id}/release',
    { ledger: 'release' },
    { params: { id: other.body.id } },
  );

  const code = `T${newId().slice(-6)}`;
  const place = { name: 'Elsewhere', latitude: 1, longitude: 2, region: 'north' };
  expect((await call('POST', '/warehouses', { body: { code, ...place } })).status).toBe(201);
  const transfer = { sku, from: 'AMS', to: code, quantity: 1, mode: 'in_transit' };
  const sent = await expectRecorded(
    'POST /inventory/transfer',
    { ledger: 'transfer_out' },
    { body: transfer },
  );
  await expectRecorded(
    'POST /transfers/{id}/receive',
    { ledger: 'transfer_in' },
    { params: { id: sent.body.id }, body: {} },
  );
  const second = await expectRecorded(
    'POST /inventory/transfer',
    { ledger: 'transfer_out' },
    { body: transfer },
  );
  await expectRecorded(
    'POST /transfers/{id}/cancel',
    { ledger: 'transfer_in' },
    { params: { id: second.body.id }, body: {} },
  );

  const { rows } = await test.stack.db.pool.query<{ p: number; w: number }>(
    `select product_id as p, warehouse_id as w from stock where product_id = (select id from products where sku = $1) limit 1`,
    [sku],
  );
  await test.stack.db.transaction((tx) =>
    raiseAlerts(tx, 'ledger_drift', [{ productId: rows[0]!.p, warehouseId: rows[0]!.w, details: {} }]),
  );
  const [alert] = (await call('GET', `/inventory/alerts?kind=ledger_drift&sku=${sku}`)).body.items;
  await expectRecorded(
    'POST /inventory/alerts/{id}/acknowledge',
    { log: 'alert.acknowledged' },
    { params: { id: alert!.id } },
  );
});

audited('warehouse', async (test, expectRecorded) => {
  const sku = await test.newSku(10);
  const made = await expectRecorded(
    'POST /receipts',
    { log: 'receipt.made' },
    {
      body: { location: 'AMS', supplierReference: newId(), lines: [{ sku, quantity: 5, unitCostMinor: 10 }] },
    },
  );
  const receipt = { params: { id: made.body.id } };
  await expectRecorded(
    'POST /receipts/{id}/correct',
    { log: 'receipt.corrected' },
    {
      ...receipt,
      body: { reason: 'the invoice', lines: [{ line: 1, unitCostMinor: 12 }] },
    },
  );
  await expectRecorded(
    'POST /receipts/{id}/reverse',
    { log: 'receipt.reversed' },
    { ...receipt, body: { reason: 'sent back' } },
  );

  const counted = async (quantity: number) => {
    const made = await expectRecorded(
      'POST /counts',
      { log: 'count_sheet.made' },
      { body: { location: 'AMS', skus: [sku] } },
    );
    const sheet = { params: { id: made.body.id } };
    const lines = [{ sku, counted: quantity }];
    await expectRecorded(
      'PUT /counts/{id}/lines',
      { log: 'count_sheet.counted' },
      { ...sheet, body: { lines } },
    );
    await expectRecorded('POST /counts/{id}/submit', { log: 'count_sheet.submitted' }, sheet);
    return sheet;
  };
  await expectRecorded('POST /counts/{id}/approve', { log: 'count_sheet.approved' }, await counted(9));
  await expectRecorded('POST /counts/{id}/reject', { log: 'count_sheet.rejected' }, await counted(8));
  await expectRecorded('POST /counts/{id}/recount', { log: 'count_sheet.sent_back' }, await counted(7));

  const lots = `LOT-${newId().slice(-6)}`;
  await test.call('POST', '/products', { body: { sku: lots, name: 'Milk', priceMinor: 1, currency: 'USD' } });
  await test.call('PUT', `/products/${lots}/tracking`, { body: { lots: true, serials: false } });
  const lot = { code: 'L-1', expiresOn: '2099-01-01' };
  const reply = await test.call('POST', '/receipts', {
    body: { location: 'AMS', supplierReference: newId(), lines: [{ sku: lots, quantity: 5, lot }] },
  });
  expect(reply.status).toBe(201);
  const params = { sku: lots, lot: 'L-1' };
  for (const under of ['/inventory/{sku}', '/products/{sku}/inventory']) {
    const expiresOn = under === '/inventory/{sku}' ? '2099-02-01' : '2099-02-02';
    await expectRecorded(
      `PUT ${under}/lots/{lot}`,
      { log: 'lot.expiry_corrected' },
      { params, body: { expiresOn, reason: 'misread' } },
    );
    await expectRecorded(
      `POST ${under}/lots/{lot}/recall`,
      { log: 'lot.recalled' },
      { params, body: { reason: 'spoilt' } },
    );
    await expectRecorded(
      `POST ${under}/lots/{lot}/end-recall`,
      { log: 'lot.recall_ended' },
      { params, body: { reason: 'fine' } },
    );
  }
});

audited('jobs', async (test, expectRecorded) => {
  const started = await expectRecorded(
    'POST /jobs/consistency',
    { log: 'job.started' },
    { body: { mode: 'full', checks: ['seals'] } },
  );
  const upload = (route: string, raw: string, query?: string) =>
    expectRecorded(
      route,
      { log: 'job.started' },
      {
        options: { raw, headers: { 'content-type': 'text/csv' } },
        ...(query === undefined ? {} : { query }),
      },
    );
  await upload('POST /jobs/feed', 'sku,location,quantity\nNOPE,AMS,5\n');
  await expectRecorded(
    'POST /jobs/settlement',
    { log: 'job.started' },
    { body: { from: '2026-06-01', to: '2026-06-30' } },
  );
  await expectRecorded(
    'POST /jobs/report',
    { log: 'job.started' },
    { body: { report: 'daily', date: '2026-06-01' } },
  );
  await expectRecorded('POST /jobs/forecast', { log: 'job.started' }, { body: {} });
  await upload('POST /jobs/reconciliation', STATEMENT, RECONCILED);
  await upload('POST /jobs/products', 'sku,name,price,currency\nNEW-1,New,1.00,USD\n');
  expect(started.status).toBe(202);
  const id = newId();
  await test.stack.db.pool.query(
    `insert into jobs (id, type, input, actor) values ($1, 'consistency', '{"mode": "full", "checks": ["seals"]}', 'test')`,
    [id],
  );
  await expectRecorded('POST /jobs/{id}/cancel', { log: 'job.cancel_requested' }, { params: { id } });
});

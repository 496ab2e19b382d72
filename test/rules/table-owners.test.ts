import { join } from 'node:path';
import {
  ownershipFaults,
  tableWrites,
  UNKNOWN_TABLE,
  writtenTables,
  type Ownership,
} from '../support/table-writes';

/** Who writes what. Triggers and functions of the database belong to the migrations, and are not seen here. */
const OWNERSHIP: Ownership = {
  owners: {
    'platform/database': ['idempotency_keys', 'outbox'],
    'domain/audit': ['audit_log', 'audit_origins', 'audit_personal'],
    'domain/catalog': ['categories', 'merchants', 'products', 'warehouse_events', 'warehouses'],
    'domain/event-log': ['event_batches', 'event_entries', 'event_gaps', 'event_head', 'event_sources'],
    'domain/identity/accounts': ['account_mails', 'account_tokens', 'user_profiles', 'users'],
    'domain/identity/linked': ['refused_identities', 'user_identities'],
    'domain/identity/sessions': ['refresh_tokens', 'sessions'],
    'domain/identity/signing': ['signing_keys'],
    'domain/identity/throttle': ['sign_in_attempts'],
    'domain/identity/tickets': ['live_tickets'],
    'domain/identity': ['api_keys', 'services'],
    'domain/administration': ['order_notes', 'order_tags'],
    'domain/jobs': ['jobs'],
    'domain/stock/ledger': ['inventory_transactions', 'stock', 'stock_shortfalls'],
    'domain/stock': [
      'feed_rejects',
      'lots',
      'packed_units',
      'reservation_expiry',
      'reservation_lines',
      'reservations',
    ],
    'domain/stock/adjustments': ['batch_chunks'],
    'domain/stock/availability': ['ledger_balanced', 'ledger_balances'],
    'domain/stock/alerts': ['alert_affected', 'alerts', 'failed_work', 'threshold_defaults'],
    'domain/stock/safety-stock': ['safety_stock_defaults'],
    'domain/stock/feeds': ['feed_changes', 'feed_rows'],
    'domain/stock/tracking': ['product_lot_changes', 'product_lots', 'serial_movements', 'serials'],
    'domain/stock/transfers': ['transfers'],
    'domain/uploads': ['feed_lanes', 'feeds'],
    'domain/product-import': ['product_import_rows'],
    'domain/orders': ['order_events', 'order_items', 'orders'],
    'domain/files': ['stored_files'],
    'domain/money': ['fee_rules', 'money_ledger'],
    'domain/settlement': ['settlement_days', 'settlement_parts', 'settlement_runs', 'settlement_sums'],
    'domain/payouts': ['payouts'],
    'domain/reconciliation': [
      'reconciliation_differences',
      'reconciliation_entries',
      'reconciliation_left',
      'reconciliation_pairs',
      'reconciliation_rows',
    ],
    'domain/payments': ['captures', 'disputes', 'gateway_events', 'money_backfill', 'payments', 'refunds'],
    'domain/fulfilment': ['carrier_events', 'shipment_items', 'shipments'],
    'domain/warehousing/costing': [
      'cost_corrections',
      'product_cost_steps',
      'product_costs',
      'receipt_averages',
    ],
    'domain/warehousing/counting': ['count_line_lots', 'count_lines', 'count_sheets'],
    'domain/warehousing/quality': ['quality_holds'],
    'domain/warehousing/receiving': ['receipt_changes', 'receipt_lines', 'receipts'],
    'domain/warehousing/returns': [
      'customer_return_lines',
      'customer_return_sources',
      'customer_return_steps',
      'customer_returns',
    ],
    'domain/ordering/amendments': ['order_amendments'],
    'domain/ordering/backorders': ['backorders'],
    'domain/ordering/cuts': ['order_cuts'],
    'domain/erasure': ['erasures'],
    'domain/assurance': [
      'audit_seals',
      'audit_verified',
      'consistency_checks',
      'consistency_findings',
      'consistency_share',
      'ledger_checkpoint',
      'ledger_counts',
      'ledger_rechecked',
      'ledger_seal_parts',
      'ledger_seals',
      'ledger_verified',
      'money_seals',
      'money_verified',
    ],
    'domain/forecasting': [
      'forecast_accuracy',
      'forecast_categories',
      'forecast_errors',
      'forecast_runs',
      'forecasts',
    ],
    'domain/reports': ['report_builds', 'report_cursor', 'report_files', 'report_orders', 'report_sums'],
    'domain/notifications': [
      'contact_tokens',
      'mail_suppressions',
      'mails',
      'notification_head',
      'notification_preferences',
      'notifications',
      'order_contacts',
    ],
    'domain/analytics': [
      'analytics_builds',
      'analytics_category_days',
      'analytics_category_hours',
      'analytics_category_months',
      'analytics_cursor',
      'analytics_product_days',
      'analytics_products',
      'analytics_recategorised',
    ],
    'domain/webhooks': ['webhook_deliveries', 'webhook_tries', 'webhooks'],
    'integrations/sandbox-carrier': ['sandbox_carrier.parcels'],
    'integrations/sandbox-gateway': [
      'sandbox_gateway.captures',
      'sandbox_gateway.charges',
      'sandbox_gateway.disputes',
      'sandbox_gateway.refunds',
    ],
  },
  exceptions: {
    // A message to the expiry, in the statement that makes it true: on its own it would cost each reservation a round trip.
    'domain/stock/ledger/reservation-queries.ts': ['outbox'],
    // Thresholds are columns of the stock row, so that the trigger that compares them with its counters reads one row.
    'domain/stock/alerts/threshold-queries.ts': ['stock'],
    // So is the safety stock, so that reserving reads and locks nothing else.
    'domain/stock/safety-stock/queries.ts': ['stock'],
    // History that is made up, for those who try the product: it stands for what all rooms would have written.
    'domain/demo/history-queries.ts': [
      'categories',
      'inventory_transactions',
      'ledger_keys',
      'product_cost_steps',
      'product_costs',
      'products',
      'stock',
      'warehouses',
    ],
    'domain/demo/transactions-queries.ts': [
      'fee_rules',
      'inventory_transactions',
      'merchants',
      'money_ledger',
      'order_events',
      'order_items',
      'orders',
      'payments',
      'products',
      'refunds',
      'reservation_lines',
      'reservations',
      'sandbox_gateway.charges',
      'sandbox_gateway.refunds',
      'shipment_items',
      'shipments',
      'stock',
      'warehouses',
    ],
    // A script for an operator, which puts right what all rooms have written.
    'domain/assurance/repair/repair-sql.ts': [
      'inventory_transactions',
      'ledger_keys',
      'order_events',
      'order_items',
      'orders',
      'outbox',
      'reservation_lines',
      'reservations',
      'shipments',
      'stock',
    ],
  },
};

test('each table is written by one room only', () => {
  const writes = tableWrites(join(__dirname, '../..'), ['domain', 'integrations', 'platform']);
  expect(ownershipFaults(writes, OWNERSHIP)).toEqual([]);
});

describe('a statement that writes a table is found', () => {
  test.each([
    ['an insert', "many(on, 'n', `with a as (\n  insert into orders (id) select 1)`)", ['orders']],
    ['an update', "execute(on, 'n', 'update stock s set on_hand = 1')", ['stock']],
    ['an update without an alias', "execute(on, 'n', 'update only stock set on_hand = 1')", ['stock']],
    ['a delete', "'DELETE FROM lots'", ['lots']],
    ['a merge', "'merge into lots using x on true when matched then update set a = 1'", ['lots']],
    ['a truncate', "'truncate table sandbox_gateway.charges'", ['sandbox_gateway.charges']],
    ['a copy', "'copy feed_rows from stdin'", ['feed_rows']],
    ['one in a text that is put into another', '`select ${`delete from lots`}`', ['lots']],
    ['one behind a value that is put in', "`${WHICH} update serials set status = 'x'`", ['serials']],
    ['one whose table is put in', '`insert into ${table} values (1)`', [UNKNOWN_TABLE]],
    ['no lock', "'select 1 from stock for no key update of s skip locked'", []],
    ['no conflict', "'on conflict (id) do update set a = 1'", []],
    ['no comment, and no name', '// update stock set x\nexport function insertIntoOrders() {}', []],
  ])('%s', (_, source, tables) => {
    expect(writtenTables(source)).toEqual(tables);
  });
});

test('a write from another room, and a table list that is not true, are found', () => {
  const writes = [
    { file: 'domain/stock/ledger/queries.ts', table: 'stock' },
    { file: 'domain/orders/queries.ts', table: 'stock' },
    { file: 'domain/orders/queries.ts', table: 'nobodys' },
    { file: 'domain/stock-takers/queries.ts', table: 'stock' },
  ];
  const owners = { 'domain/stock': ['stock', 'gone'], 'domain/jobs': ['stock'] };
  expect(ownershipFaults(writes, { owners: { 'domain/stock': ['stock'] }, exceptions: {} })).toEqual([
    'domain/orders/queries.ts writes stock, which only domain/stock may write',
    'domain/orders/queries.ts writes nobodys, which has no owner',
    'domain/stock-takers/queries.ts writes stock, which only domain/stock may write',
  ]);
  expect(ownershipFaults(writes.slice(0, 1), { owners, exceptions: {} })).toEqual(
    expect.arrayContaining([
      'gone is not written by its owner domain/stock',
      'stock has two owners: domain/stock and domain/jobs',
    ]),
  );
  const exceptions = { 'domain/orders/queries.ts': ['stock', 'lots'] };
  expect(ownershipFaults(writes.slice(0, 2), { owners: { 'domain/stock': ['stock'] }, exceptions })).toEqual([
    'domain/orders/queries.ts needs no exception for lots',
  ]);
});

import { Client } from 'pg';
import { NEXT_PARCEL_STAGES, PARCEL_STAGES } from '../../integrations/sandbox-carrier/queries';
import { SANDBOX_CHARGE_STATUSES } from '../../integrations/sandbox-gateway/queries';
import { SEVERITIES } from '../../domain/assurance/types';
import { WAREHOUSE_EVENTS, WAREHOUSE_TYPES } from '../../domain/catalog/types';
import { DELIVERY_STATUSES, WEBHOOK_DISABLED } from '../../domain/webhooks/types';
import { EVENT_SOURCES } from '../../domain/event-log/types';
import { REMOVED_FILE_STATUSES, STORED_FILE_STATUSES } from '../../domain/files/types';
import { DIMENSIONS } from '../../domain/reports/sums-sql';
import { FORECAST_KINDS, KEPT_MODELS } from '../../domain/forecasting/types';
import { ANALYTICS_SOURCES } from '../../domain/analytics/types';
import { REPORT_SOURCES } from '../../domain/reports/types';
import { KEY_KINDS, SERVICE_ROLES } from '../../domain/identity/types';
import {
  SHIPMENT_STATUSES,
  STOPPED_SHIPMENT_STATUSES,
  UNBOOKED_SHIPMENT_STATUSES,
} from '../../domain/fulfilment/types';
import { LOCALES, MAIL_KINDS, USER_ROLES, USER_STATUSES } from '../../domain/identity/accounts/types';
import {
  CHANNELS,
  MAIL_STATUSES,
  NOTIFICATION_KINDS,
  NOTIFIED_MAIL_KINDS,
  SUPPRESSION_CAUSES,
} from '../../domain/notifications/types';
import { SESSION_ENDS } from '../../domain/identity/sessions/types';
import { CREDENTIAL_KINDS } from '../../domain/identity/tickets/tickets';
import {
  ENDED_JOB_STATUSES,
  JOB_FILES,
  JOB_STATUSES,
  JOB_TYPES,
  OPEN_JOB_STATUSES,
} from '../../domain/jobs/types';
import { AMEND_REFUSALS, AMENDMENT_STAGES } from '../../domain/ordering/amendments/types';
import {
  CANCEL_STATES,
  CAPTURE_MODES,
  FULFILMENTS,
  OPEN_ORDER_STATUSES,
  ORDER_STATUSES,
  REVIEW_STATUSES,
} from '../../domain/orders/types';
import {
  CAPTURE_STATUSES,
  DISPUTE_STATUSES,
  OPEN_PAYMENT_STATUSES,
  OPEN_CAPTURE_STATUSES,
  OPEN_REFUND_STATUSES,
  PAID_PAYMENT_STATUSES,
  PAYMENT_STATUSES,
  PAYMENT_STATUSES_IN_FLIGHT,
  REFUND_ORIGINS,
  REFUND_SETTLEMENTS,
  REFUND_STATUSES,
} from '../../domain/payments/types';
import { ALERT_KINDS, ALERT_STATUSES, PROMISE_OUTCOMES } from '../../domain/stock/alerts/types';
import { ACCOUNTS, KINDS_WITHOUT_PAYMENT, MONEY_KINDS } from '../../domain/money/types';
import {
  DIFFERENCE_CLASSES,
  DIFFERENCE_STATUSES,
  ENTRY_KINDS,
  ROW_KINDS,
} from '../../domain/reconciliation/types';
import { OPEN_PAYOUT_STATUSES, PAYOUT_STATUSES } from '../../domain/payouts/types';
import { LEDGER_KINDS, SOLD_LEDGER_KINDS, TRANSFER_LEDGER_KINDS } from '../../domain/stock/ledger/types';
import {
  ENDED_RESERVATION_STATUSES,
  ENDLESS_RESERVATION_KINDS,
  LIVE_RESERVATION_STATUSES,
  RESERVATION_KINDS,
  RESERVATION_STATUSES,
  SETTLED_RESERVATION_STATUSES,
  UNREFERRED_RESERVATION_KINDS,
} from '../../domain/stock/reservations/types';
import { SOURCING_STRATEGIES } from '../../domain/stock/sourcing/types';
import { GIVEN_UP_SERIAL_STATUSES, LOT_CHANGES, SERIAL_STATUSES } from '../../domain/stock/tracking/types';
import { TRANSFER_MODES, TRANSFER_STATUSES } from '../../domain/stock/transfers/types';
import { UPLOAD_STAGES, UPLOAD_MODES } from '../../domain/uploads/types';
import {
  COMPARED_LINE_STATUSES,
  LINE_STATUSES,
  SHEET_STATUSES,
} from '../../domain/warehousing/counting/types';
import { HOLD_CAUSES } from '../../domain/warehousing/quality/types';
import { RECEIPT_CHANGES } from '../../domain/warehousing/receiving/types';
import {
  AWAITED_RETURN_STATUSES,
  RETURN_REFUNDS,
  RETURN_STATUSES,
  RETURN_STEPS,
} from '../../domain/warehousing/returns/types';
import { KEY_STATES } from '../../platform/database/idempotency';
import { settingsSchema } from '../../platform/config';
import { createTestDatabase, type TestDatabase } from '../support/database';

type Words = readonly string[];

/** Every enumeration of the schema: by column, its constant and the parts of it that constraints and indexes name. */
const ENUMERATIONS: Readonly<Record<string, { all: Words; parts?: readonly Words[] }>> = {
  'account_mails.kind': { all: MAIL_KINDS },
  'user_profiles.locale': { all: LOCALES },
  'mails.kind': { all: NOTIFIED_MAIL_KINDS },
  'order_contacts.locale': { all: LOCALES },
  'mail_suppressions.cause': { all: SUPPRESSION_CAUSES },
  'mails.status': { all: MAIL_STATUSES, parts: [['pending']] },
  'notifications.kind': { all: NOTIFICATION_KINDS },
  'notification_preferences.kind': { all: NOTIFICATION_KINDS },
  'notification_preferences.channel': { all: CHANNELS },
  'api_keys.kind': { all: KEY_KINDS },
  'services.role': { all: SERVICE_ROLES },
  'alert_affected.outcome': { all: PROMISE_OUTCOMES, parts: [['parcel_stopped']] },
  'alerts.kind': { all: Object.keys(ALERT_KINDS) },
  'alerts.status': { all: ALERT_STATUSES },
  'consistency_findings.severity': { all: SEVERITIES },
  'count_lines.status': { all: LINE_STATUSES, parts: [COMPARED_LINE_STATUSES] },
  'count_sheets.status': { all: SHEET_STATUSES },
  'customer_return_steps.step': { all: RETURN_STEPS },
  'customer_returns.refund': { all: RETURN_REFUNDS },
  'customer_returns.status': { all: RETURN_STATUSES, parts: [AWAITED_RETURN_STATUSES] },
  'disputes.status': { all: DISPUTE_STATUSES },
  'stored_files.status': { all: STORED_FILE_STATUSES, parts: [['stored'], REMOVED_FILE_STATUSES] },
  'webhook_deliveries.status': { all: DELIVERY_STATUSES, parts: [['pending']] },
  'webhooks.disabled': { all: WEBHOOK_DISABLED },
  'event_batches.source': { all: EVENT_SOURCES },
  'event_gaps.source': { all: EVENT_SOURCES },
  'event_sources.source': { all: EVENT_SOURCES },
  'report_builds.source': { all: REPORT_SOURCES },
  'report_sums.dimension': { all: DIMENSIONS },
  'forecasts.kind': { all: FORECAST_KINDS },
  'forecasts.model': { all: KEPT_MODELS },
  'forecast_errors.kind': { all: FORECAST_KINDS },
  'analytics_builds.source': { all: ANALYTICS_SOURCES },
  'feeds.mode': { all: UPLOAD_MODES },
  'feeds.stage': { all: UPLOAD_STAGES },
  'idempotency_keys.state': { all: KEY_STATES },
  'inventory_transactions.kind': { all: LEDGER_KINDS, parts: [SOLD_LEDGER_KINDS] },
  'money_ledger.credit': { all: ACCOUNTS },
  'money_ledger.debit': { all: ACCOUNTS },
  'live_tickets.credential_kind': { all: CREDENTIAL_KINDS },
  'money_ledger.kind': { all: MONEY_KINDS, parts: [KINDS_WITHOUT_PAYMENT] },
  'reconciliation_differences.class': { all: DIFFERENCE_CLASSES },
  'reconciliation_differences.status': { all: DIFFERENCE_STATUSES, parts: [['booked'], ['open']] },
  'reconciliation_entries.kind': { all: ENTRY_KINDS },
  'reconciliation_rows.kind': { all: ROW_KINDS },
  'payouts.status': {
    all: PAYOUT_STATUSES,
    parts: [OPEN_PAYOUT_STATUSES, ['approved', 'paid']],
  },
  'jobs.file': { all: JOB_FILES },
  'jobs.status': {
    all: JOB_STATUSES,
    parts: [ENDED_JOB_STATUSES, OPEN_JOB_STATUSES, ['cancelled', 'failed']],
  },
  'jobs.type': { all: JOB_TYPES },
  'orders.fulfilment': { all: FULFILMENTS },
  'order_amendments.code': { all: AMEND_REFUSALS },
  'order_amendments.stage': { all: AMENDMENT_STAGES },
  'order_amendments.state': { all: CANCEL_STATES },
  'order_cuts.state': { all: CANCEL_STATES },
  'orders.capture': { all: CAPTURE_MODES },
  'orders.review_status': { all: REVIEW_STATUSES },
  'orders.cancel_state': { all: CANCEL_STATES },
  'orders.status': {
    all: ORDER_STATUSES,
    parts: [OPEN_ORDER_STATUSES, ['rejected', 'expired', 'cancelled', 'failed']],
  },
  'payments.status': {
    all: PAYMENT_STATUSES,
    parts: [OPEN_PAYMENT_STATUSES, PAID_PAYMENT_STATUSES, PAYMENT_STATUSES_IN_FLIGHT],
  },
  'captures.settled_as': { all: REFUND_SETTLEMENTS },
  'captures.status': { all: CAPTURE_STATUSES, parts: [OPEN_CAPTURE_STATUSES] },
  'refunds.origin': { all: REFUND_ORIGINS },
  'refunds.settled_as': { all: REFUND_SETTLEMENTS },
  'refunds.status': { all: REFUND_STATUSES, parts: [OPEN_REFUND_STATUSES] },
  'reservations.kind': {
    all: RESERVATION_KINDS,
    parts: [ENDLESS_RESERVATION_KINDS, UNREFERRED_RESERVATION_KINDS],
  },
  'product_lot_changes.change': { all: LOT_CHANGES },
  'quality_holds.cause': { all: HOLD_CAUSES },
  'receipt_changes.kind': { all: RECEIPT_CHANGES },
  'reservations.status': {
    all: RESERVATION_STATUSES,
    parts: [SETTLED_RESERVATION_STATUSES, ENDED_RESERVATION_STATUSES, LIVE_RESERVATION_STATUSES],
  },
  'sandbox_carrier.parcels.next_stage': { all: NEXT_PARCEL_STAGES },
  'sandbox_carrier.parcels.stage': { all: PARCEL_STAGES },
  'sandbox_gateway.charges.status': { all: SANDBOX_CHARGE_STATUSES },
  'serials.status': { all: SERIAL_STATUSES, parts: [GIVEN_UP_SERIAL_STATUSES] },
  'sessions.ended_by': { all: SESSION_ENDS },
  'shipments.status': {
    all: SHIPMENT_STATUSES,
    parts: [UNBOOKED_SHIPMENT_STATUSES, STOPPED_SHIPMENT_STATUSES],
  },
  'transfers.mode': { all: TRANSFER_MODES },
  'transfers.status': { all: TRANSFER_STATUSES },
  'users.role': { all: USER_ROLES, parts: [['admin']] },
  'users.status': { all: USER_STATUSES, parts: [['active']] },
  'warehouse_events.type': { all: WAREHOUSE_EVENTS },
  'warehouses.type': { all: WAREHOUSE_TYPES },
};

/** Columns without a CHECK of their own, whose indexes name a part of what they hold. */
const UNCHECKED: Readonly<Record<string, readonly Words[]>> = {
  'lot_movements.kind': [TRANSFER_LEDGER_KINDS],
};

interface Condition {
  /** Of the table, with its schema unless that is `public`. */
  table: string;
  name: string;
  text: string;
}

/** What the schema says of one column: a list it must be in or, of one word, what it is compared with. */
interface Mention {
  column: string;
  name: string;
  words: Words;
  /** The whole condition: every value that the column may have. */
  complete: boolean;
  list: boolean;
}

const LIST = /\(?(\w+)\)?(?:::text)? = ANY \(\(?ARRAY\[([^\]]*)\]/g;
const WORD = /\(?(\w+)\)?(?:::text)? (?:=|<>) '(\w+)'::text/g;

function mentions({ table, name, text }: Condition): Mention[] {
  const lists = [...text.matchAll(LIST)].map(([, column = '', items = '']) => ({
    column: `${table}.${column}`,
    name,
    words: [...items.matchAll(/'(\w+)'/g)].map(([, word = '']) => word),
    complete: /^CHECK \(\(\w+ = ANY \(ARRAY\[[^\]]*\]\)\)\)$/.test(text),
    list: true,
  }));
  const words = [...text.matchAll(WORD)].map(([, column = '', word = '']) => ({
    column: `${table}.${column}`,
    name,
    words: [word],
    complete: false,
    list: false,
  }));
  return [...lists, ...words];
}

function same(a: Words, b: Words): boolean {
  return a.length === b.length && a.every((word) => b.includes(word));
}

/** What is wrong with a mention, or null. */
function fault({ column, name, words, complete, list }: Mention): string | null {
  const known = ENUMERATIONS[column];
  const parts = known?.parts ?? UNCHECKED[column];
  const says = `${name} (${column}) names ${words.join(', ')}`;
  if (!list) return known && !words.every((word) => known.all.includes(word)) ? says : null;
  if (complete) return known && same(words, known.all) ? null : says;
  return parts?.some((part) => same(words, part)) ? null : says;
}

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

async function conditions(): Promise<Condition[]> {
  const found = await client.query<Condition>(
    `select c.conrelid::regclass::text as table, c.conname as name, pg_get_constraintdef(c.oid) as text
     from pg_constraint c join pg_namespace n on n.oid = c.connamespace join pg_class t on t.oid = c.conrelid
     where c.contype = 'c' and not t.relispartition and n.nspname not in ('pg_catalog', 'information_schema')
     union all
     select i.indrelid::regclass::text, i.indexrelid::regclass::text, pg_get_expr(i.indpred, i.indrelid)
     from pg_index i join pg_class t on t.oid = i.indrelid where i.indpred is not null and not t.relispartition`,
  );
  return found.rows;
}

test('every list of words in a CHECK and in an index is a constant of the program', async () => {
  const found = (await conditions()).flatMap(mentions);
  expect(found.map(fault).filter((text) => text !== null)).toEqual([]);
  // And the other way round: what is registered here is checked by the schema.
  const checked = new Set(found.filter(({ complete }) => complete).map(({ column }) => column));
  expect(Object.keys(ENUMERATIONS).filter((column) => !checked.has(column))).toEqual([]);
});

test.each([
  ['of a column that nothing is known of', `create table t (s text check (s in ('a', 'b')))`],
  ['with a word more', `alter table transfers add check (mode in ('immediate', 'in_transit', 'later'))`],
  ['with a word less', `alter table refunds add check (status in ('pending', 'failed'))`],
  ['that is no known part', `create index on orders (id) where status in ('reserved', 'paid')`],
  ['of one word that is none', `create index on alerts (id) where status <> 'closed'`],
])('a list %s is found', async (_name, statement) => {
  const before = (await conditions()).length;
  await client.query('begin');
  try {
    await client.query(statement);
    const after = await conditions();
    expect(after).toHaveLength(before + 1);
    expect(
      after
        .flatMap(mentions)
        .map(fault)
        .filter((text) => text !== null),
    ).toHaveLength(1);
  } finally {
    await client.query('rollback');
  }
});

test('the setting of the sourcing strategy takes every strategy there is', () => {
  const setting = settingsSchema.shape.SOURCING_STRATEGY;
  for (const strategy of SOURCING_STRATEGIES) expect(setting.safeParse(strategy).success).toBe(true);
  expect(setting.unwrap().options).toEqual(SOURCING_STRATEGIES);
});

import { randomBytes } from 'node:crypto';
import type { Owned } from '../../api/http/access';
import type { OpenApiDocument } from '../../api/http/openapi';
import { createKey } from '../../domain/identity/keys';
import { SCOPES, type Scope, type ServiceRole } from '../../domain/identity/types';
import { newId } from '../../platform/ids';
import { signUp, type Person } from './people-api';
import { openTestApi, type TestApi } from './support';

/** Who calls: services by the scopes of their keys, people by keys with their roles. */
export const CALLERS = ['nobody', 'publishable', ...SCOPES, 'customer', 'operator', 'admin'] as const;
export type Caller = (typeof CALLERS)[number];

const STAFF: readonly Caller[] = ['operator', 'admin'];
const PEOPLE: readonly Caller[] = ['customer', ...STAFF];
const ORDERS: readonly Caller[] = ['orders', 'orders:all', 'customer', ...STAFF];
const CONTACTS: readonly Caller[] = ['orders', 'orders:all', ...STAFF];
const HOLDS: readonly Caller[] = ['reservations', ...STAFF];
const READ_STOCK: readonly Caller[] = ['inventory:read', ...STAFF];
const CHANGE_STOCK: readonly Caller[] = ['inventory:write', ...STAFF];
const RETURNS: readonly Caller[] = ['returns:refund', ...STAFF];
const CHANGE_CATALOGUE: readonly Caller[] = ['catalogue:write', ...STAFF];
const AVAILABLE: readonly Caller[] = [
  'publishable',
  'availability:read',
  'inventory:read',
  'customer',
  ...STAFF,
];
const READ_CATALOGUE: readonly Caller[] = ['catalogue:write', 'inventory:read', 'customer', ...STAFF];
const JOBS: readonly Caller[] = ['inventory:write', 'catalogue:write', ...STAFF];
const EVENT_READERS: readonly Caller[] = [
  'orders',
  'orders:all',
  'reservations',
  'inventory:read',
  'inventory:write',
  'catalogue:write',
  ...STAFF,
];
const EVERYBODY: readonly Caller[] = CALLERS;
const SIGNED_IN = CALLERS.filter((caller) => caller !== 'nobody');

/** Who may call what: every operation of the API, by its path under `/api/v1` unless it begins with two slashes. */
export const MAY: Readonly<Record<string, readonly Caller[]>> = {
  'POST /orders': ORDERS,
  'GET /orders': ORDERS,
  'GET /orders/{id}': ORDERS,
  'PATCH /orders/{id}': ORDERS,
  'GET /orders/{id}/status': ORDERS,
  'GET /orders/{id}/events': ORDERS,
  'GET /orders/{id}/sourcing': ORDERS,
  'POST /orders/{id}/payments': ORDERS,
  'POST /orders/{id}/cancel': ORDERS,
  'PUT /orders/{id}/cancel': ORDERS,
  'GET /orders/{id}/contact': CONTACTS,
  'PUT /orders/{id}/contact': CONTACTS,
  'DELETE /orders/{id}/contact': CONTACTS,
  'POST /mail/unsubscribe': EVERYBODY,
  'POST /orders/{id}/refunds': STAFF,
  'POST /orders/{id}/review': STAFF,
  'POST /payments/{id}/resolve': STAFF,
  'POST /refunds/{id}/resolve': STAFF,
  'POST /refunds/{id}/retry': STAFF,
  'POST /captures/{id}/resolve': STAFF,
  'POST /captures/{id}/retry': STAFF,
  'GET /admin/orders': STAFF,
  'GET /admin/orders/{id}': STAFF,
  'PUT /admin/orders/{id}/status': STAFF,
  'POST /admin/orders/{id}/retry': STAFF,
  'GET /admin/orders/{id}/notes': STAFF,
  'POST /admin/orders/{id}/notes': STAFF,
  'DELETE /admin/orders/{id}/notes/{noteId}': STAFF,
  'PUT /admin/orders/{id}/tags/{tag}': STAFF,
  'DELETE /admin/orders/{id}/tags/{tag}': STAFF,
  'GET /admin/attention': STAFF,
  'GET /events': EVENT_READERS,
  'GET //asyncapi.json': EVERYBODY,
  // Each topic has the rule of the read that shows the same.
  'GET /ws': SIGNED_IN,
  'POST /ws/tickets': SIGNED_IN,
  'GET /live': SIGNED_IN,
  'GET /webhooks': STAFF,
  'POST /webhooks': ['admin'],
  'GET /webhooks/{id}': STAFF,
  'PUT /webhooks/{id}': ['admin'],
  'DELETE /webhooks/{id}': ['admin'],
  'GET /webhooks/{id}/deliveries': STAFF,
  'POST /webhooks/{id}/redeliver': STAFF,
  'POST /webhooks/{id}/rotate-secret': ['admin'],
  'GET /notifications': PEOPLE,
  'POST /notifications/read': PEOPLE,
  'POST /notifications/{id}/read': PEOPLE,
  'GET /notification-preferences': PEOPLE,
  'PUT /notification-preferences': PEOPLE,
  'POST /mail/bounces': ['mail:bounces', ...STAFF],
  'GET /admin/inventory/low-stock': STAFF,
  'POST /admin/work/retry': STAFF,
  'POST /admin/jobs/{id}/acknowledge': STAFF,
  'GET /analytics/inventory': STAFF,
  'GET /analytics/products/{sku}': STAFF,
  'GET /analytics/stockouts': STAFF,
  'GET /admin/reports/daily': STAFF,
  'GET /admin/reports/daily.csv': STAFF,
  'GET /admin/reports/monthly': STAFF,
  'GET /admin/reports/monthly.csv': STAFF,
  'GET /admin/reports/cost-of-goods': STAFF,
  'GET /admin/reports/cost-of-goods.csv': STAFF,
  'GET /products': EVERYBODY,
  'GET /products/{sku}': EVERYBODY,
  'POST /products': CHANGE_CATALOGUE,
  'PUT /products/{sku}': CHANGE_CATALOGUE,
  'POST /products/{sku}/archive': CHANGE_CATALOGUE,
  'POST /products/{sku}/restore': CHANGE_CATALOGUE,
  'GET /products/{sku}/tracking': READ_STOCK,
  'PUT /products/{sku}/tracking': CHANGE_STOCK,
  'GET /merchants': STAFF,
  'POST /merchants': STAFF,
  'GET /merchants/{id}': STAFF,
  'PUT /merchants/{id}': STAFF,
  'GET /merchants/{id}/fee-rules': STAFF,
  'POST /merchants/{id}/fee-rules': STAFF,
  'POST /jobs/settlement': STAFF,
  'POST /jobs/report': STAFF,
  'POST /jobs/forecast': STAFF,
  'GET /forecasts/{sku}': STAFF,
  'POST /jobs/reconciliation': STAFF,
  'GET /reconciliations/{id}/differences': STAFF,
  'POST /reconciliations/{id}/differences/{n}/accept': STAFF,
  'POST /reconciliations/{id}/differences/{n}/book': STAFF,
  'GET /sandbox/balance-transactions.csv': STAFF,
  'GET /payouts': STAFF,
  'POST /payouts': STAFF,
  'GET /payouts/{id}': STAFF,
  'GET /payouts/{id}/statement.csv': STAFF,
  'POST /payouts/{id}/approve': STAFF,
  'POST /payouts/{id}/paid': STAFF,
  'POST /payouts/{id}/cancel': STAFF,
  'GET /warehouses': READ_CATALOGUE,
  'GET /warehouses/{code}': READ_CATALOGUE,
  'POST /warehouses': CHANGE_CATALOGUE,
  'PUT /warehouses/{code}': CHANGE_CATALOGUE,
  'POST /warehouses/{code}/close': CHANGE_CATALOGUE,
  'POST /warehouses/{code}/open': CHANGE_CATALOGUE,
  'POST /warehouses/{code}/re-source': CHANGE_CATALOGUE,
  'GET /categories': READ_CATALOGUE,
  'GET /categories/{code}': READ_CATALOGUE,
  'POST /categories': CHANGE_CATALOGUE,
  'PUT /categories/{code}': CHANGE_CATALOGUE,
  'POST /categories/{code}/archive': CHANGE_CATALOGUE,
  'POST /categories/{code}/restore': CHANGE_CATALOGUE,
  'PUT /categories/{code}/thresholds': CHANGE_STOCK,
  'GET /inventory/{sku}': AVAILABLE,
  'GET /inventory/{sku}/location/{code}': AVAILABLE,
  'GET /inventory/{sku}/transactions': READ_STOCK,
  'GET /inventory/{sku}/thresholds': READ_STOCK,
  'PUT /inventory/{sku}/thresholds': CHANGE_STOCK,
  'GET /inventory/{sku}/safety-stock': READ_STOCK,
  'PUT /inventory/{sku}/safety-stock': CHANGE_STOCK,
  'POST /inventory/{sku}/adjust': CHANGE_STOCK,
  'POST /inventory/{sku}/reserve': HOLDS,
  'POST /inventory/{sku}/release': HOLDS,
  'POST /inventory/{sku}/quality-hold': CHANGE_STOCK,
  'GET /inventory/{sku}/lots': READ_STOCK,
  'GET /inventory/{sku}/lots/{lot}': READ_STOCK,
  'PUT /inventory/{sku}/lots/{lot}': CHANGE_STOCK,
  'POST /inventory/{sku}/lots/{lot}/recall': CHANGE_STOCK,
  'POST /inventory/{sku}/lots/{lot}/end-recall': CHANGE_STOCK,
  'GET /inventory/{sku}/lots/{lot}/movements': READ_STOCK,
  'GET /inventory/{sku}/serials': READ_STOCK,
  'GET /inventory/{sku}/valuation': READ_STOCK,
  'GET /inventory/valuation': READ_STOCK,
  'GET /inventory/valuation/products': READ_STOCK,
  'GET /inventory/metrics': READ_STOCK,
  'GET /inventory/health': READ_STOCK,
  'POST /inventory/batch': CHANGE_STOCK,
  'POST /inventory/transfer': CHANGE_STOCK,
  'GET /inventory/alerts': STAFF,
  'POST /inventory/alerts/{id}/acknowledge': STAFF,
  'POST /inventory/alerts/{id}/resolve': STAFF,
  'GET /inventory/alerts/{id}/affected': STAFF,
  'GET /transfers': READ_STOCK,
  'GET /transfers/{id}': READ_STOCK,
  'POST /transfers/{id}/receive': CHANGE_STOCK,
  'POST /transfers/{id}/cancel': CHANGE_STOCK,
  'POST /reservations': HOLDS,
  'GET /reservations': HOLDS,
  'GET /reservations/{id}': ['reservations', 'orders', 'orders:all', ...STAFF],
  'PATCH /reservations/{id}': HOLDS,
  'POST /reservations/{id}/confirm': HOLDS,
  'POST /reservations/{id}/release': HOLDS,
  'POST /reservations/{id}/ship': HOLDS,
  'POST /reservations/{id}/extend': HOLDS,
  'POST /receipts': CHANGE_STOCK,
  'GET /receipts': READ_STOCK,
  'GET /receipts/{id}': READ_STOCK,
  'POST /receipts/{id}/reverse': CHANGE_STOCK,
  'POST /receipts/{id}/correct': CHANGE_STOCK,
  'POST /counts': CHANGE_STOCK,
  'GET /counts': READ_STOCK,
  'GET /counts/{id}': READ_STOCK,
  'PUT /counts/{id}/lines': CHANGE_STOCK,
  'POST /counts/{id}/submit': CHANGE_STOCK,
  'POST /counts/{id}/approve': CHANGE_STOCK,
  'POST /counts/{id}/recount': CHANGE_STOCK,
  'POST /counts/{id}/reject': CHANGE_STOCK,
  'GET /quality-holds': READ_STOCK,
  'GET /quality-holds/{id}': READ_STOCK,
  'POST /quality-holds/{id}/release': CHANGE_STOCK,
  'POST /quality-holds/{id}/write-off': CHANGE_STOCK,
  'POST /returns': RETURNS,
  'GET /returns': READ_STOCK,
  'GET /returns/{id}': READ_STOCK,
  'POST /returns/{id}/receive': CHANGE_STOCK,
  'POST /returns/{id}/inspect': RETURNS,
  'POST /returns/{id}/cancel': CHANGE_STOCK,
  'GET /shipments/{id}/units': READ_STOCK,
  'PUT /shipments/{id}/units': CHANGE_STOCK,
  'GET /shipments/{id}/cost': READ_STOCK,
  'GET /serials/{serial}': READ_STOCK,
  'GET /cost-of-goods-sold': READ_STOCK,
  'GET /cost-of-goods-sold/shipments': READ_STOCK,
  'POST /jobs/feed': CHANGE_STOCK,
  'POST /jobs/products': CHANGE_CATALOGUE,
  'POST /jobs/consistency': STAFF,
  'GET /jobs/consistency/checks': STAFF,
  'GET /jobs/{id}/findings': STAFF,
  'GET /jobs': JOBS,
  'GET /jobs/{id}': JOBS,
  'GET /jobs/{id}/events': JOBS,
  'POST /jobs/{id}/cancel': JOBS,
  'GET /downloads/{jobId}.csv': JOBS,
  'GET /downloads/{jobId}.sql': JOBS,
  'POST /api-keys': ['admin'],
  'GET /api-keys': ['admin'],
  'POST /api-keys/{id}/rotate': ['admin'],
  'DELETE /api-keys/{id}': ['admin'],
  'GET /admin/audit': STAFF,
  'POST /users': EVERYBODY,
  'GET /users': STAFF,
  'GET /users/{id}': PEOPLE,
  'PUT /users/{id}': PEOPLE,
  'DELETE /users/{id}': PEOPLE,
  'POST //codec/decode': ['admin'],
  'POST //codec/encode': ['admin'],
  'POST /auth/login': EVERYBODY,
  'POST /auth/refresh': EVERYBODY,
  'POST /auth/logout': EVERYBODY,
  'POST /auth/logout-all': PEOPLE,
  'POST /auth/password-reset': EVERYBODY,
  'POST /auth/password-reset/confirm': EVERYBODY,
  'POST /auth/confirm-email': EVERYBODY,
  'GET //.well-known/jwks.json': EVERYBODY,
  // Signed by the third party, whoever else calls.
  'POST /carriers/{name}/events': [],
  'POST /gateways/{name}/events': [],
  'GET //sandbox/3ds/{ref}': EVERYBODY,
  'POST //sandbox/3ds/{ref}/{answer}': EVERYBODY,
  'GET //health': EVERYBODY,
  'GET //ready': EVERYBODY,
  'GET //metrics': EVERYBODY,
  'GET //openapi.json': EVERYBODY,
};

/** Where what a route is about belongs to somebody. */
export const OWNED: Readonly<Record<string, Owned>> = {
  'GET /users/{id}': 'user',
  'PUT /users/{id}': 'user',
  'DELETE /users/{id}': 'user',
  'GET /orders/{id}': 'order',
  'PATCH /orders/{id}': 'order',
  'GET /orders/{id}/status': 'order',
  'GET /orders/{id}/events': 'order',
  'GET /orders/{id}/sourcing': 'order',
  'POST /orders/{id}/payments': 'order',
  'POST /orders/{id}/cancel': 'order',
  'PUT /orders/{id}/cancel': 'order',
  'GET /orders/{id}/contact': 'order',
  'PUT /orders/{id}/contact': 'order',
  'DELETE /orders/{id}/contact': 'order',
  'GET /reservations/{id}': 'reservation',
  'PATCH /reservations/{id}': 'reservation',
  'POST /reservations/{id}/confirm': 'reservation',
  'POST /reservations/{id}/release': 'reservation',
  'POST /reservations/{id}/ship': 'reservation',
  'POST /reservations/{id}/extend': 'reservation',
  'POST /returns/{id}/inspect': 'return',
  'GET /jobs/{id}': 'job',
  'GET /jobs/{id}/events': 'job',
  'POST /jobs/{id}/cancel': 'job',
  'GET /downloads/{jobId}.csv': 'job',
  'GET /downloads/{jobId}.sql': 'job',
};

export interface Operation {
  name: string;
  method: string;
  path: string;
  access: { rule: string; owned?: string };
}

/** An API with a key for each caller, two people, and its operations. */
export interface AccessApi {
  test: TestApi;
  operations: Operation[];
  keys: ReadonlyMap<Caller, string | null>;
  ada: Person;
  bob: Person;
}

export async function openAccessApi(env: Record<string, string> = {}): Promise<AccessApi> {
  const test = await openTestApi({
    env: { SIGNING_KEYS_SECRET: randomBytes(32).toString('base64'), ...env },
  });
  const [ada, bob] = [await signUp(test), await signUp(test)];
  return { test, operations: await operationsOf(test), keys: await keysOf(test), ada, bob };
}

export async function keyOf(
  { db }: Pick<TestApi, 'db'>,
  service: string,
  scopes: readonly Scope[],
  role: ServiceRole = 'service',
): Promise<string> {
  const wanted = { service, role, scopes, kind: 'live', label: null, expiresInSeconds: null } as const;
  return (await createKey(db, { ...wanted, actor: 'a test' })).key;
}

async function keysOf({ db }: TestApi): Promise<Map<Caller, string | null>> {
  const keys = new Map<Caller, string | null>([['nobody', null]]);
  for (const scope of SCOPES) keys.set(scope, await keyOf({ db }, `with ${scope}`, [scope]));
  for (const role of ['operator', 'admin'] as const)
    keys.set(role, await keyOf({ db }, `an ${role}`, [], role));
  const shop = {
    service: 'a shop',
    role: 'service',
    scopes: [],
    label: null,
    expiresInSeconds: null,
  } as const;
  keys.set('publishable', (await createKey(db, { ...shop, kind: 'publishable', actor: 'a test' })).key);
  return keys;
}

async function operationsOf(test: TestApi): Promise<Operation[]> {
  const document = JSON.parse((await test.call('GET', '//openapi.json')).text) as OpenApiDocument;
  return Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, { 'x-access': Operation['access'] }>).map(
      ([method, { 'x-access': access }]) => {
        const called = path.startsWith('/api/v1') ? path.slice('/api/v1'.length) : `/${path}`;
        return {
          name: `${method.toUpperCase()} ${called}`,
          method: method.toUpperCase(),
          path: called,
          access,
        };
      },
    ),
  );
}

/** What `/inventory/{sku}` has is under `/products/{sku}/inventory` as well. */
export function ruleOf({ name }: Pick<Operation, 'name'>): readonly Caller[] | undefined {
  return MAY[name] ?? MAY[name.replace('/products/{sku}/inventory', '/inventory/{sku}')];
}

/** An address with nothing behind it. */
export function addressOf({ path }: Pick<Operation, 'path'>, id: string = newId()): string {
  return path
    .replace(/\{(id|jobId)\}/, id)
    .replace('{answer}', 'authenticate')
    .replace(/\{\w+\}/g, 'NONE');
}

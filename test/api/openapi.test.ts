import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import type { OpenApiDocument } from '../../api/http/openapi';
import { ATTENTION } from '../../domain/orders/types';
import { addPaidOrder, addStock } from '../support/fixtures';
import { ruleOf } from './access-table';
import { openTestApi, type TestApi } from './support';

let test: TestApi;
let document: OpenApiDocument;

beforeAll(async () => {
  test = await openTestApi();
  await addStock(test.db, 'A', 'AMS', 10);
  document = JSON.parse((await test.call('GET', '//openapi.json')).text) as OpenApiDocument;
});
afterAll(() => test.close());

it('says of every reason that a person ends whether it is one of them', () => {
  const { description } = document.paths?.['/api/v1/inventory/alerts/{id}/resolve']?.post ?? {};
  const told = [...(description ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name);
  const byHand = Object.entries(ATTENTION).flatMap(([reason, kind]) => ('byHand' in kind ? [reason] : []));
  expect(told).toEqual(['attention', ...byHand]);
  const page = readFileSync(join(__dirname, '..', '..', 'docs', 'alerts.md'), 'utf8');
  expect(byHand.filter((reason) => !page.includes(`\`${reason}\``))).toEqual([]);
});

/** Everything that is promised: path, method, and the statuses besides errors. */
const PROMISED: Record<string, string> = {
  'POST /api/v1/orders': '201 202',
  'GET /api/v1/admin/orders': '200',
  'GET /api/v1/admin/orders/{id}': '200',
  'PUT /api/v1/admin/orders/{id}/status': '200 202',
  'POST /api/v1/admin/orders/{id}/retry': '200',
  'GET /api/v1/admin/orders/{id}/notes': '200',
  'POST /api/v1/admin/orders/{id}/notes': '201',
  'DELETE /api/v1/admin/orders/{id}/notes/{noteId}': '204',
  'PUT /api/v1/admin/orders/{id}/tags/{tag}': '200',
  'DELETE /api/v1/admin/orders/{id}/tags/{tag}': '200',
  'GET /api/v1/admin/attention': '200',
  'GET /api/v1/admin/audit': '200',
  'GET /api/v1/events': '200',
  'GET /asyncapi.json': '200',
  'GET /api/v1/ws': '101',
  'POST /api/v1/ws/tickets': '201',
  'GET /api/v1/live': '200 204',
  'GET /api/v1/webhooks': '200',
  'POST /api/v1/webhooks': '201',
  'GET /api/v1/webhooks/{id}': '200',
  'PUT /api/v1/webhooks/{id}': '200',
  'DELETE /api/v1/webhooks/{id}': '204',
  'GET /api/v1/webhooks/{id}/deliveries': '200',
  'POST /api/v1/webhooks/{id}/redeliver': '200',
  'POST /api/v1/webhooks/{id}/rotate-secret': '200',
  'GET /api/v1/notifications': '200',
  'POST /api/v1/notifications/read': '200',
  'POST /api/v1/notifications/{id}/read': '200',
  'GET /api/v1/notification-preferences': '200',
  'PUT /api/v1/notification-preferences': '200',
  'POST /api/v1/mail/bounces': '200',
  'GET /api/v1/admin/inventory/low-stock': '200',
  'GET /api/v1/admin/reports/daily': '200',
  'GET /api/v1/admin/reports/daily.csv': '200',
  'GET /api/v1/admin/reports/monthly': '200',
  'GET /api/v1/admin/reports/monthly.csv': '200',
  'GET /api/v1/admin/reports/cost-of-goods': '200',
  'GET /api/v1/admin/reports/cost-of-goods.csv': '200',
  'POST /api/v1/admin/work/retry': '200',
  'POST /api/v1/admin/jobs/{id}/acknowledge': '200',
  'GET /api/v1/users': '200',
  'POST /api/v1/users': '202',
  'GET /api/v1/users/{id}': '200',
  'PUT /api/v1/users/{id}': '200',
  'DELETE /api/v1/users/{id}': '200 202',
  'POST /api/v1/jobs/settlement': '202',
  'POST /api/v1/jobs/report': '202',
  'POST /api/v1/jobs/reconciliation': '202',
  'GET /api/v1/reconciliations/{id}/differences': '200',
  'POST /api/v1/reconciliations/{id}/differences/{n}/accept': '200',
  'POST /api/v1/reconciliations/{id}/differences/{n}/book': '200',
  'GET /api/v1/sandbox/balance-transactions.csv': '200',
  'GET /api/v1/payouts': '200',
  'POST /api/v1/payouts': '201',
  'GET /api/v1/payouts/{id}': '200',
  'GET /api/v1/payouts/{id}/statement.csv': '200',
  'POST /api/v1/payouts/{id}/approve': '200',
  'POST /api/v1/payouts/{id}/paid': '200',
  'POST /api/v1/payouts/{id}/cancel': '200',
  'GET /api/v1/merchants': '200',
  'POST /api/v1/merchants': '201',
  'GET /api/v1/merchants/{id}': '200',
  'PUT /api/v1/merchants/{id}': '200',
  'GET /api/v1/merchants/{id}/fee-rules': '200',
  'POST /api/v1/merchants/{id}/fee-rules': '201',
  'POST /codec/decode': '200',
  'POST /codec/encode': '200',
  'POST /api/v1/auth/login': '200',
  'POST /api/v1/auth/refresh': '200',
  'POST /api/v1/auth/logout': '204',
  'POST /api/v1/auth/logout-all': '204',
  'POST /api/v1/auth/password-reset': '202',
  'POST /api/v1/auth/password-reset/confirm': '204',
  'POST /api/v1/auth/confirm-email': '204',
  'GET /.well-known/jwks.json': '200',
  'POST /api/v1/api-keys': '201',
  'GET /api/v1/api-keys': '200',
  'POST /api/v1/api-keys/{id}/rotate': '201',
  'DELETE /api/v1/api-keys/{id}': '200',
  'GET /api/v1/orders': '200',
  'GET /api/v1/orders/{id}': '200',
  'PATCH /api/v1/orders/{id}': '200 202',
  'PATCH /api/v1/reservations/{id}': '200',
  'GET /api/v1/orders/{id}/status': '200',
  'GET /api/v1/orders/{id}/events': '200 204',
  'GET /api/v1/orders/{id}/sourcing': '200',
  'POST /api/v1/orders/{id}/payments': '200 202',
  'POST /api/v1/orders/{id}/refunds': '201',
  'POST /api/v1/orders/{id}/review': '200',
  'POST /api/v1/payments/{id}/resolve': '200',
  'POST /api/v1/refunds/{id}/resolve': '200',
  'POST /api/v1/refunds/{id}/retry': '200',
  'POST /api/v1/captures/{id}/resolve': '200',
  'POST /api/v1/captures/{id}/retry': '200',
  'POST /api/v1/orders/{id}/cancel': '200 202',
  'PUT /api/v1/orders/{id}/cancel': '200 202',
  'GET /api/v1/products': '200',
  'GET /api/v1/products/{sku}': '200',
  'GET /api/v1/products/{sku}/inventory': '200',
  'GET /api/v1/products/{sku}/inventory/location/{code}': '200',
  'POST /api/v1/products/{sku}/inventory/adjust': '200',
  'POST /api/v1/products/{sku}/inventory/lots/{lot}/end-recall': '200',
  'POST /api/v1/products/{sku}/inventory/lots/{lot}/recall': '200',
  'POST /api/v1/products/{sku}/inventory/reserve': '201',
  'POST /api/v1/products/{sku}/inventory/release': '200',
  'GET /api/v1/products/{sku}/inventory/transactions': '200',
  'GET /api/v1/products/{sku}/inventory/thresholds': '200',
  'PUT /api/v1/products/{sku}/inventory/thresholds': '200',
  'POST /api/v1/products/{sku}/inventory/quality-hold': '201',
  'GET /api/v1/products/{sku}/inventory/lots': '200',
  'GET /api/v1/products/{sku}/inventory/lots/{lot}': '200',
  'GET /api/v1/products/{sku}/inventory/lots/{lot}/movements': '200',
  'GET /api/v1/products/{sku}/inventory/serials': '200',
  'GET /api/v1/products/{sku}/inventory/valuation': '200',
  'POST /api/v1/jobs/products': '202',
  'POST /api/v1/products': '201',
  'PUT /api/v1/products/{sku}': '200',
  'PUT /api/v1/products/{sku}/inventory/lots/{lot}': '200',
  'POST /api/v1/products/{sku}/archive': '200',
  'POST /api/v1/products/{sku}/restore': '200',
  'POST /api/v1/warehouses': '201',
  'GET /api/v1/warehouses/{code}': '200',
  'PUT /api/v1/warehouses/{code}': '200',
  'GET /api/v1/categories': '200',
  'POST /api/v1/categories': '201',
  'GET /api/v1/categories/{code}': '200',
  'PUT /api/v1/categories/{code}': '200',
  'POST /api/v1/categories/{code}/archive': '200',
  'POST /api/v1/categories/{code}/restore': '200',
  'GET /api/v1/warehouses': '200',
  'POST /api/v1/warehouses/{code}/close': '200 202',
  'POST /api/v1/warehouses/{code}/open': '200 202',
  'POST /api/v1/warehouses/{code}/re-source': '200 202',
  'GET /api/v1/inventory/{sku}': '200',
  'GET /api/v1/inventory/{sku}/location/{code}': '200',
  'POST /api/v1/inventory/{sku}/adjust': '200',
  'POST /api/v1/inventory/{sku}/reserve': '201',
  'POST /api/v1/inventory/{sku}/release': '200',
  'GET /api/v1/reservations': '200',
  'GET /api/v1/reservations/{id}': '200',
  'POST /api/v1/reservations': '201',
  'POST /api/v1/reservations/{id}/confirm': '200',
  'POST /api/v1/reservations/{id}/extend': '200',
  'POST /api/v1/reservations/{id}/release': '200',
  'POST /api/v1/reservations/{id}/ship': '200',
  'GET /api/v1/inventory/{sku}/transactions': '200',
  'GET /api/v1/inventory/alerts': '200',
  'POST /api/v1/gateways/{name}/events': '200',
  'GET /sandbox/3ds/{ref}': '200',
  'POST /sandbox/3ds/{ref}/{answer}': '',
  'POST /api/v1/inventory/alerts/{id}/acknowledge': '200',
  'POST /api/v1/inventory/alerts/{id}/resolve': '200',
  'GET /api/v1/inventory/alerts/{id}/affected': '200',
  'GET /api/v1/inventory/metrics': '200',
  'GET /api/v1/inventory/health': '200',
  'GET /api/v1/inventory/{sku}/thresholds': '200',
  'GET /api/v1/inventory/{sku}/safety-stock': '200',
  'PUT /api/v1/inventory/{sku}/safety-stock': '200',
  'GET /api/v1/products/{sku}/inventory/safety-stock': '200',
  'PUT /api/v1/products/{sku}/inventory/safety-stock': '200',
  'PUT /api/v1/inventory/{sku}/thresholds': '200',
  'PUT /api/v1/categories/{code}/thresholds': '200',
  'POST /api/v1/inventory/batch': '200',
  'POST /api/v1/inventory/transfer': '200 202',
  'GET /api/v1/transfers': '200',
  'GET /api/v1/transfers/{id}': '200',
  'POST /api/v1/transfers/{id}/receive': '200',
  'POST /api/v1/transfers/{id}/cancel': '200',
  'POST /api/v1/receipts': '201',
  'GET /api/v1/receipts': '200',
  'GET /api/v1/receipts/{id}': '200',
  'POST /api/v1/receipts/{id}/reverse': '200',
  'POST /api/v1/receipts/{id}/correct': '200',
  'POST /api/v1/counts': '201',
  'GET /api/v1/counts': '200',
  'GET /api/v1/counts/{id}': '200',
  'PUT /api/v1/counts/{id}/lines': '200',
  'POST /api/v1/counts/{id}/submit': '200',
  'POST /api/v1/counts/{id}/approve': '200',
  'POST /api/v1/counts/{id}/reject': '200',
  'POST /api/v1/counts/{id}/recount': '200',
  'POST /api/v1/inventory/{sku}/quality-hold': '201',
  'GET /api/v1/quality-holds': '200',
  'GET /api/v1/quality-holds/{id}': '200',
  'POST /api/v1/quality-holds/{id}/release': '200',
  'POST /api/v1/quality-holds/{id}/write-off': '200',
  'POST /api/v1/returns': '201',
  'GET /api/v1/returns': '200',
  'GET /api/v1/returns/{id}': '200',
  'POST /api/v1/returns/{id}/receive': '200',
  'POST /api/v1/returns/{id}/inspect': '200',
  'POST /api/v1/returns/{id}/cancel': '200',
  'GET /api/v1/products/{sku}/tracking': '200',
  'PUT /api/v1/products/{sku}/tracking': '200',
  'GET /api/v1/inventory/{sku}/lots': '200',
  'GET /api/v1/inventory/{sku}/lots/{lot}': '200',
  'PUT /api/v1/inventory/{sku}/lots/{lot}': '200',
  'POST /api/v1/inventory/{sku}/lots/{lot}/recall': '200',
  'POST /api/v1/inventory/{sku}/lots/{lot}/end-recall': '200',
  'GET /api/v1/inventory/{sku}/lots/{lot}/movements': '200',
  'GET /api/v1/inventory/{sku}/serials': '200',
  'GET /api/v1/serials/{serial}': '200',
  'GET /api/v1/shipments/{id}/units': '200',
  'PUT /api/v1/shipments/{id}/units': '200',
  'GET /api/v1/cost-of-goods-sold': '200',
  'GET /api/v1/cost-of-goods-sold/shipments': '200',
  'GET /api/v1/inventory/valuation': '200',
  'GET /api/v1/shipments/{id}/cost': '200',
  'GET /api/v1/inventory/valuation/products': '200',
  'GET /api/v1/inventory/{sku}/valuation': '200',
  'POST /api/v1/carriers/{name}/events': '200',
  'GET /health': '200',
  'GET /ready': '200',
  'GET /metrics': '200',
  'GET /openapi.json': '200',
  'GET /api/v1/downloads/{jobId}.csv': '200',
  'GET /api/v1/downloads/{jobId}.sql': '200',
  'GET /api/v1/jobs': '200',
  'GET /api/v1/jobs/{id}': '200',
  'GET /api/v1/jobs/{id}/events': '200 204',
  'POST /api/v1/jobs/feed': '202',
  'POST /api/v1/jobs/consistency': '202',
  'GET /api/v1/jobs/consistency/checks': '200',
  'GET /api/v1/jobs/{id}/findings': '200',
  'POST /api/v1/jobs/{id}/cancel': '202',
};

interface Operation {
  operationId: string;
  security?: Record<string, string[]>[];
  parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  requestBody?: { required?: boolean; content: Record<string, { schema: object }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}

function operations(): { name: string; path: string; operation: Operation }[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Operation>).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      operation,
    })),
  );
}

function schemaValidator() {
  const ajv = addFormats(new Ajv2020({ strict: false, allErrors: true }));
  ajv.addSchema({ $id: 'api', components: document.components });
  return (schema: object, value: unknown) => {
    const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/')) as object;
    const validate = ajv.compile(absolute);
    return { valid: validate(value), errors: validate.errors };
  };
}

describe('the description of the API', () => {
  it('is OpenAPI 3.1 with exactly the routes that are promised', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    const described = operations().map(({ name, operation }) => [
      name,
      Object.keys(operation.responses)
        .filter((status) => status < '300')
        .join(' '),
    ]);
    expect(Object.fromEntries(described)).toEqual(PROMISED);
  });

  it('has every parameter of a path, an own id for each operation, and a description for each response', () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, operation } of operations()) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const described = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect(described.map((parameter) => parameter.name).sort()).toEqual(inPath.sort());
      for (const parameter of described) expect(parameter.required).toBe(true);
      for (const response of Object.values(operation.responses)) expect(response.description).not.toBe('');
    }
  });

  it('says of each operation by which credentials it is called, as the table of access has it, and describes both', () => {
    expect(document.components?.securitySchemes).toEqual({
      apiKey: expect.objectContaining({ type: 'apiKey', in: 'header', name: 'X-Api-Key' }) as object,
      accessToken: expect.objectContaining({ type: 'http', scheme: 'bearer' }) as object,
      ticket: expect.objectContaining({ type: 'apiKey', name: 'Sec-WebSocket-Protocol' }) as object,
    });
    for (const { name, operation } of operations()) {
      const inTable = name.includes(' /api/v1') ? name.replace('/api/v1', '') : name.replace(' /', ' //');
      const callers = ruleOf({ name: inTable }) ?? [];
      const security = operation.security?.map((one) => Object.keys(one).join()).sort();
      // Where nobody in particular calls, credentials are not looked at, or may be left out.
      const isOpen = callers.length === 0 || callers.includes('nobody');
      const signedIn = ['accessToken', 'apiKey', ...(101 in operation.responses ? ['ticket'] : [])];
      expect({ name, security }).toEqual({
        name,
        security: isOpen && security?.length !== 0 ? ['', ...signedIn] : isOpen ? [] : signedIn,
      });
    }
  });

  it('has only schemas that are JSON Schema 2020-12, and no reference that leads nowhere', () => {
    const ajv = addFormats(new Ajv2020({ strict: false }));
    const schemas = [
      ...Object.values(document.components?.schemas ?? {}),
      ...operations().flatMap(({ operation }) => [
        ...(operation.parameters ?? []).map((parameter) => parameter.schema),
        ...Object.values(operation.requestBody?.content ?? {}).map((media) => media.schema),
        ...Object.values(operation.responses).flatMap((response) =>
          Object.values(response.content ?? {}).map((media) => media.schema),
        ),
      ]),
    ];
    expect(schemas.length).toBeGreaterThan(60);
    for (const schema of schemas) expect(ajv.validateSchema(schema)).toBe(true);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect(references.length).toBeGreaterThan(20);
    for (const [, name] of references) expect(document.components?.schemas).toHaveProperty(name ?? '');
  });

  it('names the header and the rules of an order, from the schemas that validate', () => {
    const { operation } = operations().find(({ name }) => name === 'POST /api/v1/orders')!;
    expect(operation.parameters).toContainEqual(
      expect.objectContaining({ name: 'Idempotency-Key', in: 'header', required: false }),
    );
    const newOrder = document.components?.schemas?.['NewOrder'] as { required: string[]; properties: object };
    expect(newOrder.required).toEqual(['items']);
    expect(newOrder.properties).toMatchObject({
      items: { type: 'array', minItems: 1, maxItems: 100 },
      holdSeconds: { type: 'integer', minimum: 1, maximum: 86_400, default: 900 },
    });
  });

  it('is true of real responses', async () => {
    const { orderId } = await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
    const paths: Record<string, string> = {
      '/api/v1/orders': '/orders',
      '/api/v1/orders/{id}': `/orders/${orderId}`,
      '/api/v1/orders/{id}/status': `/orders/${orderId}/status`,
      '/api/v1/orders/{id}/events': `/orders/${orderId}/events`,
      '/api/v1/orders/{id}/sourcing': `/orders/${orderId}/sourcing`,
      '/api/v1/products': '/products',
      '/api/v1/products/{sku}': '/products/A',
      '/api/v1/warehouses': '/warehouses',
      '/api/v1/warehouses/{code}': '/warehouses/AMS',
      '/api/v1/categories': '/categories',
      '/api/v1/products/{sku}/inventory': '/products/A/inventory?states=true',
      '/api/v1/inventory/{sku}': '/inventory/A',
      '/api/v1/inventory/{sku}/location/{code}': '/inventory/A/location/AMS',
      '/api/v1/inventory/{sku}/transactions': '/inventory/A/transactions',
      '/api/v1/transfers': '/transfers',
      '/api/v1/jobs/consistency/checks': '/jobs/consistency/checks',
      '/health': '//health',
      '/ready': '//ready',
    };
    const check = schemaValidator();
    for (const { name, path, operation } of operations().filter(({ name: of }) => of.startsWith('GET'))) {
      const called = paths[path];
      if (!called) continue;
      const { status, body } = await test.call('GET', called);
      const schema = operation.responses[String(status)]?.content?.['application/json']?.schema;
      expect({ name, status, ...check(schema!, body) }).toEqual({ name, status, valid: true, errors: null });
    }
    const problem = await test.call('POST', '/orders', { body: {} });
    const problemSchema = document.components?.schemas?.['Problem'] as object;
    expect(check(problemSchema, problem.body)).toEqual({ valid: true, errors: null });
  });

  it('can be read in a browser', async () => {
    const page = await test.call('GET', '//docs/');
    expect(page.status).toBe(200);
    expect(page.text).toContain('Holdfast API');
    expect((await test.call('GET', '//docs/swagger-ui-init.js')).text).toContain(
      '/api/v1/orders/{id}/payments',
    );
  });
});

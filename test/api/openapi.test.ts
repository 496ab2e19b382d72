import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import type { OpenApiDocument } from '../../api/http/openapi';
import { ATTENTION } from '../../domain/orders/types';
import { addPaidOrder, addStock } from '../support/fixtures';
import { ruleOf } from './access-table';
import { PROMISED } from './promised-routes';
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

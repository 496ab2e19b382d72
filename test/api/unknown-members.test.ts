import { z } from 'zod';
import { PUBLIC } from '../../api/http/access';
import { route } from '../../api/http/route';
import { newId } from '../../platform/ids';
import { disputeObject, stripeEvent, stripeSignature, STRIPE_SECRET } from '../payments/stripe-events';
import { openTestApi, type ReplyBody, type TestApi } from './support';
import { addressOf, describedBy, type Described, type Schema } from './walk';

let test: TestApi;
let operations: readonly Described[];
let resolved: (schema: Schema) => Schema;

beforeAll(async () => {
  test = await openTestApi({ env: { STRIPE_WEBHOOK_SECRETS: STRIPE_SECRET } });
  ({ operations, resolved } = await describedBy(test));
});
afterAll(() => test.close());

/** What third parties, and Temporal, send by contracts of their own: they add members when they like, and stop sending to who refuses them. */
const OF_THIRD_PARTIES = [
  'POST /api/v1/carriers/{name}/events',
  'POST /api/v1/gateways/{name}/events',
  'POST /codec/decode',
  'POST /codec/encode',
] as const;

const UNKNOWN = 'unknownMember';

/** Members that may say which of several forms an object has. */
function enumeratedOf({ properties = {} }: Schema): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, { enum: values = [] }]) =>
      values.length === 0 ? [] : [[name, values[0]]],
    ),
  );
}

/** For each object of a schema: its path, and a body in which that object has a member that is not known, and nothing else that is wrong. */
function withUnknown(given: Schema, seen: readonly Schema[] = []): { path: string[]; body: unknown }[] {
  const schema = resolved(given);
  if (seen.includes(schema)) return [];
  const inside = (member: Schema) => withUnknown(member, [...seen, schema]);
  const alternatives = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  return [
    ...(schema.type === 'object' || schema.properties
      ? [{ path: [UNKNOWN], body: { ...enumeratedOf(schema), [UNKNOWN]: 1 } }]
      : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, member]) =>
      inside(member).map(({ path, body }) => ({ path: [name, ...path], body: { [name]: body } })),
    ),
    ...(schema.items
      ? inside(schema.items).map(({ path, body }) => ({ path: ['0', ...path], body: [body] }))
      : []),
    ...alternatives.flatMap(inside),
  ];
}

/** Paths of what is wrong. */
function errorsOf(body: Partial<ReplyBody> | undefined): string[] {
  return (body?.errors ?? []).map(({ path }) => path);
}

const HEADERS = () => ({ 'idempotency-key': newId() });

function strictOperations(): Described[] {
  return operations.filter(({ name }) => !OF_THIRD_PARTIES.some((one) => one === name));
}

it('every route refuses a parameter that it does not know, and names it', async () => {
  const taken: string[] = [];
  for (const operation of strictOperations()) {
    const { status, body } = await test.call(operation.method, `${addressOf(operation)}?unknownParameter=1`, {
      headers: HEADERS(),
    });
    const named = errorsOf(body).includes('unknownParameter');
    if (status !== 422 || body.code !== 'VALIDATION_FAILED' || !named)
      taken.push(`${operation.name}: ${status}`);
  }
  expect(taken).toEqual([]);
});

it('every route refuses a member that it does not know, and names its path, in every object of its body', async () => {
  const taken: string[] = [];
  let tried = 0;
  for (const operation of strictOperations()) {
    if (operation.method === 'GET') continue;
    const schema = operation.requestBody?.content['application/json']?.schema;
    // An upload is no JSON.
    if (operation.requestBody && !schema) continue;
    // A route without a body is sent one all the same.
    const bodies = schema ? withUnknown(schema) : [{ path: [UNKNOWN], body: { [UNKNOWN]: 1 } }];
    expect(bodies.length).toBeGreaterThan(0);
    for (const { path, body } of bodies) {
      tried += 1;
      const reply = await test.call(operation.method, addressOf(operation), { body, headers: HEADERS() });
      const named = errorsOf(reply.body).includes(path.join('.'));
      if (reply.status !== 422 || !named)
        taken.push(`${operation.name} ${path.join('.')}: ${reply.status} ${reply.text.slice(0, 200)}`);
    }
  }
  expect(taken).toEqual([]);
  expect(tried).toBeGreaterThan(60);
});

it('a misspelt member or parameter is refused by its name, and nothing is done', async () => {
  const items = [{ sku: 'A', quantity: 1 }];
  const misspelt: [method: string, path: string, body: object | undefined, name: string][] = [
    ['POST', '/orders', { items, customerId: 'c-1', fulfillment: 'partial' }, 'fulfillment'],
    ['POST', '/orders', { items: [{ sku: 'A', qty: 1 }], customerId: 'c-1' }, 'items.0.qty'],
    ['POST', '/inventory/A/reserve', { quantity: 1, holdSecond: 5 }, 'holdSecond'],
    ['GET', '/orders?statuss=paid', undefined, 'statuss'],
  ];
  for (const [method, path, body, name] of misspelt) {
    const reply = await test.call(method, path, { ...(body ? { body } : {}), headers: HEADERS() });
    expect([path, reply.status, reply.body.code]).toEqual([path, 422, 'VALIDATION_FAILED']);
    expect(errorsOf(reply.body)).toContain(name);
  }
  const { rows } = await test.db.pool.query<{ made: number }>(
    'select ((select count(*) from orders) + (select count(*) from reservations))::int as made',
  );
  expect(rows).toEqual([{ made: 0 }]);
});

it('a route whose body would take any member cannot be made', () => {
  const made = (body: z.ZodType, isLenient = false) =>
    route(
      {
        methods: ['post'],
        path: '/x',
        access: PUBLIC,
        tag: 'x',
        summary: 'x',
        responses: {},
        body,
        isLenient,
      },
      () => Promise.resolve(null),
    );
  const line = z.object({ sku: z.string() });
  const hidden = z.strictObject({
    items: z
      .array(line.optional())
      .nullish()
      .transform((given) => given ?? []),
  });
  expect(() => made(hidden)).toThrow('/x takes unknown members: items[]');
  expect(() => made(z.union([z.strictObject({}), line]))).toThrow('body');
  expect(() => made(z.strictObject({ any: z.record(z.string(), z.string()) }))).toThrow('any (record');
  expect(() => made(line, true)).not.toThrow();
});

it('a body without members is none for a route that takes none, and what is no JSON is not looked at', async () => {
  const path = `/refunds/${newId()}/retry`;
  for (const raw of ['{}', 'null']) expect((await test.call('POST', path, { raw })).status).toBe(404);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  expect((await test.call('POST', path, { raw: 'a=1', headers })).status).toBe(404);
  expect((await test.call('POST', path, { raw: '{' })).body.code).toBe('MALFORMED_JSON');
});

describe('what third parties send', () => {
  it('is a list of routes that the description has', () => {
    const known = operations.map(({ name }) => name);
    expect(OF_THIRD_PARTIES.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('may have members and parameters that are not known: an update of a carrier', async () => {
    const update = { eventId: newId(), shipmentId: newId(), type: 'picked_up', scanner: { id: 7 } };
    const body = { events: [update], batch: 'b-1' };
    const reply = await test.call('POST', '/carriers/sandbox/events?attempt=1', { body, signed: true });
    expect(reply).toMatchObject({ status: 200, body: { results: [{ result: 'unknown_shipment' }] } });
  });

  it('may have members and parameters that are not known: an event of a gateway', async () => {
    const event = stripeEvent('charge.dispute.created', disputeObject({ intent: 'pi_of_another_shop' }));
    const raw = JSON.stringify({ ...event, invented_by_stripe: { later: true } });
    const headers = stripeSignature(raw);
    const reply = await test.call('POST', '/gateways/stripe/events?version=2', { raw, headers });
    expect(reply).toMatchObject({ status: 200, body: { result: 'unknown' } });
  });
});

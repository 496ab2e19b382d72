import { randomBytes } from 'node:crypto';
import { newId } from '../../platform/ids';
import { addPaidOrder, addStock } from '../support/fixtures';
import { openTestApi, type Reply, type TestApi } from './support';
import { addressOf, describedBy, type Described, type Schema } from './walk';

let test: TestApi;
let walk: Awaited<ReturnType<typeof describedBy>>;
let orderId: string;

beforeAll(async () => {
  test = await openTestApi({
    env: {
      OUTCOME_TIMEOUT_MS: '50',
      RESERVATION_QUEUE: '5000',
      SIGNING_KEYS_SECRET: randomBytes(32).toString('base64'),
      PAYLOAD_KEYS: `hostile=${randomBytes(32).toString('base64')}`,
    },
  });
  walk = await describedBy(test);
  await addStock(test.db, 'A', 'AMS', 10);
  ({ orderId } = await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]));
});
afterAll(() => test.close());

const AT_ONCE = 8;

/** What the product says by itself: a part of it is not set up, or not there, in this test. */
const EXPECTED = ['WEBHOOK_NOT_SET_UP', 'ENGINE_UNAVAILABLE', 'OVERLOADED'];

interface Try {
  operation: Described;
  what: string;
  address: string;
  body?: unknown;
}

function failed({ status, body }: Reply): boolean {
  return status >= 500 && !EXPECTED.includes(body.code);
}

/** Sends all of them, some at a time; those that an error of ours answered. */
async function send(tries: readonly Try[]): Promise<string[]> {
  const failures: string[] = [];
  const left = [...tries];
  const work = async () => {
    for (let next = left.pop(); next; next = left.pop()) {
      const { operation, what, address, body } = next;
      const headers = { 'idempotency-key': newId(), 'if-match': '*' };
      const options = body === undefined ? { headers } : { headers, body };
      const reply = await test.call(operation.method, address, options);
      if (failed(reply))
        failures.push(`${operation.name} ${what}: ${reply.status} ${reply.text.slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return failures;
}

/** Things that are there, so that the statements run. */
function known({ path, method }: Described): Record<string, string> {
  const isOrder = path.startsWith('/api/v1/orders/') && method === 'GET';
  return { sku: 'A', code: 'AMS', ...(isOrder ? { id: orderId } : {}) };
}

const TEXTS = [
  '\u0000',
  'a\u0000b',
  '2147483648',
  '9223372036854775808',
  '9'.repeat(400),
  'NaN',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59.9999999-23:59',
  '+275760-09-13T00:00:00Z',
  '\\',
  '😀'.repeat(200),
];

it('no value in a path is an error of ours', async () => {
  const tries = walk.operations.flatMap((operation) =>
    (operation.parameters ?? [])
      .filter((one) => one.in === 'path')
      .flatMap(({ name }) =>
        [...TEXTS.map(encodeURIComponent), '%ED%A0%80', '%C0%80', '..%2F..', '%', '%zz'].map((text) => ({
          operation,
          what: `${name}=${text}`,
          address: addressOf(operation, { ...known(operation), [name]: text }),
        })),
      ),
  );
  expect(tries.length).toBeGreaterThan(1_000);
  expect(await send(tries)).toEqual([]);
});

it('no value of a parameter is an error of ours', async () => {
  const tries = walk.operations.flatMap((operation) =>
    (operation.parameters ?? [])
      .filter((one) => one.in === 'query')
      .flatMap(({ name }) =>
        TEXTS.map((text) => ({
          operation,
          what: `${name}=${text}`,
          address: `${addressOf(operation, known(operation))}?${name}=${encodeURIComponent(text)}`,
        })),
      ),
  );
  expect(tries.length).toBeGreaterThan(1_000);
  expect(await send(tries)).toEqual([]);
});

const FAR = 3_000_000_000;
const FARTHEST = Number.MAX_SAFE_INTEGER;
const ID = '01980000-0000-7000-8000-000000000000';
const YEAR_0 = '0000-01-01T00:00:00.000000Z';
const LAST_YEAR = '9999-12-31T23:59:59.999999Z';
const POSITIONS: readonly unknown[] = [
  null,
  {},
  [],
  'x',
  '\u0000',
  FAR,
  ID,
  '9'.repeat(18),
  '9'.repeat(19),
  ...[FAR, FARTHEST, -FAR, 1e300, 0.5].flatMap((n) => [{ seq: n }, { id: n }, { at: LAST_YEAR, id: n }]),
  ...['\u0000', 'a\u0000', '', ' ', '\ud800', 'x'.repeat(300)].flatMap((text) => [
    { sku: text },
    { code: text },
  ]),
  ...[YEAR_0, LAST_YEAR, '0000-01-01', 'now', 'infinity'].flatMap((time) => [
    { createdAtMicros: time, id: ID },
    { atMicros: time, id: 1 },
    { at: time, id: FARTHEST },
  ]),
  { createdAtMicros: LAST_YEAR, id: '\u0000' },
  [FAR, FAR, '9'.repeat(18), ID, FAR],
  [0, 0, '9'.repeat(19), ID, 1],
];

function cursor(position: unknown): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

it('no cursor made by hand is an error of ours', async () => {
  const taking = walk.operations.filter((operation) =>
    operation.parameters?.some(({ name, in: where }) => name === 'cursor' && where === 'query'),
  );
  expect(taking.length).toBeGreaterThan(15);
  const tries = taking.flatMap((operation) =>
    POSITIONS.map((position) => ({
      operation,
      what: `cursor=${JSON.stringify(position)}`,
      address: `${addressOf(operation, known(operation))}?cursor=${cursor(position)}`,
    })),
  );
  expect(await send(tries)).toEqual([]);
});

it('a cursor beyond what its column holds is refused by name', async () => {
  for (const path of [
    // Beyond int4.
    `/orders/${orderId}/events?cursor=${cursor({ seq: FAR })}`,
    `/products?cursor=${cursor({ sku: '\u0000' })}`,
  ]) {
    const reply = await test.call('GET', path);
    expect(reply).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(reply.body.errors.map((error) => error.path)).toEqual(['cursor']);
  }
});

/** Values of one leaf of a body, by its type. */
function hostile(schema: Schema): unknown[] {
  if (schema.type === 'integer' || schema.type === 'number') return [2 ** 31, FARTHEST, -FARTHEST];
  if (schema.enum || schema.type === 'boolean') return [];
  return ['\u0000', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59.9999999-15:59'];
}

/** A body that fits a schema as far as it says, with every member. */
function sample(given: Schema): unknown {
  const schema = walk.resolved(given);
  const [first] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (first && schema.type === undefined && !schema.properties) return sample(first);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.properties)
    return Object.fromEntries(
      Object.entries(schema.properties).map(([name, member]) => [name, memberSample(name, member)]),
    );
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'array') return schema.items ? [sample(schema.items)] : [];
  if (type === 'integer' || type === 'number') return Math.max(1, schema.minimum ?? 1);
  if (type === 'boolean') return false;
  if (schema.format === 'uuid') return ID;
  if (schema.format === 'date-time') return new Date(Date.now() - 60_000).toISOString();
  if (schema.format === 'date') return '2030-01-01';
  return 'A';
}

function memberSample(name: string, member: Schema): unknown {
  if (['location', 'warehouse', 'from', 'to'].includes(name) && walk.resolved(member).type === 'string')
    return 'AMS';
  return name === 'currency' ? 'USD' : sample(member);
}

/** Every body that is the sample but for one leaf. */
function spoiled(
  given: Schema,
  whole: (part: unknown) => unknown,
  path = '',
): { path: string; body: unknown }[] {
  const schema = walk.resolved(given);
  const alternatives = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (alternatives.length > 0) return alternatives.flatMap((one) => spoiled(one, whole, path));
  if (schema.properties) {
    const complete = sample(schema) as Record<string, unknown>;
    return Object.entries(schema.properties).flatMap(([name, member]) => [
      ...spoiled(member, (part) => whole({ ...complete, [name]: part }), `${path}.${name}`),
      // Alone beside what is required: members that exclude each other are refused before any of them is read.
      ...spoiled(
        member,
        (part) =>
          whole({
            ...Object.fromEntries(Object.entries(complete).filter(([key]) => schema.required?.includes(key))),
            [name]: part,
          }),
        `${path}.${name}`,
      ),
    ]);
  }
  if (schema.items) return spoiled(schema.items, (part) => whole([part]), `${path}[]`);
  return hostile(schema).map((value) => ({
    path: `${path}=${JSON.stringify(value).slice(0, 40)}`,
    body: whole(value),
  }));
}

it('no value in a body is an error of ours', async () => {
  const tries = walk.operations.flatMap((operation) => {
    const schema = operation.requestBody?.content['application/json']?.schema;
    if (!schema) return [];
    return spoiled(schema, (part) => part).map(({ path, body }) => ({
      operation,
      what: path,
      address: addressOf(operation, known(operation)),
      body,
    }));
  });
  expect(tries.length).toBeGreaterThan(1_000);
  expect(await send(tries)).toEqual([]);
});

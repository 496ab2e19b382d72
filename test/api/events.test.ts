import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { recordEntries } from '../../domain/event-log/record';
import { EVENT_TYPES } from '../../domain/events/catalogue';
import type { StreamEvent } from '../../domain/events/types';
import { createKey } from '../../domain/identity/keys';
import type { Scope } from '../../domain/identity/types';
import { appendEvents } from '../../domain/orders/events';
import { numberAll } from '../events/support';
import { ADMIN_KEY } from '../support/access-keys';
import { addPaidOrder, addStock } from '../support/fixtures';
import { waitFor } from '../support/wait';
import { listen, type Stream } from './listen';
import { openTestApi, type TestApi } from './support';

let test: TestApi;
let orderId: string;

beforeEach(async () => {
  test = await openTestApi();
  await addStock(test.db, 'A', 'AMS', 10);
  ({ orderId } = await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]));
});
afterEach(() => test.close());

interface Page {
  status: number;
  items: StreamEvent[];
  after: number;
  atEnd: boolean;
  code?: string;
  oldest?: number;
}

async function get(query: string, key = ADMIN_KEY): Promise<Page> {
  const { status, text } = await test.call('GET', `/events${query}`, { key });
  return { ...(JSON.parse(text) as Omit<Page, 'status'>), status };
}

const append = (...types: string[]) =>
  test.db.transaction((tx) =>
    appendEvents(
      tx,
      types.map((type) => ({ orderId, type })),
    ),
  );

const record = (id: string, owner?: string) =>
  test.db.transaction((tx) =>
    recordEntries(tx, [
      {
        type: 'job.started',
        subject: { type: 'job', id },
        actor: 'service:x',
        data: { type: 'feed' },
        ...(owner === undefined ? {} : { owner }),
      },
    ]),
  );

async function serviceWith(scopes: Scope[]): Promise<{ key: string; caller: string }> {
  const made = await createKey(test.db, {
    service: `with ${scopes.join(' ')}`,
    role: 'service',
    scopes,
    label: null,
    expiresInSeconds: null,
    kind: 'live',
    actor: 'a test',
  });
  const { rows } = await test.db.pool.query<{ id: string }>('select id from services where name = $1', [
    `with ${scopes.join(' ')}`,
  ]);
  return { key: made.key, caller: `service:${rows[0]?.id ?? ''}` };
}

const typesOf = ({ items }: Page) => items.map(({ type }) => type);

it('pages leave nothing out, and say where to go on and whether that is the end', async () => {
  await append('payment_started', 'payment_captured', 'order_paid');
  await numberAll(test.db);
  const whole = await get('');
  expect(whole).toMatchObject({ status: 200, atEnd: true });
  expect(typesOf(whole)).toEqual(
    expect.arrayContaining(['stock.opening', 'payment.started', 'payment.captured', 'order.paid']),
  );
  const paged: StreamEvent[] = [];
  let page: Page | undefined;
  for (let after: number | undefined; !page?.atEnd; after = page.after) {
    page = await get(`?limit=1${after === undefined ? '' : `&after=${after}`}`);
    expect(page.items.length).toBeLessThanOrEqual(1);
    paged.push(...page.items);
  }
  expect(paged).toEqual(whole.items);
  expect(await get(`?after=${whole.after}`)).toMatchObject({ items: [], after: whole.after, atEnd: true });
});

it('types are chosen by name or by their beginning; one that is not known is refused', async () => {
  await append('payment_started', 'order_paid');
  await numberAll(test.db);
  expect(typesOf(await get('?types=order.paid'))).toEqual(['order.paid']);
  expect(typesOf(await get('?types=payment.*,order.paid'))).toEqual(['payment.started', 'order.paid']);
  expect(await get('?types=order.paid,order.nothing')).toMatchObject({
    status: 422,
    code: 'VALIDATION_FAILED',
  });
  expect(await get('?types=thing.*')).toMatchObject({ status: 422 });
  expect(await get('?after=-1')).toMatchObject({ status: 422 });
  expect(await get('?limit=0')).toMatchObject({ status: 422 });
});

it('a position before the oldest that is kept is told, and so is one that there is not yet', async () => {
  await append('payment_started');
  await numberAll(test.db);
  await append('order_paid');
  await numberAll(test.db);
  const { after } = await get('');
  await test.db.pool.query('delete from event_batches where last_position < $1', [after]);
  const kept = await get('');
  expect(typesOf(kept)).toEqual(['order.paid']);
  expect(await get('?after=0')).toMatchObject({ status: 410, code: 'EVENTS_EXPIRED', oldest: after - 1 });
  expect(await get(`?after=${after - 1}`)).toMatchObject({ status: 200 });
  expect(await get(`?after=${after + 1}`)).toMatchObject({ status: 422, code: 'EVENTS_AHEAD' });
});

it('a service sees what its scopes let it read elsewhere, and nothing of others', async () => {
  const mine = await serviceWith(['orders']);
  const everybodys = await serviceWith(['orders:all']);
  const stock = await serviceWith(['inventory:read']);
  const uploads = await serviceWith(['inventory:write']);
  await append('order_paid');
  await record('of nobody');
  await record('of uploads', uploads.caller);
  await numberAll(test.db);
  expect(typesOf(await get('', mine.key))).toEqual([]);
  expect(typesOf(await get('', everybodys.key))).toEqual(['order.paid']);
  expect([...new Set((await get('', stock.key)).items.map(({ type }) => type.split('.')[0]))]).toEqual([
    'stock',
  ]);
  expect((await get('', uploads.key)).items.map(({ subject }) => subject.id)).toEqual(['of uploads']);
  await test.db.pool.query('update orders set owner = $1 where id = $2', [mine.caller, orderId]);
  expect(typesOf(await get('', mine.key))).toEqual(['order.paid']);
  expect((await get('', mine.key)).atEnd).toBe(true);
});

it('where a parcel goes, and who works here, is not in the data of an event', async () => {
  await test.db.transaction((tx) =>
    appendEvents(tx, [
      {
        orderId,
        type: 'order_amended',
        actor: 'user:1',
        data: { shipTo: { country: 'NL' }, actor: 'user:1', totalMinor: 5 },
      },
    ]),
  );
  await numberAll(test.db);
  const { items } = await get('?types=order.amended');
  expect(items).toMatchObject([{ actor: 'user:1', subject: { type: 'order', id: orderId } }]);
  expect(items[0]?.data).toEqual({ totalMinor: 5, seq: expect.any(Number) as number });
});

const listenTo = (types: string, lastEventId?: number) =>
  listen(test, `/events?types=${types}`, { lastEventId });

const eventsOf = (stream: Stream) =>
  [...stream.text().matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? '') as StreamEvent);

it('a stream sends what there is and what comes, and goes on after Last-Event-ID', async () => {
  await append('payment_started');
  await numberAll(test.db);
  const stream = await listenTo('payment.*,order.*');
  await waitFor(() => eventsOf(stream).length === 1);
  await append('order_paid');
  await numberAll(test.db);
  await waitFor(() => eventsOf(stream).length === 2);
  expect(eventsOf(stream).map(({ type }) => type)).toEqual(['payment.started', 'order.paid']);
  await record('of another type');
  await numberAll(test.db);
  const [first] = eventsOf(stream);
  // Its position moves on past what is not for it.
  await waitFor(async () => stream.ids().at(-1) === (await get('')).after);
  stream.leave();
  await stream.ended;
  const again = await listenTo('payment.*,order.*', first?.position);
  await waitFor(() => eventsOf(again).length === 1);
  expect(eventsOf(again).map(({ type }) => type)).toEqual(['order.paid']);
  again.leave();
  await again.ended;
  const wrong = await test.call('GET', '/events', {
    headers: { accept: 'text/event-stream', 'last-event-id': 'x' },
  });
  expect(wrong.status).toBe(422);
});

it('an event fits the schema that the description has of its type', async () => {
  await append('payment_started', 'order_paid');
  await record('one');
  await test.call('POST', '/inventory/A/adjust', {
    body: { location: 'AMS', delta: -9, reason: 'broken' },
    headers: { 'idempotency-key': 'one' },
  });
  await numberAll(test.db);
  const { text } = await test.call('GET', '//asyncapi.json', { key: null });
  const document = JSON.parse(text) as {
    asyncapi: string;
    channels: { events: { address: string; messages: Record<string, unknown> } };
    components: { messages: Record<string, { payload: object }> };
  };
  expect(document.asyncapi).toBe('3.0.0');
  expect(Object.keys(document.channels.events.messages)).toEqual(EVENT_TYPES);
  const ajv = new Ajv2020({ strict: false });
  addFormats(ajv);
  const { items } = await get('');
  expect(new Set(typesOf({ items } as Page))).toEqual(
    new Set([
      'stock.opening',
      'stock.adjust',
      'payment.started',
      'order.paid',
      'stock.reserve',
      'job.started',
      'alert.raised',
    ]),
  );
  for (const item of items) {
    const schema = document.components.messages[item.type]?.payload ?? {};
    const validate = ajv.compile(schema);
    expect({ item, valid: validate(item), errors: validate.errors }).toMatchObject({ valid: true });
    expect(validate({ ...item, type: 'order.other' })).toBe(false);
  }
});

import { COUNTED_ORDER_EVENTS } from '../../domain/orders/types';
import { LEDGER_KINDS } from '../../domain/stock/ledger/types';
import { createObservability, type Observability } from '../../platform/observability';
import { createMetricsRegistry } from '../../platform/telemetry/metrics';
import { newId } from '../../platform/ids';
import { openStackApi, type StackApi } from '../api/stack-api';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';

let shop: StackApi;
let observability: Observability;
beforeAll(async () => {
  observability = createObservability({
    registry: createMetricsRegistry('api'),
    known: { order_event: COUNTED_ORDER_EVENTS, ledger_entry: LEDGER_KINDS },
  });
  shop = await openStackApi({ observability, settings: { SANDBOX_CARRIER_DELAY_MS: 3_600_000 } });
});
afterAll(async () => {
  await expectInvariants(shop.stack.db);
  await shop.stack.stop();
  await observability.close();
});

async function scrape(): Promise<Map<string, number>> {
  const { text } = await shop.call('GET', '//metrics');
  return new Map(
    text
      .split('\n')
      .filter((line) => /^holdfast_/.test(line))
      .map((line) => [
        sorted(line.slice(0, line.lastIndexOf(' '))),
        Number(line.slice(line.lastIndexOf(' ') + 1)),
      ]),
  );
}

/** Labels by name: their order says nothing. */
function sorted(series: string): string {
  return series.replace(/\{(.*)\}/, (_all, labels: string) => `{${labels.split(',').sort().join(',')}}`);
}

/** Orders of products of their own, for customers of their own; one that is refused, and addresses that there are not. */
async function drive(): Promise<string[]> {
  const skus: string[] = [];
  for (let n = 0; n < 5; n++) {
    const sku = await shop.newSku(3);
    skus.push(sku);
    const body = {
      customerId: newId(),
      items: [{ sku, quantity: 1 }],
      payment: { method: 'card', token: 'tok_ok' },
    };
    const placed = await shop.place(body);
    expect(placed.status).toBe(201);
    await shop.call('GET', `/orders/${placed.body.id}`);
    await waitFor(async () => (await shop.status(placed.body.id)) === 'fulfilling');
    await shop.place({ ...body, items: [{ sku: newId(), quantity: 1 }] });
    await shop.call('GET', `//${newId()}`);
    await shop.call('GET', `/orders/${newId()}`);
  }
  return skus;
}

/** Waits until what follows the stream of events has come to all that was done: each of its statements has run by then. */
async function followed(): Promise<void> {
  await waitFor(async () => {
    const { rows } = await shop.stack.db.pool.query<{ followed: boolean }>(
      `select bool_and(f.position = h.next_position - 1)
         and not exists (select from order_events e join event_sources s on s.source = 'orders' where e.id > s.scanned_to) as followed
       from event_head h, (select position from report_cursor union all select position from analytics_cursor
         union all select position from notification_head) f`,
    );
    return rows[0]?.followed;
  });
}

test('series do not grow with data, and none has an id or a SKU in its labels', async () => {
  const skus = await drive();
  await followed();
  // A scrape is a request too.
  await scrape();
  const first = await scrape();
  skus.push(...(await drive()));
  const second = await scrape();
  // Only statements and events of another kind may come up later: none does for the same work.
  expect([...second.keys()].filter((series) => !first.has(series))).toEqual([]);
  const labels = [...second.keys()].join('\n');
  expect(labels).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
  expect(skus.filter((sku) => labels.includes(sku))).toEqual([]);
});

test('what happens is counted: responses, problems, events of orders, entries of the ledger, statements and how long connections are held', async () => {
  const before = await scrape();
  await drive();
  const after = await scrape();
  const grown = (series: string) => {
    expect([series, before.has(series)]).toEqual([series, true]);
    return (after.get(series) ?? 0) - (before.get(series) ?? 0);
  };
  expect(grown('holdfast_http_responses_total{class="4xx",part="api"}')).toBe(15);
  expect(grown('holdfast_http_problems_total{code="NOT_FOUND",part="api"}')).toBe(10);
  expect(grown('holdfast_order_placements_total{outcome="reserved",part="api"}')).toBe(5);
  expect(grown('holdfast_order_events_total{part="api",type="order_placed"}')).toBeGreaterThanOrEqual(5);
  expect(grown('holdfast_stock_entries_total{kind="reserve",part="api"}')).toBe(5);
  expect(
    grown('holdfast_db_statements_total{part="api",statement="ledger.insert_reservations"}'),
  ).toBeGreaterThan(0);
  expect(grown('holdfast_db_connection_held_seconds_count{part="api",pool="main"}')).toBeGreaterThan(0);
  expect(grown('holdfast_batch_size_sum{batcher="orders",part="api"}')).toBeGreaterThanOrEqual(5);
  expect(after.get('holdfast_outbox_oldest_seconds{part="api"}')).toBeGreaterThanOrEqual(0);
});

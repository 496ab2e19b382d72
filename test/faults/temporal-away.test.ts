import { newId } from '../../platform/ids';
import { startMixedOrders } from '../load/mixed';
import { addStock } from '../support/fixtures';
import { retryUntilFinal } from '../support/retry-until-final';
import { expectAtRest } from '../support/invariants';
import { seededRandom } from '../support/random';
import { startPrivateTemporal } from '../support/servers';
import { startStack } from '../support/stack';
import { REFUSED_WITHIN_MS } from '../support/promised';
import { waitFor } from '../support/wait';
import { expectAsIfNothingHappened, expectNothingDoubled, untilAtRest } from './assertions';
import { standAtSteps } from './steps';
import { harnessOf } from './harness';

const NEVER_MS = 3_600_000;

type Temporal = Awaited<ReturnType<typeof startPrivateTemporal>>;

/** On its state and its port, as soon as its end has been noticed. */
function startAgain({ stateFile, port }: Temporal): Promise<Temporal> {
  return waitFor(() => startPrivateTemporal({ stateFile, port }), 60_000);
}

test.each(['stopped', 'killed'])(
  'while Temporal is %s orders are turned away with nothing half-done, and when it is back they and all others go on',
  async (how) => {
    const temporal = await startPrivateTemporal();
    const stack = await startStack({
      temporalAddress: temporal.address,
      api: true,
      settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS },
    });
    const harness = harnessOf(stack);
    let back: Temporal | undefined;
    try {
      const standing = await standAtSteps(harness);
      await addStock(stack.db, 'LAMP', 'AMS', 1);

      if (how === 'killed') process.kill(temporal.pid, 'SIGKILL');
      else await temporal.stop();
      await waitFor(async () => (await harness.call('GET', '//health')).body.status === 'degraded');

      const headers = { 'idempotency-key': newId() };
      const body = {
        customerId: 'c-1',
        items: [{ sku: 'LAMP', quantity: 1 }],
        payment: { method: 'card', token: 'tok_ok' },
      };
      const place = () => harness.call('POST', '/orders', { body, headers });
      const begun = performance.now();
      expect(await place()).toMatchObject({ status: 503, body: { code: 'ENGINE_UNAVAILABLE' } });
      expect(performance.now() - begun).toBeLessThan(REFUSED_WITHIN_MS);
      const left = await stack.db.pool.query(
        `select (select count(*) from order_items where sku = 'LAMP') as orders, s.reserved, k.state, k.status
         from stock s join products p on p.id = s.product_id and p.sku = 'LAMP', idempotency_keys k where k.key = $1`,
        [headers['idempotency-key']],
      );
      expect(left.rows).toEqual([{ orders: 0, reserved: 0, state: 'accepted', status: null }]);

      // What was under way in PostgreSQL ends there, and stock arrives, while nobody can be told.
      await standing.releaseAll();
      const { sku } = standing.order('it waits for stock');
      await harness.call('POST', `/inventory/${sku}/adjust`, {
        body: { location: 'AMS', delta: 2, reason: 'receipt' },
      });
      const captured = standing.order('its charge is captured and not written down');
      await waitFor(async () => {
        const found = await harness.call('GET', `/orders/${captured.orderId}`);
        return found.body.shipments.length === 1;
      }, 60_000);

      back = await startAgain(temporal);
      expect(back.port).toBe(temporal.port);
      const placed = await retryUntilFinal(place);
      expect(placed.status).toBe(201);
      expect(await place()).toMatchObject({ status: 201, body: { id: placed.body.id } });
      await expectAsIfNothingHappened(harness, standing);
      expect((await harness.call('GET', '/orders?sku=LAMP')).body.items).toMatchObject([
        { id: placed.body.id },
      ]);
    } finally {
      await stack.stop();
      await temporal.stop();
      await back?.stop();
    }
  },
  600_000,
);

test('mixed orders that are under way while Temporal is killed again and again all end as they should', async () => {
  let temporal = await startPrivateTemporal();
  const stack = await startStack({ temporalAddress: temporal.address, api: true, slowMs: 1_500 });
  try {
    const harness = harnessOf(stack);
    const random = seededRandom();
    const mixed = await startMixedOrders(harness, random, { orders: 80, customers: 10 });
    for (const after of [15, 45]) {
      await waitFor(() => mixed.placed() >= after, 120_000);
      process.kill(temporal.pid, 'SIGKILL');
      await waitFor(async () => (await harness.call('GET', '//health')).body.status === 'degraded');
      temporal = await startAgain(temporal);
    }
    await mixed.done;
    await untilAtRest(harness);
    process.stdout.write(
      `seed ${random.seed}: answers ${JSON.stringify(mixed.answers)}, retried ${JSON.stringify(mixed.retries)}\n`,
    );
    await expectAtRest(stack.db);
    await expectNothingDoubled(harness);
  } finally {
    await stack.stop();
    await temporal.stop();
  }
}, 600_000);

import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startPrivatePostgres, startPrivateTemporal } from '../support/servers';
import { startStack, type Stack } from '../support/stack';
import { REFUSED_WITHIN_MS } from '../support/promised';
import { waitFor } from '../support/wait';
import { ask, send, transferOf } from './transfers';
import { harnessOf, type Harness } from './harness';

async function onHand({ call }: Pick<Harness, 'call'>): Promise<number> {
  return (await call('GET', '/inventory/LAMP')).body.onHand;
}

describe('while PostgreSQL is restarted', () => {
  let server: Awaited<ReturnType<typeof startPrivatePostgres>>;
  let stack: Stack;
  let harness: Harness;

  beforeAll(async () => {
    server = await startPrivatePostgres();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    stack = await startStack({ postgres: server, api: true });
    harness = harnessOf(stack);
    await addStock(stack.db, 'LAMP', 'AMS', 1_000);
    await addStock(stack.db, 'LAMP', 'BER', 0);
  });
  afterEach(async () => {
    await expectInvariants(stack.db);
    await stack.stop();
  });

  test.each(['immediate', 'fast'] as const)(
    'batches that are sent again with their keys are each applied once (%s)',
    async (mode) => {
      const skus = Array.from({ length: 500 }, (_, n) => `BULK-${n}`);
      for (const sku of skus) await addStock(stack.db, sku, 'AMS', 0);
      const written = async () => {
        const found = await stack.db.pool.query<{ n: number }>(
          `select count(*)::int as n from inventory_transactions where kind = 'adjust'`,
        );
        return found.rows[0]?.n ?? 0;
      };
      const sent = [false, true, false, true, false, false].map((atomic, nth) => {
        const order = nth % 2 === 0 ? skus : [...skus].reverse();
        const updates = Array.from({ length: 4_000 }, (_, n) => ({
          sku: order[n % order.length],
          location: 'AMS',
          delta: 1,
          reason: `batch ${nth}`,
        }));
        return ask(harness, '/inventory/batch', { atomic, updates });
      });
      // Some chunks are in, most are not.
      await waitFor(written);
      await server.restart(mode);
      expect(await waitFor(written)).toBeLessThan(24_000);
      for (const reply of await Promise.all(sent)) {
        expect(reply).toMatchObject({ status: 200, body: { applied: 4_000, rejected: 0 } });
      }
      const levels = await stack.db.pool.query<{ onHand: number }>(
        `select distinct s.on_hand as "onHand" from stock s join products p on p.id = s.product_id where p.sku like 'BULK-%'`,
      );
      expect(levels.rows).toEqual([{ onHand: 48 }]);
    },
    600_000,
  );

  test('transfers that are sent, received and called back lose no unit and make none', async () => {
    const course = async (nth: number) => {
      const sent = await send(harness, transferOf(3));
      expect(sent).toMatchObject({ status: 201, body: { status: 'in_transit' } });
      const { body } = sent;
      const parts = [
        () => ask(harness, `/transfers/${body.id}/receive`, { quantity: 1 }),
        () => ask(harness, `/transfers/${body.id}/receive`, { lost: 1 }),
        () =>
          nth % 2 === 0
            ? ask(harness, `/transfers/${body.id}/receive`, {})
            : ask(harness, `/transfers/${body.id}/cancel`, {}),
      ];
      for (const part of parts) expect((await part()).status).toBe(200);
      return body.id;
    };
    const courses = Promise.all(Array.from({ length: 40 }, (_, n) => course(n)));
    for (const mode of ['immediate', 'fast'] as const) {
      await waitFor(async () => {
        const ended = await stack.db.pool.query(`select 1 from transfers where status <> 'in_transit'`);
        return (ended.rowCount ?? 0) >= (mode === 'immediate' ? 2 : 15);
      });
      await server.restart(mode);
    }
    const ids = await courses;
    // Of 120 units 40 arrive in parts, 20 with the rest, 40 are lost and 20 come back.
    expect(await onHand(harness)).toBe(960);
    expect((await harness.call('GET', '/inventory/LAMP/location/BER')).body).toMatchObject({
      onHand: 60,
      incoming: 0,
      open: true,
    });
    for (const id of ids) {
      const workflow = stack.temporal.client.workflow.getHandle(stack.names.transferWorkflowId(id));
      // Those that had ended before anybody could be told need none.
      await waitFor(async () => {
        const { status } = await workflow.describe().catch(() => ({ status: { name: 'NONE' } }));
        return status.name !== 'RUNNING';
      });
    }
    const left = await waitFor(async () => {
      const rows = await stack.db.pool.query(`select 1 from outbox where topic = 'transfer.wake'`);
      return rows.rowCount === 0;
    });
    expect(left).toBe(true);
  }, 600_000);
});

test.each(['stopped', 'killed'])(
  'a transfer that is sent while Temporal is %s is on its way at once, and is followed when it is back',
  async (how) => {
    const temporal = await startPrivateTemporal();
    const stack = await startStack({ temporalAddress: temporal.address, api: true });
    const harness = harnessOf(stack);
    let back: typeof temporal | undefined;
    try {
      await addStock(stack.db, 'LAMP', 'AMS', 10);
      await addStock(stack.db, 'LAMP', 'BER', 0);
      const before = await send(harness, transferOf(2));
      const detailsOf = async (id: string) => {
        const handle = stack.temporal.client.workflow.getHandle(stack.names.transferWorkflowId(id));
        return (
          (await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata')).currentDetails ??
          ''
        );
      };
      await waitFor(async () => (await detailsOf(before.body.id)).includes('receive 2 of 2'));
      if (how === 'killed') process.kill(temporal.pid, 'SIGKILL');
      else await temporal.stop();
      await waitFor(async () => (await harness.call('GET', '//health')).body.status === 'degraded');

      const begun = performance.now();
      const key = newId();
      const during = await send(harness, { ...transferOf(3), transitSeconds: 1 }, key);
      expect(performance.now() - begun).toBeLessThan(REFUSED_WITHIN_MS);
      expect(during.body).toMatchObject({ status: 'in_transit', open: 3 });
      expect((await send(harness, { ...transferOf(3), transitSeconds: 1 }, key)).body.id).toBe(
        during.body.id,
      );
      expect(
        (await ask(harness, `/transfers/${before.body.id}/receive`, { quantity: 1 })).body,
      ).toMatchObject({
        open: 1,
      });

      back = await waitFor(
        () => startPrivateTemporal({ stateFile: temporal.stateFile, port: temporal.port }),
        60_000,
      );
      await waitFor(async () => (await detailsOf(before.body.id)).includes('receive 1 of 2'), 60_000);
      await waitFor(async () => (await detailsOf(during.body.id)).includes('**overdue**'), 60_000);
      await expectInvariants(stack.db);
      await ask(harness, `/transfers/${before.body.id}/receive`, {});
      await ask(harness, `/transfers/${during.body.id}/cancel`, {});
      expect(await onHand(harness)).toBe(10);
      await waitFor(async () => {
        const { status } = await stack.temporal.client.workflow
          .getHandle(stack.names.transferWorkflowId(during.body.id))
          .describe();
        return status.name === 'COMPLETED';
      }, 60_000);
      await expectInvariants(stack.db);
    } finally {
      await stack.stop();
      await temporal.stop();
      await back?.stop();
    }
  },
  600_000,
);

import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { retryUntilFinal } from '../support/retry-until-final';
import { expectInvariants } from '../support/invariants';
import { startPrivatePostgres } from '../support/servers';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { callApi } from '../api/support';

let server: Awaited<ReturnType<typeof startPrivatePostgres>>;
let stack: Stack;

beforeAll(async () => {
  server = await startPrivatePostgres();
  stack = await startStack({ postgres: server, api: true });
  await addStock(stack.db, 'LAMP', 'AMS', 0);
  await addStock(stack.db, 'MILK', 'AMS', 0);
});
afterAll(async () => {
  await stack.stop();
  await server.stop();
});

/** A client that sends the same request, with the same key, until it has a final answer. */
function persist(method: string, path: string, body: object) {
  const headers = { 'idempotency-key': newId() };
  return retryUntilFinal(() => callApi(stack.url.replace('/api/v1', ''), method, path, { body, headers }));
}

const DELIVERIES = 60;

test('deliveries, holds and releases under way while PostgreSQL is restarted happen once each', async () => {
  await persist('PUT', '/products/MILK/tracking', { lots: true, serials: false });
  let done = 0;
  const work = Promise.all(
    Array.from({ length: DELIVERIES }, async (_, n) => {
      const lines = [
        { sku: 'LAMP', quantity: 2, unitCostMinor: 100 },
        { sku: 'MILK', quantity: 3, lot: { code: `L${n % 5}`, expiresOn: '2099-01-01' } },
      ];
      const receipt = await persist('POST', '/receipts', {
        location: 'AMS',
        supplierReference: newId(),
        lines,
      });
      expect(receipt.status).toBe(201);
      const hold = await persist('POST', '/inventory/LAMP/quality-hold', {
        location: 'AMS',
        quantity: 1,
        reason: 'look at it',
      });
      expect(hold.status).toBe(201);
      const word = n % 2 === 0 ? 'release' : 'write-off';
      expect((await persist('POST', `/quality-holds/${hold.body.id}/${word}`, {})).status).toBe(200);
      done += 1;
    }),
  );
  for (const [mode, after] of [
    ['immediate', 0],
    ['fast', 15],
    ['immediate', 35],
  ] as const) {
    await waitFor(() => done >= after, 120_000);
    await server.restart(mode);
  }
  await work;
  await expectInvariants(stack.db);
  const { rows } = await stack.db.pool.query(
    `select p.sku, s.on_hand, s.reserved from stock s join products p on p.id = s.product_id order by p.sku`,
  );
  expect(rows).toEqual([
    { sku: 'LAMP', on_hand: DELIVERIES * 2 - DELIVERIES / 2, reserved: 0 },
    { sku: 'MILK', on_hand: DELIVERIES * 3, reserved: 0 },
  ]);
}, 600_000);

import type { ClosableGateway } from '../../domain/payments/gateway';
import type { Stack } from '../support/stack';

/** The sandbox gateway without one of its tables: every call that needs it fails until it is back. */
export async function takeAway({ db }: Stack, table: 'charges' | 'refunds'): Promise<() => Promise<void>> {
  await db.pool.query(`alter table sandbox_gateway.${table} rename to ${table}_away`);
  return async () => {
    await db.pool.query(`alter table sandbox_gateway.${table}_away rename to ${table}`);
  };
}

/** What the gateway's own books say of an order's charges, oldest first. */
export async function gatewayBooks(
  { db }: Stack,
  { orderId }: { orderId: string },
): Promise<{ status: string; calls: number }[]> {
  const { rows } = await db.pool.query<{ status: string; calls: number }>(
    `select c.status, c.calls from sandbox_gateway.charges c join payments p on p.id::text = c.idempotency_key
     where p.order_id = $1 order by p.attempt`,
    [orderId],
  );
  return rows;
}

/** A gateway whose calls, once it hangs or holds its responses, do not return before it is released. */
export interface HangingGateway {
  over(gateway: ClosableGateway): ClosableGateway;
  /** Calls do not reach it. */
  hang(): void;
  /** Calls reach it, and what they do is done; who called does not hear of it. */
  holdResponses(): void;
  release(): void;
  /** Calls that wait. */
  waiting(): number;
}

export function hangingGateway(): HangingGateway {
  let [calls, responses] = [Promise.resolve(), Promise.resolve()];
  let release = () => {};
  let waiting = 0;
  const held = () => new Promise<void>((resolve) => (release = resolve));
  async function waitFor(gate: Promise<void>): Promise<void> {
    waiting += 1;
    await gate;
    waiting -= 1;
  }
  async function pass<T>(call: () => Promise<T>): Promise<T> {
    await waitFor(calls);
    const result = await call();
    await waitFor(responses);
    return result;
  }
  return {
    over: (gateway) => ({
      ...gateway,
      prepare: (request) => pass(() => gateway.prepare(request)),
      charge: (request) => pass(() => gateway.charge(request)),
      find: (request) => pass(() => gateway.find(request)),
      abandon: (request) => pass(() => gateway.abandon(request)),
      refund: (request) => pass(() => gateway.refund(request)),
    }),
    hang() {
      calls = held();
    },
    holdResponses() {
      responses = held();
    },
    release: () => release(),
    waiting: () => waiting,
  };
}

import { setTimeout as pause } from 'node:timers/promises';
import { asError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { waitFor } from '../support/wait';

export interface Traffic {
  /** Ids of the orders that were placed, in their order. */
  orders: readonly string[];
  /** Resolves when so many more orders are placed than when it was asked. */
  more(count: number): Promise<void>;
  /** Places no more, and resolves when all are fulfilled; how many there were. */
  end(): Promise<number>;
}

const BETWEEN_MS = 50;
const WAIT_MS = 120_000;

/** Places one order after the other; each is answered by 201 or 202, or the traffic fails. */
export function startTraffic(url: string, apiKey: string): Traffic {
  const orders: string[] = [];
  let isOver = false;
  let failure: Error | undefined;
  const headers = { 'x-api-key': apiKey, 'content-type': 'application/json' };

  async function place(): Promise<void> {
    const response = await fetch(`${url}/api/v1/orders`, {
      method: 'POST',
      headers: { ...headers, 'idempotency-key': newId() },
      body: JSON.stringify({
        customerId: 'c-upgrade',
        items: [{ sku: 'LAPTOP-001', quantity: 1 }],
        payment: { method: 'card', token: 'tok_ok' },
      }),
    });
    const text = await response.text();
    if (![201, 202].includes(response.status)) throw new Error(`an order got ${response.status}: ${text}`);
    orders.push((JSON.parse(text) as { id: string }).id);
  }

  async function statusOf(orderId: string): Promise<string> {
    const response = await fetch(`${url}/api/v1/orders/${orderId}/status`, { headers });
    return ((await response.json()) as { status: string }).status;
  }

  const running = (async () => {
    while (!isOver) {
      await place();
      await pause(BETWEEN_MS);
    }
  })().catch((error: unknown) => (failure = asError(error)));

  async function until(is: () => boolean | Promise<boolean>): Promise<void> {
    await waitFor(async () => failure !== undefined || (await is()), WAIT_MS);
    if (failure !== undefined) throw failure;
  }

  async function atRest(): Promise<void> {
    for (const orderId of [...orders]) await until(async () => (await statusOf(orderId)) === 'fulfilled');
  }

  return {
    orders,
    async more(count) {
      const wanted = orders.length + count;
      await until(() => orders.length >= wanted);
    },
    async end() {
      isOver = true;
      await running;
      await atRest();
      return orders.length;
    },
  };
}

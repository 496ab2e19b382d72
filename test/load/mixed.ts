import { setTimeout as delay } from 'node:timers/promises';
import { newId } from '../../platform/ids';
import type { Reply } from '../api/support';
import type { Harness } from '../faults/harness';
import { addStock } from '../support/fixtures';
import { retryUntilFinal, type RetryCounts } from '../support/retry-until-final';
import type { Random } from '../support/random';

/** Where the carrier refuses to come, and where it loses what it takes. */
export const UNSERVED = 'OSL';
export const LOSES = 'LIS';

const SKUS = 24;
const CARDS = [
  'tok_ok',
  'tok_ok',
  'tok_ok',
  'tok_declined',
  'tok_insufficient_funds',
  'tok_flaky',
  'tok_timeout',
  'tok_slow',
] as const;
/** What a request may be answered in the end; anything else is a defect. */
const RIGHT = {
  place: ['201', '409 OUT_OF_STOCK'],
  pay: [
    '200',
    '402 PAYMENT_DECLINED',
    '409 HOLD_EXPIRED',
    '409 ORDER_NOT_PAYABLE',
    '409 PAYMENT_IN_PROGRESS',
  ],
  cancel: ['200', '409 NOT_CANCELLABLE'],
  receive: ['200'],
} as const;

export interface MixedOrders {
  /** Orders that were answered so far. */
  placed(): number;
  /** Resolves when every customer has had all answers, and there is stock for whatever still waits for some. */
  done: Promise<void>;
  /** How many requests were answered what. */
  answers: Readonly<Record<string, number>>;
  retries: RetryCounts;
}

/**
 * Customers who order, pay, change their cards, cancel and let holds expire, at random, while stock arrives. A worker
 * may come and go meanwhile: they retry.
 */
export async function startMixedOrders(
  harness: Harness,
  random: Random,
  { orders, customers }: { orders: number; customers: number },
): Promise<MixedOrders> {
  const skus = Array.from({ length: SKUS }, (_, n) => `SKU-${n}`) as [string, ...string[]];
  for (const [n, sku] of skus.entries()) {
    // Of every other product the good ones have so little that the bad ones are needed.
    const good = n % 4 < 2 ? 20 : 4;
    for (const warehouse of ['AMS', 'BER']) await addStock(harness.db, sku, warehouse, random.whole(0, good));
    for (const [m, warehouse] of [UNSERVED, LOSES].entries()) {
      await addStock(harness.db, sku, warehouse, n % 4 === 2 + m ? 6 : 0);
    }
  }
  const answers: Record<string, number> = {};
  const retries: RetryCounts = {};
  let begun = 0;
  let placed = 0;

  async function ask(what: keyof typeof RIGHT, call: () => Promise<Reply>): Promise<Reply> {
    const reply = await retryUntilFinal(call, retries);
    const answer = reply.body.code ? `${reply.status} ${reply.body.code}` : String(reply.status);
    answers[`${what}: ${answer}`] = (answers[`${what}: ${answer}`] ?? 0) + 1;
    const right: readonly string[] = RIGHT[what];
    if (!right.includes(answer)) throw new Error(`${what} was answered ${reply.text} (seed ${random.seed})`);
    return reply;
  }

  const post = (path: string, body: unknown, headers = { 'idempotency-key': newId() }) => {
    return () => harness.call('POST', path, { body, headers });
  };

  async function pay(orderId: string, token: string): Promise<Reply> {
    return ask('pay', post(`/orders/${orderId}/payments`, { method: 'card', token }));
  }

  async function order(): Promise<void> {
    const wanted = new Set(Array.from({ length: random.whole(1, 3) }, () => random.pick(skus)));
    const isPaid = random.chance(0.6);
    const reply = await ask(
      'place',
      post('/orders', {
        customerId: `c-${random.whole(1, 50)}`,
        items: [...wanted].map((sku) => ({ sku, quantity: random.whole(1, 3) })),
        fulfilment: random.pick(['complete', 'complete', 'complete', 'partial', 'backorder']),
        holdSeconds: random.whole(2, 6),
        ...(isPaid ? { payment: { method: 'card', token: random.pick(CARDS) } } : {}),
      }),
    );
    placed += 1;
    if (reply.status !== 201) return;
    const { id } = reply.body;
    const steps: Promise<unknown>[] = [];
    if (!isPaid && random.chance(0.7)) {
      const wait = random.whole(0, 3_000);
      steps.push(
        delay(wait)
          .then(() => pay(id, random.pick(CARDS)))
          .then((paid) => (paid.status === 402 ? pay(id, 'tok_ok') : paid)),
      );
    }
    if (random.chance(0.25)) {
      steps.push(
        delay(random.whole(0, 2_000)).then(() =>
          ask('cancel', () => harness.call('PUT', `/orders/${id}/cancel`, { body: {} })),
        ),
      );
    }
    await Promise.all(steps);
  }

  async function receive(sku: string, delta: number): Promise<void> {
    const body = { location: random.pick(['AMS', 'BER']), delta, reason: 'receipt' };
    await ask('receive', post(`/inventory/${sku}/adjust`, body));
  }

  async function customer(): Promise<void> {
    while (begun < orders) {
      begun += 1;
      await order();
      if (random.chance(0.3)) await receive(random.pick(skus), random.whole(1, 6));
    }
  }

  const done = Promise.all(Array.from({ length: customers }, customer)).then(async () => {
    for (const sku of skus) await receive(sku, orders * 3);
  });
  done.catch(() => undefined);
  return { placed: () => placed, done, answers, retries };
}

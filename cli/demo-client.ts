import { setTimeout as delay } from 'node:timers/promises';
import { OPEN_ORDER_STATUSES } from '../domain/orders/types';
import { z } from 'zod';
import { eventData } from './event-source';

const orderSchema = z.object({
  id: z.string(),
  status: z.string(),
  totalMinor: z.number(),
  currency: z.string(),
  items: z.array(
    z.object({ allocations: z.array(z.object({ warehouse: z.string(), quantity: z.number() })) }),
  ),
  payments: z.array(z.object({ status: z.string(), amountMinor: z.number(), refundedMinor: z.number() })),
  reservation: z.object({ expiresAt: z.string() }).nullable(),
});
const levelSchema = z.object({ onHand: z.number(), reserved: z.number(), available: z.number() });
const inventorySchema = levelSchema.extend({
  locations: z.array(levelSchema.extend({ warehouse: z.string() })),
});
const eventSchema = z.object({
  seq: z.number(),
  type: z.string(),
  at: z.string(),
  data: z.record(z.string(), z.unknown()),
});

export type DemoOrder = z.infer<typeof orderSchema>;
export type DemoInventory = z.infer<typeof inventorySchema>;
export type DemoEvent = z.infer<typeof eventSchema>;

export interface DemoResponse {
  status: number;
  body: unknown;
}

/** The public HTTP API, as any shop would use it. */
export interface DemoClient {
  /** Any call; a 503 is tried again after as long as it says. */
  call(method: string, path: string, body?: unknown, idempotencyKey?: string): Promise<DemoResponse>;
  inventory(sku: string): Promise<DemoInventory>;
  order(id: string): Promise<DemoOrder>;
  openOrders(customerId: string): Promise<DemoOrder[]>;
  /** An order's history as it happens, from its beginning. Ends only when the caller stops reading. */
  events(orderId: string): AsyncGenerator<DemoEvent, never>;
}

const TRIES_WHEN_BUSY = 10;
/** Longer than any demo order takes, however slow the machine. */
const CALL_TIMEOUT_MS = 60_000;

/** @param apiKey by which it signs in */
export function createDemoClient(baseUrl: string, apiKey: string, stopping: AbortSignal): DemoClient {
  const api = `${baseUrl}/api/v1`;

  async function call(
    method: string,
    path: string,
    body?: unknown,
    idempotencyKey?: string,
  ): Promise<DemoResponse> {
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(`${api}${path}`, {
        method,
        headers: {
          'X-Api-Key': apiKey,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...(idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.any([stopping, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
      });
      const result: DemoResponse = { status: response.status, body: await response.json() };
      if (result.status !== 503 || attempt >= TRIES_WHEN_BUSY) return result;
      await delay(1_000 * Number(response.headers.get('Retry-After') ?? 1), undefined, { signal: stopping });
    }
  }

  async function get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.infer<Schema>> {
    const { status, body } = await call('GET', path);
    if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${JSON.stringify(body)}`);
    return schema.parse(body);
  }

  return {
    call,
    inventory: (sku) => get(`/inventory/${sku}`, inventorySchema),
    order: (id) => get(`/orders/${id}`, orderSchema),
    async openOrders(customerId) {
      const pages = await Promise.all(
        OPEN_ORDER_STATUSES.map((status) =>
          get(
            `/orders?customerId=${customerId}&status=${status}&limit=100`,
            z.object({ items: z.array(orderSchema) }),
          ),
        ),
      );
      return pages.flatMap(({ items }) => items);
    },
    async *events(orderId) {
      const signal = AbortSignal.any([stopping, AbortSignal.timeout(CALL_TIMEOUT_MS)]);
      let lastSeq = 0;
      for (;;) {
        const response = await fetch(`${api}/orders/${orderId}/events`, {
          headers: {
            'X-Api-Key': apiKey,
            Accept: 'text/event-stream',
            'Last-Event-ID': String(lastSeq),
          },
          signal,
        });
        for await (const data of eventData(response)) {
          const event = eventSchema.parse(JSON.parse(data));
          if (event.seq <= lastSeq) continue;
          lastSeq = event.seq;
          yield event;
        }
        await delay(100, undefined, { signal });
      }
    },
  };
}

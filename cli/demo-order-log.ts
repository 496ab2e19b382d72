import { randomUUID } from 'node:crypto';
import type { DemoClient, DemoEvent, DemoInventory, DemoOrder } from './demo-client';
import { describeEvent } from './demo-event-texts';

/** What happened to one demo order, and what did not happen as it should have. */
export interface OrderLog {
  title: string;
  lines: string[];
  problems: string[];
}

export const DEMO_CUSTOMER = 'demo';
const ORDER_ENDS = ['order_fulfilled', 'order_expired', 'order_cancelled', 'order_rejected', 'order_failed'];
/** Demo orders go to the middle of Amsterdam. */
const SHIP_TO = { latitude: 52.37, longitude: 4.9 };

/** Runs one demo order over HTTP and logs its events. */
export class DemoOrderRunner {
  readonly log: OrderLog;
  private startedAt = Date.now();
  private readonly run = randomUUID();
  private calls = 0;

  constructor(
    readonly client: DemoClient,
    title: string,
  ) {
    this.log = { title, lines: [], problems: [] };
  }

  /** A line with the time since the order was placed; null for what came before. */
  addLine(what: string, detail = '', at: number | null = Date.now()): void {
    const time = at === null ? '' : `${Math.max(0, (at - this.startedAt) / 1_000).toFixed(1)} s`;
    this.log.lines.push(`${time.padStart(7)}  ${what.padEnd(16)}  ${detail}`.trimEnd());
  }

  expect(holds: boolean, otherwise: string): void {
    if (!holds) this.log.problems.push(otherwise);
  }

  /** Brings what a warehouse can sell up to `units`; never takes any away. */
  async topUp(sku: string, location: string, units: number): Promise<void> {
    const { locations } = await this.client.inventory(sku);
    const missing = units - (locations.find(({ warehouse }) => warehouse === location)?.available ?? 0);
    if (missing <= 0) return;
    const change = { location, delta: missing, reason: 'restocked for the demo' };
    const { status, body } = await this.client.call('POST', `/inventory/${sku}/adjust`, change, this.key());
    if (status !== 200) throw new Error(`adjusting ${sku} answered ${status}: ${JSON.stringify(body)}`);
    this.addLine('restocked', `${missing} × ${sku} in ${location}, sold by earlier runs`, null);
  }

  /** Places an order; undefined when it was refused, which the log then shows. */
  async place(
    sku: string,
    quantity: number,
    more: Record<string, unknown> = {},
  ): Promise<DemoOrder | undefined> {
    const order = {
      items: [{ sku, quantity }],
      customerId: DEMO_CUSTOMER,
      shipTo: SHIP_TO,
      holdSeconds: 60,
      ...more,
    };
    this.startedAt = Date.now();
    const { status, body } = await this.client.call('POST', '/orders', order, this.key());
    if (status === 201 || status === 202) return this.client.order(idOf(body));
    const problem = refusalOf(body);
    this.addLine('refused', `${status} ${problem}`);
    return undefined;
  }

  /** Charges a card; returns the status and body of the response. */
  async pay(orderId: string, token: string): Promise<{ status: number; body: unknown }> {
    return this.client.call('POST', `/orders/${orderId}/payments`, { method: 'card', token }, this.key());
  }

  /** Logs an order's events until all of `until` have come, or it has ended otherwise; `react` may act on each. */
  async follow(
    order: DemoOrder,
    until: readonly string[],
    react: (event: DemoEvent) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const awaited = new Set(until);
    for await (const event of this.client.events(order.id)) {
      const text = describeEvent(event, order.currency);
      if (text) this.addLine(text.what, text.detail, Date.parse(event.at));
      await react(event);
      const ended = ORDER_ENDS.includes(event.type) && !awaited.has(event.type);
      awaited.delete(event.type);
      if (awaited.size === 0 || ended) return;
    }
  }

  /** Records how an order must have ended, and by how many units its product must have shrunk since `before`. */
  async expectEnd(
    order: DemoOrder,
    status: string,
    before: DemoInventory,
    sku: string,
    sold: number,
  ): Promise<void> {
    const [ended, after] = await Promise.all([this.client.order(order.id), this.client.inventory(sku)]);
    this.expect(ended.status === status, `the order is ${ended.status}, not ${status}`);
    this.expectStock(before, after, sku, sold);
  }

  expectStock(before: DemoInventory, after: DemoInventory, sku: string, sold: number): void {
    const onHand = before.onHand - sold;
    this.expect(
      after.onHand === onHand && after.reserved === before.reserved,
      `${sku} has ${after.onHand} on hand and ${after.reserved} reserved, not ${onHand} and ${before.reserved}`,
    );
  }

  /** A key for each call that changes something, so that a repeated one has no second effect. */
  private key(): string {
    this.calls += 1;
    return `demo-${this.run}-${this.calls}`;
  }
}

function idOf(body: unknown): string {
  if (typeof body === 'object' && body !== null && 'id' in body && typeof body.id === 'string')
    return body.id;
  throw new Error(`an order without an id: ${JSON.stringify(body)}`);
}

function refusalOf(body: unknown): string {
  if (typeof body !== 'object' || body === null || !('code' in body)) return JSON.stringify(body);
  const detail = 'detail' in body ? `: ${String(body.detail)}` : '';
  return `${String(body.code)}${detail}`;
}

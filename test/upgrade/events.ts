import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { waitFor } from '../support/wait';

export interface NumberedEvent {
  position: number;
  type: string;
  subject: { id: string };
}

const TYPES = ['order.placed', 'order.fulfilled'] as const;
const pageSchema = z.looseObject({
  items: z.array(z.object({ position: z.int(), type: z.string(), subject: z.object({ id: z.string() }) })),
  after: z.int(),
  atEnd: z.boolean(),
});

/** The placing and the fulfilment of every order in the stream of an API, in the order of positions. */
export async function readEvents(url: string, apiKey: string): Promise<NumberedEvent[]> {
  const events: NumberedEvent[] = [];
  for (let after: number | undefined; ;) {
    const from = after === undefined ? '' : `&after=${after}`;
    const response = await fetch(`${url}/api/v1/events?limit=1000&types=${TYPES.join(',')}${from}`, {
      headers: { 'x-api-key': apiKey },
    });
    if (!response.ok) throw new Error(`events got ${response.status}: ${await response.text()}`);
    const page = pageSchema.parse(await response.json());
    events.push(...page.items);
    if (page.atEnd) return events;
    after = page.after;
  }
}

/**
 * Waits until the stream has what happened to each of the orders, also while a release ran that numbers nothing.
 *
 * @param before what was read earlier, whose positions stay
 * @throws Error where something is missing for long, is there twice, or has moved
 */
export async function expectEvents(
  { url, apiKey }: { url: string; apiKey: string },
  orders: readonly string[],
  before: readonly NumberedEvent[],
): Promise<void> {
  const events = await waitFor(async () => {
    const found = await readEvents(url, apiKey);
    const has = new Set(found.map(({ type, subject }) => `${type} ${subject.id}`));
    return orders.every((id) => TYPES.every((type) => has.has(`${type} ${id}`))) ? found : undefined;
  });
  const moved = before.filter((event, at) => !isDeepStrictEqual(events[at], event));
  if (moved.length > 0) throw new Error(`events have moved: ${JSON.stringify(moved.slice(0, 3))}`);
  const positions = new Set(events.map(({ position }) => position));
  const what = new Set(events.map(({ type, subject }) => `${type} ${subject.id}`));
  if (positions.size < events.length || what.size < events.length)
    throw new Error(`of ${events.length} events some are there twice`);
}

import { setTimeout as delay } from 'node:timers/promises';
import { listWaiting } from '../../domain/administration/attention';
import type { Queryable } from '../../platform/database/database';
import { ATTENTION_KEY, type EventKeys } from './event-keys';
import type { Followed } from './follow-by-position';
import { pollMsOf } from './poll';

const ITEMS = 100;
/** The list is put together of much: all who follow it share a read, and there is one a second at most. */
const READ_APART_MS = 1_000;

/** What waits for a person, as JSON: read after it was asked for. */
export type AttentionReader = () => Promise<string>;

export function createAttentionReader(db: Queryable): AttentionReader {
  let lastReadAt = -Infinity;
  let next: Promise<string> | undefined;

  async function readNow(): Promise<string> {
    await delay(Math.max(0, lastReadAt + READ_APART_MS - performance.now()));
    // Who asks from now on has another read.
    next = undefined;
    lastReadAt = performance.now();
    const { items, next: more } = await listWaiting(db, { limit: ITEMS });
    return JSON.stringify({ items, more: more !== null });
  }
  return () => (next ??= readNow());
}

/** The first `ITEMS` things that wait for a person, longest first, whenever they are others than they were. */
export function attentionSource({
  readAttention,
  eventKeys,
}: {
  readAttention: AttentionReader;
  eventKeys: EventKeys;
}): Followed {
  let told: string | undefined;
  return {
    watch: (wake) => eventKeys.watch(ATTENTION_KEY, wake),
    get pollMs() {
      return pollMsOf(eventKeys);
    },
    async read(after) {
      const position = await eventKeys.position(after);
      const data = await readAttention();
      const isNew = told !== data;
      told = data;
      return {
        messages: isNew ? [{ position, event: 'attention', data }] : [],
        after: position,
        atEnd: true,
        ended: false,
      };
    },
  };
}

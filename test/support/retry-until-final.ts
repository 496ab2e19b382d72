import { setTimeout as delay } from 'node:timers/promises';
import type { Reply } from '../api/support';

/** How often a client tried again before it had its answer, by what it was told: `503 OVERLOADED`, `202`, ... */
export type RetryCounts = Record<string, number>;

const WAIT_MS = 500;

/**
 * A client as the API asks for one: it sends the same request, with the same key, again after 503 and 202, when
 * Retry-After says so, and after a connection that broke. Returns the final reply.
 */
export async function retryUntilFinal(
  ask: () => Promise<Reply>,
  retries: RetryCounts = {},
  deadlineMs = 900_000,
): Promise<Reply> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const reply = await ask().catch((error: unknown) => {
      if (isBrokenConnection(error)) return undefined;
      throw error;
    });
    if (reply && isFinal(reply)) return reply;
    if (Date.now() > deadline) throw new Error(`no final answer: ${reply?.text ?? 'no reply'}`);
    const told = reply ? [reply.status, reply.body.code].filter(Boolean).join(' ') : 'nothing';
    retries[told] = (retries[told] ?? 0) + 1;
    await delay(reply ? Number(reply.headers.get('retry-after') ?? 1) * 1_000 : WAIT_MS);
  }
}

/** What fetch throws when there is no answer. Not instanceof: Node's own errors are of another realm inside Jest. */
function isBrokenConnection(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'TypeError';
}

function isFinal({ status, body }: Reply): boolean {
  return status !== 202 && status !== 503 && !(status === 409 && body.code === 'IDEMPOTENCY_IN_FLIGHT');
}

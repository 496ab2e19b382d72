import { setTimeout as delay } from 'node:timers/promises';
import type { Reply } from '../api/support';

/** How often a client was put off before it had its answer. */
export interface PutOff {
  /** 503: nothing was done. */
  turnedAway: number;
  /** 202: not decided yet. */
  undecided: number;
  /** The connection broke, or nobody was there. */
  unheard: number;
}

export function newPutOff(): PutOff {
  return { turnedAway: 0, undecided: 0, unheard: 0 };
}

const WAIT_MS = 500;

/**
 * A client as the API asks for one: it sends the same request, with the same key, again after 503 and 202, when
 * Retry-After says so, and after a connection that broke. Answers what is final.
 */
export async function insist(
  ask: () => Promise<Reply>,
  putOff: PutOff = newPutOff(),
  deadlineMs = 240_000,
): Promise<Reply> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const reply = await ask().catch((error: unknown) => {
      if (isBrokenConnection(error)) return undefined;
      throw error;
    });
    if (reply && isFinal(reply)) return reply;
    if (Date.now() > deadline) throw new Error(`no final answer: ${reply?.text ?? 'nobody answers'}`);
    if (!reply) putOff.unheard += 1;
    else if (reply.status === 202) putOff.undecided += 1;
    else putOff.turnedAway += 1;
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

import type { Database } from '../../platform/database/database';
import { messageOf } from '../../platform/errors';
import { createSharedReads } from '../../platform/shared-reads';
import type { Logger } from '../../platform/telemetry/log';
import { isSameHash, parseKeyText } from './key-text';
import { selectKeysInUse, updateLastUsed, type KeyInUse } from './queries';
import type { Principal } from './types';

export interface KeyReader {
  /** Whose key this is, as of now; null: it is none, or no longer good. */
  principalOf(key: string): Promise<Principal | null>;
  /** The same of a key that was shown before, by its id. */
  principalById(id: string): Promise<Principal | null>;
  /** Writes what is known of their use and stops. */
  close(): Promise<void>;
}

const LANES = 2;
const MAX_BATCH = 64;
const WRITE_EVERY_MS = 60_000;

/**
 * Reads keys by their id, those of concurrent requests in one statement. Nothing is kept: a key that was revoked before a request came is
 * refused. When a key was used last is written from time to time, beside the requests.
 */
export function createKeyReader({
  db,
  log,
  writeEveryMs = WRITE_EVERY_MS,
}: {
  db: Database;
  log: Logger;
  writeEveryMs?: number;
}): KeyReader {
  const find = createSharedReads<KeyInUse>({
    lanes: LANES,
    maxBatch: MAX_BATCH,
    read: async (ids) => new Map((await selectKeysInUse(db, ids)).map((row) => [row.id, row])),
  });
  let used = new Map<string, number>();

  async function writeUsed(): Promise<void> {
    if (used.size === 0) return;
    const written = used;
    used = new Map();
    await updateLastUsed(
      db,
      [...written].map(([id, at]) => ({ id, at })),
    ).catch((error: unknown) => {
      log.warn({ reason: messageOf(error) }, 'when keys were used last could not be written');
    });
  }

  let writing = Promise.resolve();
  const timer = setInterval(() => {
    writing = writing.then(writeUsed);
  }, writeEveryMs);
  timer.unref();

  return {
    async principalOf(text) {
      const given = parseKeyText(text);
      if (!given) return null;
      const key = await find(given.id);
      if (key?.kind !== given.kind || !isSameHash(key.secretHash, given.secretHash)) return null;
      used.set(key.id, Date.now());
      return asPrincipal(key);
    },
    async principalById(id) {
      const key = await find(id);
      return key ? asPrincipal(key) : null;
    },
    async close() {
      clearInterval(timer);
      writing = writing.then(writeUsed);
      await writing;
    },
  };
}

function asPrincipal({ id, kind, scopes, serviceId, role, adoptsAnonymous }: KeyInUse): Principal {
  return {
    kind: 'service',
    id: serviceId,
    caller: `service:${serviceId}`,
    // Whoever sees the pages of a shop has it: it can do nothing that a role can.
    role: kind === 'publishable' ? null : role,
    scopes,
    ...(adoptsAnonymous && kind === 'live' ? { adoptsAnonymous } : {}),
    credential: { kind: 'key', id },
  };
}

import { setTimeout as delay } from 'node:timers/promises';
import { sqlState } from '../errors';
import { execute, one, type Database, type Queryable, type RetryLimits, type Transaction } from './database';

const QUERY_CANCELED = '57014';
const CANCEL_AGAIN_MS = 50;

/**
 * A transaction whose statement is ended, from another connection, when `force` is aborted meanwhile: again until the transaction has
 * ended, since a cancellation that comes between two statements is lost. Undefined: it was ended so, and has changed nothing.
 *
 * @param how.limits of one that is tried again, as `retrying` says; unless given it is tried once
 * @param how.opening what comes before all else in it, such as its isolation level; this cannot be ended
 */
export async function transactionEndedBy<T extends object | number | boolean | null>(
  force: AbortSignal | undefined,
  db: Database,
  work: (tx: Transaction) => Promise<T>,
  { limits, opening }: { limits?: RetryLimits; opening?: (tx: Transaction) => Promise<void> } = {},
): Promise<T | undefined> {
  if (force?.aborted) return undefined;
  const ended = new AbortController();
  let backend: Backend | null = null;
  const cancel = async () => {
    while (!ended.signal.aborted) {
      if (backend) await cancelStatement(db, backend).catch(() => undefined);
      await delay(CANCEL_AGAIN_MS, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  };
  const onForce = () => void cancel();
  const watched = async (tx: Transaction) => {
    await opening?.(tx);
    backend = await selectBackend(tx);
    return work(tx);
  };
  force?.addEventListener('abort', onForce, { once: true });
  try {
    return await (limits ? db.retrying(watched, limits) : db.transaction(watched));
  } catch (error) {
    if (force?.aborted && sqlState(error) === QUERY_CANCELED) return undefined;
    throw error;
  } finally {
    ended.abort();
    force?.removeEventListener('abort', onForce);
  }
}

/** The transaction that a connection is in. */
export interface Backend {
  /** Of the process that serves it */
  pid: number;
  /** When it began, to the microsecond. */
  since: string;
}

export function selectBackend(tx: Transaction): Promise<Backend> {
  return one<Backend & Record<string, unknown>>(
    tx,
    'forced_end.backend',
    'select pg_backend_pid() as pid, now()::text as since',
  );
}

/** Ends the statement that another connection runs, as long as that is in the same transaction: later it may be at something else. Of the same role. */
export function cancelStatement(on: Queryable, { pid, since }: Backend): Promise<number> {
  return execute(
    on,
    'forced_end.cancel_statement',
    'select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and xact_start = $2::timestamptz',
    [pid, since],
  );
}

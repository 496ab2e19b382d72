import type { ClientBase, QueryResultRow } from 'pg';
import { currentTrace, formatTraceparent, parseTraceparent } from '../telemetry/context';
import type { Channel, Notice } from './notifier';
import type { ObserveStatement } from './observe-statements';

/** Anything a named statement can run on: the pool (alone, commits by itself) or a transaction. */
export interface Queryable {
  query(statement: Statement): Promise<{ rows: QueryResultRow[]; rowCount: number | null }>;
}

/** A prepared statement: `name` is its key on the server, so one name must always mean one text. */
export interface Statement {
  name: string;
  text: string;
  values?: unknown[];
}

/** Whose request a transaction is part of: what the audit log says of it beside who asked. */
export interface Origin {
  requestId: string;
  /** The client's address; null: it has none. */
  address: string | null;
}

/** A running transaction. Only `transaction` makes one. */
export interface Transaction extends Queryable {
  readonly inTransaction: true;
  /** Null: it is part of no request, as in workers and commands. */
  readonly origin: Origin | null;
  /** Tells listeners of `channel` about `key` once this transaction has committed, and never if it does not. */
  notice(channel: Channel, key: string): void;
  /** Calls `act`, which must not throw, once this transaction has committed, and never if it does not. */
  afterCommit(act: () => void): void;
}

/**
 * Sends COMMIT behind the statements sent so far, which saves the round trip of asking for it later. Nothing more can be
 * sent; should one of them fail, COMMIT rolls back. Only who began the transaction has it: `work` does not hand it on.
 */
export type CommitEarly = () => void;

/** A transaction on a connection of its own, which may take its time. */
export interface BulkTransaction extends Transaction {
  /** Runs a `copy … from stdin` with what `source` yields, as fast as the server takes it; returns the count of rows. */
  copyIn(text: string, source: AsyncIterable<Buffer>): Promise<number>;
}

export interface RunningTransaction {
  tx: Transaction;
  /** Sends COMMIT, once; resolves with the command that it turned out to be. */
  commit(): Promise<string>;
  /** Sends nothing more. */
  end(): void;
}

/**
 * How a transaction begins. With the trace of the work that runs, which the rows of `audit_log`, `order_events` and `inventory_transactions`
 * get by their default; where nothing is traced, it says nothing of it.
 *
 * @param lockTimeoutMs milliseconds a statement may wait for a row lock; undefined: those of the connection
 */
export function beginning(lockTimeoutMs: number | undefined): string {
  const trace = parseTraceparent(currentTrace());
  return [
    'BEGIN',
    ...(lockTimeoutMs === undefined ? [] : [`SET LOCAL lock_timeout = ${Math.ceil(lockTimeoutMs)}`]),
    // Of hexadecimal digits and dashes.
    ...(trace === undefined ? [] : [`SET LOCAL holdfast.trace = '${formatTraceparent(trace)}'`]),
  ].join('; ');
}

/** A branch of `work` that goes on after the transaction has failed must not write outside it. */
export function asTransaction(
  client: ClientBase,
  {
    notices,
    effects,
    observed,
    origin,
  }: { notices: Notice[]; effects: (() => void)[]; observed: ObserveStatement; origin: Origin | null },
): RunningTransaction {
  let open = true;
  let committed: Promise<string> | undefined;
  let failure: { reason: unknown } | undefined;

  /**
   * What was sent after a statement that failed is refused for it: a caller that waits for either gets the reason, as it
   * is. An error without its `code` would not be known as a lost connection.
   */
  function asFirstFailure(error: unknown): never {
    failure ??= { reason: error };
    throw failure.reason;
  }

  const tx: Transaction = {
    inTransaction: true,
    origin,
    query: (statement) =>
      open
        ? observed(statement.name, () => client.query(statement)).catch(asFirstFailure)
        : Promise.reject(new Error('this transaction has ended')),
    notice: (channel, key) => notices.push({ channel, key }),
    afterCommit: (act) => effects.push(act),
  };
  return {
    tx,
    commit() {
      open = false;
      committed ??= client.query('COMMIT').then(({ command }) => command);
      // Its failure is reported where it is awaited, unless a statement before it failed first.
      committed.catch(() => undefined);
      return committed;
    },
    end: () => (open = false),
  };
}

import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import knex, { type Knex } from 'knex';
import { Client, Pool, types, type ClientBase, type QueryResultRow } from 'pg';
import { copyIn } from './copy-in';
import { asError, isLockTimeout, isRetryable } from '../errors';
import type { Logger } from '../telemetry/log';
import { exact } from '../exact';
import { NO_TRACER, type Tracer } from '../telemetry/tracer';
import { NO_POOL_METRICS, type PoolMetrics } from './metrics';
import { createNotifier, type Notice } from './notifier';
import { createStatementObserver } from './observe-statements';
import {
  asTransaction,
  beginning,
  type BulkTransaction,
  type CommitEarly,
  type Origin,
  type Queryable,
  type Transaction,
} from './transaction';

// int8 as number, and as it is where a number would round it: a sum of money or units may grow beyond 2^53.
types.setTypeParser(types.builtins.INT8, exact);

export type { BulkTransaction, CommitEarly, Origin, Queryable, Statement, Transaction } from './transaction';

export interface Database extends Queryable {
  /**
   * Runs `work` in one READ COMMITTED transaction; any error rolls back and is rethrown untranslated. Inside of it nothing
   * runs on the pool: neither a statement nor another transaction.
   */
  transaction<T>(work: (tx: Transaction, commitEarly: CommitEarly) => Promise<T>): Promise<T>;
  /** `transaction`, again on serialisation failure, deadlock, lock timeout or lost connection, a few times. */
  retrying<T>(work: (tx: Transaction) => Promise<T>, limits?: RetryLimits): Promise<T>;
  /**
   * One transaction without a statement timeout, for loads, on a connection of its own to the server itself. It does not wait for a
   * client of the pool either.
   */
  bulk<T>(work: (tx: BulkTransaction) => Promise<T>): Promise<T>;
  /** Runs `work` as part of a request: the transactions that it begins have this origin. */
  runFor<T>(origin: Origin, work: () => T): T;
  /** Query builder for lists whose filters vary; runs through `query`. Never connects by itself. */
  readonly builder: Knex;
  /** Runs a built query. */
  list<Row extends QueryResultRow>(query: Knex.QueryBuilder): Promise<Row[]>;
  readonly pool: Pool;
  /** Resolves when every notice of a committed transaction has been sent; then closes all connections. */
  close(): Promise<void>;
}

export interface RetryLimits {
  /** 8 unless given. */
  attempts?: number;
  /** The first lock timeout is thrown: the caller has other work that need not wait for it. */
  throwsLockTimeout?: boolean;
  /** Milliseconds a statement may wait for a row lock; those of the pool unless given. */
  lockTimeoutMs?: number;
  /** On a connection of its own to the server itself, for what takes long: it keeps nobody out of the pool, nor of a pooler. */
  outsidePool?: boolean;
}

export interface DatabaseOptions {
  url: string;
  /**
   * The server itself, where `url` is that of a pooler in transaction mode. Such a pooler refuses timeouts as a connection starts: those
   * of the pool are then the role's (`role-timeouts.ts`), and `lockTimeoutMs` and `statementTimeoutMs` hold for other connections only.
   */
  directUrl?: string | undefined;
  poolSize: number;
  log: Logger;
  applicationName?: string;
  /** Milliseconds a statement may wait for a row lock. */
  lockTimeoutMs?: number;
  statementTimeoutMs?: number;
  /** Measures its pool; nobody unless given. */
  metrics?: PoolMetrics;
  /** Traces statements; nobody unless given. */
  tracer?: Tracer;
}

/** Milliseconds, unless a database is opened with others. */
export const TIMEOUTS_MS = {
  lock_timeout: 2_000,
  statement_timeout: 30_000,
  // A process that is paused (or a debugger) must not keep hot rows locked.
  idle_in_transaction_session_timeout: 10_000,
} as const;

/** Lists are built, so that their texts are many. */
const LIST = 'list';

const ATTEMPTS = 8;
const BACKOFF_BASE_MS = 10;
const BACKOFF_CAP_MS = 500;

/** Jittered exponential backoff: a random wait between 0 and min(cap, base · 2^attempt) milliseconds. */
export function backoffMs(attempt: number, base = BACKOFF_BASE_MS, cap = BACKOFF_CAP_MS): number {
  return Math.random() * Math.min(cap, base * 2 ** attempt);
}

/** Opens a pool. Connects lazily, so that a server that is away does not stop the process from starting. */
export function openDatabase(options: DatabaseOptions): Database {
  const timeouts = {
    ...TIMEOUTS_MS,
    lock_timeout: options.lockTimeoutMs ?? TIMEOUTS_MS.lock_timeout,
    statement_timeout: options.statementTimeoutMs ?? TIMEOUTS_MS.statement_timeout,
  };
  const pool = new Pool({
    connectionString: options.url,
    ...(options.directUrl === undefined ? timeouts : {}),
    // Statements that are not awaited one by one share a round trip. An error still fails the transaction: what was sent
    // after it is refused by the server.
    pipeline: true,
    max: options.poolSize,
    application_name: options.applicationName ?? 'holdfast',
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
  });
  pool.on('error', (error) => options.log.warn({ err: error }, 'an idle database connection was lost'));
  // Between the moment the pool hands a connection on and the moment its new holder listens, nobody does. An error that comes
  // just then, in one packet with the response that the previous holder had waited for, would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const { metrics = NO_POOL_METRICS, tracer = NO_TRACER } = options;
  metrics.watch(pool);
  const observed = createStatementObserver(metrics, tracer);
  const builder = knex({ client: 'pg' });
  const notifier = createNotifier(pool, options.log);

  /** Set for everything that the work of a transaction calls. */
  const runningTransaction = new AsyncLocalStorage<true>();
  const requestOrigin = new AsyncLocalStorage<Origin>();

  /**
   * A statement on the pool inside a transaction waits for a second connection, does not see what the transaction has
   * written, and stays when it rolls back.
   */
  function refuseInsideTransaction(what: string): void {
    if (runningTransaction.getStore())
      throw new Error(`${what} inside a transaction must run on that transaction, not on the pool`);
  }

  const query: Queryable['query'] = async (statement) => {
    refuseInsideTransaction(`the statement ${statement.name}`);
    return observed(statement.name, () => pool.query(statement));
  };

  async function transaction<T>(
    work: (tx: Transaction, commitEarly: CommitEarly) => Promise<T>,
    lockTimeoutMs?: number,
  ): Promise<T> {
    refuseInsideTransaction('a transaction');
    const began = performance.now();
    const client = await pool.connect();
    metrics.waited((performance.now() - began) / 1_000);
    let broken: Error | undefined;
    try {
      return await run(client, work, (error) => (broken = error), lockTimeoutMs);
    } finally {
      client.release(broken);
    }
  }

  async function bulk<T>(work: (tx: BulkTransaction) => Promise<T>, lockTimeoutMs?: number): Promise<T> {
    const client = new Client({
      connectionString: options.directUrl ?? options.url,
      application_name: `${options.applicationName ?? 'holdfast'}-bulk`,
      connectionTimeoutMillis: 5_000,
      ...timeouts,
      // `statement_timeout: 0` would be left out, and that of the role would hold.
      statement_timeout: undefined,
      options: '-c statement_timeout=0',
      // Not pipelined: COPY has the connection to itself.
    });
    const ignore = () => undefined;
    client.on('error', ignore);
    await client.connect();
    try {
      return await run(
        client,
        (tx) => work({ ...tx, copyIn: (text, source) => copyIn(client, text, source) }),
        ignore,
        lockTimeoutMs,
      );
    } finally {
      await client.end().catch(ignore);
    }
  }

  /** @param onBroken told when the connection cannot be used any more */
  async function run<T>(
    client: ClientBase,
    work: (tx: Transaction, commitEarly: CommitEarly) => Promise<T>,
    onBroken: (error: Error) => void,
    lockTimeoutMs?: number,
  ): Promise<T> {
    client.on('error', onBroken);
    const notices: Notice[] = [];
    const effects: (() => void)[] = [];
    const origin = requestOrigin.getStore() ?? null;
    const running = asTransaction(client, { notices, effects, observed, origin });
    const { tx, commit } = running;
    try {
      // Sent with the first statement of `work`, whose failure would be this one's.
      const begun = client.query(beginning(lockTimeoutMs));
      const [result] = await Promise.all([
        runningTransaction.run(true, () => work(tx, () => void commit())),
        begun,
      ]);
      const command = await commit();
      // A transaction in which a statement failed is rolled back by COMMIT, which does not call that an error.
      if (command !== 'COMMIT') throw new Error('a transaction that had failed was not committed');
      notifier.send(notices);
      for (const act of effects) act();
      return result;
    } catch (error) {
      running.end();
      await client.query('ROLLBACK').catch((rollbackError: unknown) => {
        onBroken(asError(rollbackError));
      });
      throw error;
    } finally {
      client.off('error', onBroken);
    }
  }

  async function retrying<T>(
    work: (tx: Transaction) => Promise<T>,
    { attempts = ATTEMPTS, throwsLockTimeout = false, lockTimeoutMs, outsidePool = false }: RetryLimits = {},
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await (outsidePool ? bulk(work, lockTimeoutMs) : transaction(work, lockTimeoutMs));
      } catch (error) {
        if (attempt >= attempts || !isRetryable(error) || (throwsLockTimeout && isLockTimeout(error)))
          throw error;
        options.log.debug({ err: error, attempt }, 'transaction is tried again');
        await delay(backoffMs(attempt));
      }
    }
  }

  return {
    query,
    transaction: (work) => transaction(work),
    retrying,
    runFor: (origin, work) => requestOrigin.run(origin, work),
    bulk: (work) => bulk(work),
    builder,
    pool,
    async list<Row extends QueryResultRow>(built: Knex.QueryBuilder) {
      refuseInsideTransaction('a list');
      const { sql, bindings } = built.toSQL().toNative();
      const result = await observed(LIST, () => pool.query<Row>(sql, [...bindings]));
      return result.rows;
    },
    async close() {
      await notifier.idle();
      await pool.end();
      await builder.destroy();
    },
  };
}

/** All rows of a prepared statement. */
export async function many<Row extends QueryResultRow>(
  on: Queryable,
  name: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  // What a statement selects is written beside it; PostgreSQL gives no type to check that against.
  return (await on.query({ name, text, values })).rows as Row[];
}

/**
 * The row of a prepared statement that finds one or none.
 *
 * @throws Error for more than one row
 */
export async function maybeOne<Row extends QueryResultRow>(
  on: Queryable,
  name: string,
  text: string,
  values: unknown[] = [],
): Promise<Row | undefined> {
  const found = await many<Row>(on, name, text, values);
  if (found.length > 1) throw new Error(`${name}: at most one row was expected, found ${found.length}`);
  return found[0];
}

/**
 * The row of a prepared statement that always finds one: an aggregate, an insert that returns what it made.
 *
 * @throws Error for no row and for more than one
 */
export async function one<Row extends QueryResultRow>(
  on: Queryable,
  name: string,
  text: string,
  values: unknown[] = [],
): Promise<Row> {
  const row = await maybeOne<Row>(on, name, text, values);
  if (!row) throw new Error(`${name}: one row was expected, found none`);
  return row;
}

/** Runs a prepared statement for its effect; returns the count of rows it touched. */
export async function execute(
  on: Queryable,
  name: string,
  text: string,
  values: unknown[] = [],
): Promise<number> {
  return (await on.query({ name, text, values })).rowCount ?? 0;
}

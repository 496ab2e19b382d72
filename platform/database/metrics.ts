import type { Pool, PoolClient } from 'pg';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What one pool of connections is measured by. */
export interface PoolMetrics {
  /** Measures how many connections it has, and how long each is held. Once for each pool. */
  watch(pool: Pool): void;
  /** A transaction has waited so many seconds for its connection. */
  waited(seconds: number): void;
  /** A statement has ended so many seconds after it was given to the pool or its transaction. */
  statement(name: string, seconds: number, failed: boolean): void;
}

/** Pools that a process may have. */
export type PoolName = 'main' | 'reports';

/** Seconds, from a statement by primary key to the longest that is allowed to run. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

interface StatementTotals {
  count: number;
  seconds: number;
  failures: number;
}

/**
 * Metrics of the database as this process sees it. Labels are few: names of statements are literals of the code, and lists that are built
 * have one name.
 */
export function createDatabaseMetrics(registry: Registry): (pool: PoolName) => PoolMetrics {
  const registers = [registry];
  const labelNames = ['pool'];
  const held = new Histogram({
    name: 'holdfast_db_connection_held_seconds',
    help: 'How long connections were held: by a statement, or by a transaction and what it waited for.',
    labelNames,
    buckets: BUCKETS,
    registers,
  });
  const waits = new Histogram({
    name: 'holdfast_db_connection_wait_seconds',
    help: 'How long transactions waited for a connection of the pool.',
    labelNames,
    buckets: BUCKETS,
    registers,
  });
  const pools = new Map<PoolName, Pool>();
  const gauge = (name: string, help: string, read: (pool: Pool) => number) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        for (const [pool, each] of pools) this.set({ pool }, read(each));
      },
    });
  gauge('holdfast_db_pool_connections', 'Open database connections.', ({ totalCount }) => totalCount);
  gauge('holdfast_db_pool_idle', 'Database connections without work.', ({ idleCount }) => idleCount);
  gauge('holdfast_db_pool_waiting', 'Who waits for a connection.', ({ waitingCount }) => waitingCount);
  gauge('holdfast_db_pool_size', 'How many connections there may be.', ({ options }) => options.max);

  // Summed here and shown at a scrape: a statement costs a look into a map.
  const statements = new Map<string, StatementTotals>();
  const counter = (name: string, help: string, read: (totals: StatementTotals) => number) =>
    new Counter({
      name,
      help,
      labelNames: ['statement'],
      registers,
      collect() {
        this.reset();
        for (const [statement, totals] of statements) this.inc({ statement }, read(totals));
      },
    });
  counter('holdfast_db_statements_total', 'Statements that have ended, by name.', ({ count }) => count);
  counter(
    'holdfast_db_statement_seconds_total',
    'Seconds until statements had ended, by name: those that they waited for a connection, or behind others of their transaction, included.',
    ({ seconds }) => seconds,
  );
  counter(
    'holdfast_db_statement_failures_total',
    'Statements that have failed, by name.',
    ({ failures }) => failures,
  );

  return (name) => {
    const labels = { pool: name };
    held.zero(labels);
    waits.zero(labels);
    return {
      watch(pool) {
        pools.set(name, pool);
        const since = new WeakMap<PoolClient, number>();
        pool.on('acquire', (client) => since.set(client, performance.now()));
        pool.on('release', (_error, client) => {
          const began = since.get(client);
          if (began !== undefined) held.observe(labels, (performance.now() - began) / 1_000);
        });
      },
      waited: (seconds) => waits.observe(labels, seconds),
      statement(statement, seconds, failed) {
        const totals = statements.get(statement) ?? { count: 0, seconds: 0, failures: 0 };
        totals.count += 1;
        totals.seconds += seconds;
        totals.failures += failed ? 1 : 0;
        statements.set(statement, totals);
      },
    };
  };
}

/** Of a database that nobody measures. */
export const NO_POOL_METRICS: PoolMetrics = {
  watch: () => undefined,
  waited: () => undefined,
  statement: () => undefined,
};

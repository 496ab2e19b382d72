import { Client } from 'pg';
import type { Database } from '../../platform/database/database';
import { waitFor } from '../support/wait';

/** The rows of an order, in the one lock order (docs/architecture.md): table, and SQL of its rows' keys by order and in order. */
const TABLES: readonly (readonly [table: string, key: string, which: string])[] = [
  ['reservations', 'id', 'order_id = $1 order by id'],
  [
    'stock',
    `product_id || ':' || warehouse_id`,
    'product_id in (select product_id from order_items where order_id = $1) order by product_id, warehouse_id',
  ],
  ['backorders', 'id', 'order_id = $1 order by product_id, id'],
  ['shipments', 'id', 'order_id = $1 order by id'],
  ['payments', 'id', 'order_id = $1 order by id'],
  ['refunds', 'id', 'order_id = $1 order by id'],
  ['orders', 'id', 'id = $1'],
];

/** Names of an order's rows, in the one lock order. */
async function rowsOf(db: Database, orderId: string): Promise<string[]> {
  const rows: string[] = [];
  for (const [table, key, which] of TABLES) {
    const found = await db.pool.query<{ key: string }>(
      `select ${table === 'stock' ? key : `${key}::text`} as key from ${table} where ${which}`,
      [orderId],
    );
    rows.push(...found.rows.map((row) => `${table} ${row.key}`));
  }
  return rows;
}

const keySql = (table: string) => TABLES.find(([name]) => name === table)?.[1] ?? '';

/** Gives the rows new versions so that no scan of a table meets them in the one order. */
async function turnAround(db: Database, rows: readonly string[]): Promise<void> {
  for (const row of [...rows].reverse()) {
    const [table = '', key = ''] = row.split(' ');
    const column = table === 'stock' ? 'on_hand' : table === 'backorders' ? 'quantity' : 'updated_at';
    await db.pool.query(`update ${table} set ${column} = ${column} where (${keySql(table)})::text = $1`, [
      key,
    ]);
  }
}

interface Holder {
  row: string;
  pid: number;
  client: Client;
}

async function hold(url: string, row: string): Promise<Holder> {
  const [table = '', key = ''] = row.split(' ');
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('begin');
  const { rows } = await client.query<{ pid: number }>(
    `select pg_backend_pid() as pid from ${table} where (${keySql(table)})::text = $1 for no key update`,
    [key],
  );
  const pid = rows[0]?.pid;
  if (pid === undefined) throw new Error(`There is no ${row}.`);
  return { row, pid, client };
}

interface Waiter {
  /** Backend and the begin of its transaction. */
  transaction: string;
  blockers: number[];
}

async function waitersFor(db: Database, pids: readonly number[]): Promise<Waiter[]> {
  const { rows } = await db.pool.query<Waiter>(
    `select pid || ' ' || xact_start as transaction, pg_blocking_pids(pid) as blockers from pg_stat_activity
     where wait_event_type = 'Lock' and pg_blocking_pids(pid) && $1::int[]`,
    [pids],
  );
  return rows;
}

/**
 * Runs `step` while every row of the order is held by somebody, each of whom lets go when the step waits for that row.
 *
 * @returns the rows that each transaction of the step locked, as their place in the one order, in the order in which it locked them.
 *   A row that an earlier transaction of the step locked is missing from later ones.
 */
export async function lockTurns(
  { db, url }: { db: Database; url: string },
  orderId: string,
  step: () => Promise<unknown>,
): Promise<{ rows: string[]; turns: number[][] }> {
  const rows = await rowsOf(db, orderId);
  await turnAround(db, rows);
  const holders = await Promise.all(rows.map((row) => hold(url, row)));
  const turns = new Map<string, number[]>();
  let running = true;
  const work = step().finally(() => (running = false));
  work.catch(() => undefined);
  try {
    while (running) {
      const found = await waitFor(async () => {
        const waiting = await waitersFor(
          db,
          holders.map(({ pid }) => pid),
        );
        return waiting.length > 0 ? waiting : running ? null : [];
      }, 10_000);
      for (const { transaction, blockers } of found) {
        const holder = holders.find(({ pid }) => blockers.includes(pid));
        if (!holder) continue;
        turns.set(transaction, [...(turns.get(transaction) ?? []), rows.indexOf(holder.row)]);
        holders.splice(holders.indexOf(holder), 1);
        await holder.client.end();
      }
    }
  } finally {
    await Promise.all(holders.map(({ client }) => client.end()));
  }
  await work;
  return { rows, turns: [...turns.values()] };
}

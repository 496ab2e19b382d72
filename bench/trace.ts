import { Pool, type PoolClient } from 'pg';
import { openDatabase } from '../platform/database/database';
import { stockUp } from './reserve-interactive';
import { startBenchPostgres } from './servers';
import { median, timed } from './timed';
import { report, rounded } from './windows';

/** Entries of one transaction: as many as a large batch of a feed. */
const ENTRIES = 10_000;
const ROUNDS = 25;
/** Not counted: files that grow, plans, what the system has in memory. */
const WARM_UP = 5;

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** How entries are written: with a null of the statement's own there is nothing to look up, as before the column had its default. */
const WAYS = {
  withoutDefault: { column: ', trace', value: ', null', trace: null },
  untraced: { column: '', value: '', trace: null },
  traced: { column: '', value: '', trace: TRACEPARENT },
} as const;
type Way = keyof typeof WAYS;

/**
 * What the column `trace` costs the ledger: entries of one large transaction, with the column left out by the statement while nothing is
 * traced, and while it is, beside the same entries without its default; ways alternating. Microseconds and bytes of WAL an entry.
 */
export async function benchTrace(): Promise<void> {
  const server = await startBenchPostgres();
  const db = openDatabase({ url: server.url, poolSize: 2, log: server.log });
  const pool = new Pool({ connectionString: server.url, max: 1 });
  const client = await pool.connect();
  try {
    await stockUp(db, ENTRIES);
    const spent: Record<Way, { us: number; walBytes: number }[]> = {
      withoutDefault: [],
      untraced: [],
      traced: [],
    };
    for (let round = 0; round < WARM_UP + ROUNDS; round++)
      for (const way of turnsOf(round)) {
        const one = await writeEntries(client, way);
        if (round >= WARM_UP) spent[way].push(one);
      }
    for (const [way, each] of Object.entries(spent))
      report({
        bench: 'trace',
        way,
        usPerEntry: rounded(median(each.map(({ us }) => us))),
        leastUsPerEntry: rounded(Math.min(...each.map(({ us }) => us))),
        walBytesPerEntry: Math.round(median(each.map(({ walBytes }) => walBytes))),
      });
  } finally {
    client.release();
    await pool.end();
    await db.close();
    await server.stop();
  }
}

/** Each way comes first as often as the others. */
function turnsOf(round: number): Way[] {
  const ways = Object.keys(WAYS) as Way[];
  return ways.map((_, at) => ways[(at + round) % ways.length] ?? 'untraced');
}

async function writeEntries(client: PoolClient, way: Way): Promise<{ us: number; walBytes: number }> {
  const { column, value, trace } = WAYS[way];
  const from = await walPosition(client);
  const { seconds } = await timed(async () => {
    await client.query(trace === null ? 'begin' : `begin; set local holdfast.trace = '${trace}'`);
    await client.query(
      `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id${column})
       select product_id, 1, 'adjust', 1, 0, gen_random_uuid()${value} from stock`,
    );
    await client.query('commit');
  });
  const { rows } = await client.query<{ bytes: number }>(
    'select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::pg_lsn)::float8 as bytes',
    [from],
  );
  return { us: (seconds * 1e6) / ENTRIES, walBytes: (rows[0]?.bytes ?? 0) / ENTRIES };
}

async function walPosition(client: PoolClient): Promise<string> {
  const { rows } = await client.query<{ at: string }>('select pg_current_wal_insert_lsn()::text as at');
  return rows[0]?.at ?? '0/0';
}

import { Client } from 'pg';
import { waitFor } from '../support/wait';

/** Where a step of the product waits until it is let through: a lock that the test holds in PostgreSQL. */
export interface Barrier {
  /** Resolves when somebody waits at it, or so many do, also behind others who do. */
  reached(atLeast?: number): Promise<void>;
  /** Ends the connections of all who wait at it, so that what they were about to commit is lost, and lets later ones through. */
  cutOff(): Promise<void>;
  /** Lets everybody through. It is released as well once its server has gone down. */
  release(): Promise<void>;
}

/** Rows by what is done to them, and by a condition on `new` and `old`. */
export interface Write {
  on: string;
  when: string;
  at: 'once' | 'commit';
}

/** Barriers of one database, and their end. */
export interface Barriers {
  /**
   * Runs a statement and keeps its locks: a locked row holds up whoever changes it, and a row that is inserted and not
   * committed whoever inserts the same key. Waits until the statement finds its row.
   */
  block(statement: string, values?: unknown[]): Promise<Barrier>;
  /**
   * Holds up who writes such rows, for as long as it takes: right after the statement that does, with the rest of its
   * transaction to come, or as it commits. Waits for those who are writing the table.
   */
  blockWrites(write: Write): Promise<Barrier>;
  releaseAll(): Promise<void>;
}

export function openBarriers(databaseUrl: string): Barriers {
  const barriers: Barrier[] = [];
  let triggers = 0;

  async function block(statement: string, values: unknown[] = []): Promise<Barrier> {
    let failure: unknown;
    const barrier = await waitFor(
      () =>
        blockAt(databaseUrl, statement, values).catch((error: unknown) => {
          failure = error;
          return 'failed' as const;
        }),
      REACHED_WITHIN_MS,
    );
    if (barrier === 'failed') throw failure;
    barriers.push(barrier);
    return barrier;
  }

  return {
    block,
    async blockWrites(write) {
      const number = (triggers += 1);
      const barrier = await block('select pg_advisory_xact_lock($1, $2)', [LOCKS, number]);
      await addTrigger(databaseUrl, write, number);
      return barrier;
    },
    async releaseAll() {
      for (const barrier of barriers.splice(0)) await barrier.release();
    },
  };
}

/** Many orders are on their way to theirs at once, on a machine that does more beside. */
const REACHED_WITHIN_MS = 180_000;

/** Those of barriers among advisory locks. */
const LOCKS = 20_261_121;

/** Lets writers wait for the lock of that number. */
async function addTrigger(databaseUrl: string, { on, when, at }: Write, number: number): Promise<void> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'test-barrier' });
  await client.connect();
  try {
    await client.query(`
      create or replace function wait_at_barrier() returns trigger language plpgsql as $$ begin
        perform set_config('lock_timeout', '0', true);
        -- Whoever is killed at a barrier has got as far as this: his server does not look whether he is still there.
        if version() !~ 'windows|mingw|Visual C' then perform set_config('client_connection_check_interval', '0', true); end if;
        perform pg_advisory_xact_lock_shared(${LOCKS}, tg_argv[0]::int);
        return null;
      end $$;
      create constraint trigger barrier_${number} after ${on}
        deferrable initially ${at === 'once' ? 'immediate' : 'deferred'}
        for each row when (${when}) execute function wait_at_barrier(${number})`);
  } finally {
    await client.end();
  }
}

/** Those who wait for a backend, or for one who does. Not from pg_stat_activity, which shows a transaction the same picture for ever. */
const WAITING = `
  with recursive waiting (pid) as (
    select pid from pg_locks where not granted and $1::int = any (pg_blocking_pids(pid))
    union
    select l.pid from pg_locks l join waiting w on w.pid = any (pg_blocking_pids(l.pid)) where not l.granted)`;

/** Undefined: the statement concerns no row (yet). */
async function blockAt(
  databaseUrl: string,
  statement: string,
  values: unknown[],
): Promise<Barrier | undefined> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'test-barrier' });
  // Its server may be restarted under it.
  client.on('error', () => undefined);
  await client.connect();
  const release = () => client.end().catch(() => undefined);
  try {
    await client.query('begin');
    const { command, rowCount } = await client.query(statement, values);
    if (command !== 'LOCK' && rowCount === 0) {
      await release();
      return undefined;
    }
    const found = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const pid = found.rows[0]?.pid;
    return {
      async reached(atLeast = 1) {
        await waitFor(async () => {
          const { rowCount } = await client.query(`${WAITING} select pid from waiting`, [pid]);
          return (rowCount ?? 0) >= atLeast;
        }, REACHED_WITHIN_MS);
      },
      async cutOff() {
        await client.query(`${WAITING} select pg_terminate_backend(pid, 10000) from waiting`, [pid]);
        await release();
      },
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

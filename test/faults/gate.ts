import { Client } from 'pg';
import { waitFor } from '../support/wait';

/** Where a step of the product waits until it is let through: a lock that the test holds in PostgreSQL. */
export interface Gate {
  /** Resolves when somebody waits at it. */
  reached(): Promise<void>;
  /** Lets everybody through. It is open as well once its server has gone down. */
  open(): Promise<void>;
}

/** Gates of one database, and their end. */
export interface Gates {
  /**
   * Runs a statement and keeps its locks: a locked row holds up whoever changes it, and a row that is inserted and not
   * committed whoever inserts the same key. Waits until the statement finds its row.
   */
  shut(statement: string, values?: unknown[]): Promise<Gate>;
  openAll(): Promise<void>;
}

export function openGates(databaseUrl: string): Gates {
  const gates: Gate[] = [];
  return {
    async shut(statement, values) {
      let failure: unknown;
      const gate = await waitFor(
        () =>
          shutGate(databaseUrl, statement, values ?? []).catch((error: unknown) => {
            failure = error;
            return 'failed' as const;
          }),
        60_000,
      );
      if (gate === 'failed') throw failure;
      gates.push(gate);
      return gate;
    },
    async openAll() {
      for (const gate of gates.splice(0)) await gate.open();
    },
  };
}

/** Undefined: the statement concerns no row (yet). */
async function shutGate(
  databaseUrl: string,
  statement: string,
  values: unknown[],
): Promise<Gate | undefined> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'test-gate' });
  // Its server may be restarted under it.
  client.on('error', () => undefined);
  await client.connect();
  const open = () => client.end().catch(() => undefined);
  try {
    await client.query('begin');
    const { command, rowCount } = await client.query(statement, values);
    if (command !== 'LOCK' && rowCount === 0) {
      await open();
      return undefined;
    }
    const found = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const pid = found.rows[0]?.pid;
    return {
      async reached() {
        // Not pg_stat_activity, which shows a transaction the same picture for ever.
        await waitFor(async () => {
          const waiting = await client.query(
            'select 1 from pg_locks where not granted and $1::int = any (pg_blocking_pids(pid))',
            [pid],
          );
          return waiting.rowCount !== 0;
        }, 60_000);
      },
      open,
    };
  } catch (error) {
    await open();
    throw error;
  }
}

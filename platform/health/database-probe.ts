import { Client } from 'pg';
import { readPendingMigrations } from '../database/database-info';

export interface DatabaseProbe {
  /**
   * The migrations of this program that the database lacks. Those who ask at once share the answer.
   *
   * @throws what the connection throws, after two seconds at the latest
   */
  ask(): Promise<string[]>;
  close(): Promise<void>;
}

const ANSWER_MS = 2_000;

/**
 * Asks a database whether it is there and as new as this program, on one connection of its own: a pool that is busy says nothing about
 * that. The connection is made when somebody asks, and given up as soon as it fails or an answer takes too long.
 *
 * @param options.url as the program's pool reaches it
 * @param options.migrations file names of the migrations that the program needs
 */
export function openDatabaseProbe(options: { url: string; migrations: readonly string[] }): DatabaseProbe {
  let connected: Promise<Client> | undefined;
  let asked: Promise<string[]> | undefined;
  let closed = false;

  function connect(): Promise<Client> {
    const client = new Client({
      connectionString: options.url,
      application_name: 'holdfast-probe',
      connectionTimeoutMillis: ANSWER_MS,
      query_timeout: ANSWER_MS,
      keepAlive: true,
    });
    const connecting = client.connect().then(() => client);
    // It also fails what is asked.
    client.on('error', () => undefined);
    client.on('end', () => forget(connecting));
    return connecting;
  }

  /** Another may have been made meanwhile. */
  function forget(connection: Promise<Client>): void {
    if (connected === connection) connected = undefined;
  }

  async function askOnce(): Promise<string[]> {
    if (closed) throw new Error('the probe is closed');
    const connection = (connected ??= connect());
    try {
      return await readPendingMigrations(await connection, options.migrations);
    } catch (error) {
      forget(connection);
      // What does not answer may not answer its farewell either.
      void connection.then((client) => client.end()).catch(() => undefined);
      throw error;
    }
  }

  return {
    ask: () => (asked ??= askOnce().finally(() => (asked = undefined))),
    async close() {
      closed = true;
      const client = await connected?.catch(() => undefined);
      await client?.end().catch(() => undefined);
    },
  };
}

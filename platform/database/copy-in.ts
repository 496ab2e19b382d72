import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from } from 'pg-copy-streams';

/**
 * Sends what `source` yields to a `copy … from stdin`, no faster than the server takes it. An error of the source makes the
 * server forget what it was sent.
 */
export async function copyIn(
  client: ClientBase,
  text: string,
  source: AsyncIterable<Buffer>,
): Promise<number> {
  const into = client.query(from(text));
  await pipeline(Readable.from(source, { objectMode: false }), into);
  return into.rowCount;
}

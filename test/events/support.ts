import type { PoolClient } from 'pg';
import { numberEvents } from '../../domain/event-log/sequencer';
import { readEvents } from '../../domain/events/read';
import type { StreamEvent, Visibility } from '../../domain/events/types';
import { EVERYTHING } from '../../domain/events/visibility';
import type { Database } from '../../platform/database/database';

/** Takes turns until nothing is left that can be numbered, and no more often than `turns`. */
export async function numberAll(db: Database, turns = 50): Promise<number> {
  let numbered = 0;
  for (let quiet = 0, turn = 0; quiet < 3 && turn < turns; turn++) {
    const done = await numberEvents(db);
    numbered += done.numbered;
    quiet = done.numbered === 0 ? quiet + 1 : 0;
  }
  return numbered;
}

/** Everything after a position, page by page. */
export async function readAll(
  db: Database,
  request: { after?: number; limit?: number; types?: readonly string[]; visible?: Visibility } = {},
): Promise<StreamEvent[]> {
  const { limit = 7, types, visible = EVERYTHING } = request;
  const events: StreamEvent[] = [];
  let after = request.after;
  for (;;) {
    const page = await readEvents(db, { after, limit, types, visible });
    events.push(...page.items);
    after = page.after;
    if (page.atEnd) return events;
  }
}

/** Writes an entry by hand, such as on a connection whose transaction the test keeps open. */
export async function insertEntry(
  on: { query(text: string, values: unknown[]): Promise<unknown> },
  subject: string,
): Promise<void> {
  await on.query(
    `insert into event_entries (type, subject_type, subject_id, actor) values ('job.started', 'job', $1, 'test')`,
    [subject],
  );
}

interface GapRow {
  source: string;
  ids: string;
  waits_for: string[] | null;
}

export async function gapsOf(db: Database): Promise<GapRow[]> {
  const { rows } = await db.pool.query<GapRow>(
    'select source, ids::text as ids, waits_for from event_gaps order by id',
  );
  return rows;
}

/** Runs work beside a transaction that it keeps open, and may end, on a connection of its own. */
export async function withOpenTransaction(
  db: Database,
  work: (open: PoolClient) => Promise<void>,
): Promise<void> {
  const open = await db.pool.connect();
  try {
    await open.query('begin');
    await work(open);
  } finally {
    open.release();
  }
}

/** The same database, with a look at each statement of its transactions and what it gave, before the next one. */
export function withQueriesSeen(
  db: Database,
  see: (name: string, result: unknown) => void | Promise<void>,
): Database {
  return {
    ...db,
    transaction: (work) =>
      db.transaction((tx, commitEarly) =>
        work(
          {
            ...tx,
            async query(sent) {
              const result = await tx.query(sent);
              await see(sent.name, result);
              return result;
            },
          },
          commitEarly,
        ),
      ),
  };
}

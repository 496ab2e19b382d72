import { createHash } from 'node:crypto';
import type { Database, Queryable, Statement, Transaction } from '../../platform/database/database';

/** What a function of the product sent to PostgreSQL. */
export interface Recorded {
  name: string;
  text: string;
  values: unknown[];
}

/**
 * Runs a function of the product and returns the statements it sent, word for word: a document made of them cannot drift from the
 * code. Everything happens in one transaction that is rolled back.
 */
export async function recordStatements(
  db: Database,
  work: (on: Database & Transaction) => Promise<unknown>,
): Promise<Recorded[]> {
  const recorded: Recorded[] = [];
  const rolledBack = new Error('rolled back');
  await db
    .transaction(async (tx) => {
      const query: Queryable['query'] = (statement: Statement) => {
        recorded.push({ name: statement.name, text: statement.text, values: statement.values ?? [] });
        return tx.query(statement);
      };
      const on: Database & Transaction = {
        ...db,
        inTransaction: true,
        origin: null,
        query,
        notice: () => undefined,
        afterCommit: () => undefined,
        transaction: (inner) => inner(on, () => undefined),
        retrying: (inner) => inner(on),
        async list<Row>(built: Parameters<Database['list']>[0]) {
          const { sql, bindings } = built.toSQL().toNative();
          recorded.push({ name: 'list', text: sql, values: [...bindings] });
          // A name must always mean one text.
          const name = `list.${createHash('sha256').update(sql).digest('hex').slice(0, 16)}`;
          return (await tx.query({ name, text: sql, values: [...bindings] })).rows as Row[];
        },
      };
      await work(on);
      throw rolledBack;
    })
    .catch((error: unknown) => {
      if (error !== rolledBack) throw error;
    });
  return recorded;
}

import { recordStatements } from '../../bench/explain/recorder';
import { nodesOf, type PlanNode } from '../../bench/explain/reads';
import type { Database } from '../../platform/database/database';

/** What plans are asked of: a pool of `pg`. */
interface Asked {
  query(text: string, values: unknown[]): Promise<{ rows: { 'QUERY PLAN': [{ Plan: PlanNode }] }[] }>;
}

/** How many rows of each table the statements of some name look at that `work` sends; those of months of the ledger are the ledger's. */
export async function rowsRead(
  { db, asked }: { db: Database; asked: Asked },
  named: RegExp,
  work: (on: Database) => Promise<unknown>,
): Promise<Record<string, number>> {
  const statements = await recordStatements(db, work);
  const read: Record<string, number> = {};
  for (const { text, values, name } of statements.filter((statement) => named.test(statement.name))) {
    const { rows } = await asked.query(`explain (analyze, format json) ${text}`, values);
    const root = rows[0]?.['QUERY PLAN'][0].Plan;
    expect([name, root]).not.toEqual([name, undefined]);
    for (const node of root === undefined ? [] : nodesOf(root)) {
      const table = node['Relation Name']?.replace(/_\d{4}_\d\d$/, '');
      if (table === undefined) continue;
      const looked = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
      read[table] = (read[table] ?? 0) + looked;
    }
  }
  return read;
}

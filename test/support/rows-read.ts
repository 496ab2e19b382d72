import { nodesOf, rowsOf, type JsonPlan } from '../../bench/explain/reads';
import { recordStatements } from '../../bench/explain/recorder';
import type { Database } from '../../platform/database/database';

/** How many rows of each table, its partitions with it, the statements of some names look at that `work` sends. */
export async function rowsRead(
  db: Database,
  named: RegExp,
  work: Parameters<typeof recordStatements>[1],
): Promise<Record<string, number>> {
  const read: Record<string, number> = {};
  for (const { text, values, name } of await recordStatements(db, work)) {
    if (!named.test(name)) continue;
    const { rows } = await db.pool.query<{ 'QUERY PLAN': [JsonPlan] }>(
      `explain (analyze, format json) ${text}`,
      values,
    );
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    if (!plan) throw new Error(`${name} has no plan`);
    for (const node of nodesOf(plan)) {
      const table = node['Relation Name']?.replace(/_\d{4}_\d\d$/, '');
      if (table !== undefined) read[table] = (read[table] ?? 0) + rowsOf(node);
    }
  }
  return read;
}

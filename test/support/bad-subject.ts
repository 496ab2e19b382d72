import type { Database } from '../../platform/database/database';

/** Lets every change of a row for which this does not hold fail, as damaged data does. Returns how it is mended. */
export async function refuseRows(
  db: Database,
  table: string,
  condition: string,
): Promise<() => Promise<unknown>> {
  await db.pool.query(`alter table ${table} add constraint bad_subject check (${condition}) not valid`);
  return () => db.pool.query(`alter table ${table} drop constraint bad_subject`);
}

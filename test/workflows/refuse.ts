import type { Stack } from '../support/stack';

/** Lets every change of a row for which this does not hold fail, as damaged data does. Returns how it is mended. */
export async function refuse(
  { db }: Stack,
  table: string,
  condition: string,
): Promise<() => Promise<unknown>> {
  await db.pool.query(`alter table ${table} add constraint bad_row check (${condition}) not valid`);
  return () => db.pool.query(`alter table ${table} drop constraint bad_row`);
}

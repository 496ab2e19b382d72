import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';

export function insertFile(tx: Transaction, jobId: string, csv: string): Promise<number> {
  return execute(
    tx,
    'reports.insert_file',
    'insert into report_files (job_id, csv) values ($1, $2) on conflict (job_id) do nothing',
    [jobId, csv],
  );
}

export function deleteFile(tx: Transaction, jobId: string): Promise<number> {
  return execute(tx, 'reports.delete_file', 'delete from report_files where job_id = $1', [jobId]);
}

/** The file of a job that is kept here; undefined: it has none, or a stored one. */
export async function selectFile(on: Queryable, jobId: string): Promise<string | undefined> {
  const row = await maybeOne<{ csv: string }>(
    on,
    'reports.file',
    'select csv from report_files where job_id = $1',
    [jobId],
  );
  return row?.csv;
}

/** The last days that are over in a time zone, so many, the latest first. `YYYY-MM-DD` */
export async function selectDaysOver(on: Queryable, tz: string, days: number): Promise<string[]> {
  const rows = await many<{ day: string }>(
    on,
    'reports.days_over',
    `select ((clock_timestamp() at time zone $1)::date - n)::text as day from generate_series(1, $2) n order by n`,
    [tz, days],
  );
  return rows.map(({ day }) => day);
}

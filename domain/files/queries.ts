import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { REMOVED_FILE_STATUSES } from './types';

export interface NewFile {
  id: string;
  jobId: string;
  store: string;
  key: string;
}

export function insertFile(on: Queryable, { id, jobId, store, key }: NewFile): Promise<number> {
  return execute(
    on,
    'files.insert',
    'insert into stored_files (id, job_id, store, key) values ($1, $2, $3, $4)',
    [id, jobId, store, key],
  );
}

/** A file that is whole is the one of its job. */
export function setStored(tx: Transaction, id: string, sha256: string): Promise<number> {
  return execute(
    tx,
    'files.set_stored',
    `update stored_files set status = 'stored', sha256 = $2 where id = $1 and status = 'writing'`,
    [id, sha256],
  );
}

/** One that became nobody's. */
export function dropWriting(on: Queryable, id: string): Promise<number> {
  return execute(
    on,
    'files.drop_writing',
    `update stored_files set status = 'unwanted' where id = $1 and status = 'writing'`,
    [id],
  );
}

export function dropStored(tx: Transaction, jobId: string): Promise<number> {
  return execute(
    tx,
    'files.drop_stored',
    `update stored_files set status = 'unwanted' where job_id = $1 and status = 'stored'`,
    [jobId],
  );
}

/** The file of a job in a store. */
export function selectStored(
  on: Queryable,
  jobId: string,
  store: string,
): Promise<{ key: string; sha256: string } | undefined> {
  return maybeOne(
    on,
    'files.stored',
    `select key, sha256 from stored_files where job_id = $1 and status = 'stored' and store = $2`,
    [jobId, store],
  );
}

/** Files of a store that nobody wants, or whose writer began so many hours ago, the oldest first. */
export function selectToRemove(
  on: Queryable,
  { store, writerHours, limit }: { store: string; writerHours: number; limit: number },
): Promise<{ id: string; key: string }[]> {
  return many(
    on,
    'files.to_remove',
    `select id, key from stored_files
     where store = $1 and status in ${literals(REMOVED_FILE_STATUSES)}
       and (status = 'unwanted' or created_at < now() - make_interval(hours => $2))
     order by created_at limit $3`,
    [store, writerHours, limit],
  );
}

export function deleteFile(on: Queryable, id: string): Promise<number> {
  return execute(on, 'files.delete', `delete from stored_files where id = $1 and status <> 'stored'`, [id]);
}

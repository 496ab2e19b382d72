import type { Queryable } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';

/** Where files of jobs are kept. A file is there whole or not at all. */
export interface FileStore {
  /** Where it is, as a URL without a slash at its end. */
  readonly url: string;
  /**
   * Writes a file; the same key again replaces it. Where it fails nothing is there.
   *
   * @throws AppError `FILE_STORE_UNAVAILABLE`; whatever `pieces` throws, as it is
   */
  write(key: string, pieces: AsyncIterable<Buffer>): Promise<void>;
  /** @throws AppError `FILE_STORE_UNAVAILABLE`, also where there is no such file */
  open(key: string): Promise<AsyncIterable<Buffer>>;
  /** Removes a file, and what a write of it that died has left. @throws AppError `FILE_STORE_UNAVAILABLE` */
  remove(key: string): Promise<void>;
  /** Ends its connections. Those who read on fail. */
  close(): Promise<void>;
}

export const STORED_FILE_STATUSES = ['writing', 'stored', 'unwanted'] as const;
export type StoredFileStatus = (typeof STORED_FILE_STATUSES)[number];
/** Those that are to be removed, at once or when their writer cannot live any more. */
export const REMOVED_FILE_STATUSES = ['writing', 'unwanted'] as const satisfies readonly StoredFileStatus[];

/** A file that was written and is nobody's yet. */
export interface WrittenFile {
  id: string;
  /** Its URL. */
  location: string;
}

/** From where the file of a job is read. */
export interface FileSource {
  on: Queryable;
  /** Null: none is set up. */
  store: FileStore | null;
  log: Logger;
}

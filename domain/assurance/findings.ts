import type { Database } from '../../platform/database/database';
import { selectFindings } from './queries';
import type { CheckId, Severity, StoredFinding } from './types';

export interface FindingFilter {
  jobId: string;
  check?: CheckId | undefined;
  severity?: Severity | undefined;
  /** Only findings with a higher id. */
  after?: number | undefined;
  limit: number;
  offset?: number;
}

/** A page of a job's findings, in the order in which they were found. `next` is the id that the next page begins after, or null. */
export async function listFindings(
  db: Database,
  { limit, after = 0, offset = 0, ...filter }: FindingFilter,
): Promise<{ items: StoredFinding[]; next: number | null }> {
  const found = await selectFindings(db, { ...filter, after, offset, limit: limit + 1 });
  const items = found.slice(0, limit);
  return { items, next: found.length > limit ? (items.at(-1)?.id ?? null) : null };
}

import type { Database } from '../../platform/database/database';
import { cutPage } from '../../platform/database/pages';
import { selectEntryPage } from './list-queries';
import type { AuditEntry, AuditFilter, AuditPosition } from './types';

/** A page of the audit log, newest first. `next` is where the next page begins; null: there is none. */
export async function listAudit(
  db: Database,
  filter: AuditFilter,
): Promise<{ items: AuditEntry[]; next: AuditPosition | null }> {
  const found = await selectEntryPage(db, filter);
  const { shown, next } = cutPage(found, filter.limit, ({ at, id }) => ({ atMicros: at, id }));
  return { items: shown, next };
}

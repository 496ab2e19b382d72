import type { Database } from '../../platform/database/database';
import { selectEntryPage } from './list-queries';
import type { AuditEntry, AuditFilter, AuditPosition } from './types';

/** A page of the audit log, newest first. `next` is where the next page begins; null: there is none. */
export async function listAudit(
  db: Database,
  filter: AuditFilter,
): Promise<{ items: AuditEntry[]; next: AuditPosition | null }> {
  const found = await selectEntryPage(db, filter);
  const shown = found.slice(0, filter.limit);
  const last = shown.at(-1);
  return {
    items: shown.map(({ atMicros, ...entry }) => ({ ...entry, at: atMicros })),
    next: found.length > filter.limit && last ? { atMicros: last.atMicros, id: last.id } : null,
  };
}

import type { Transaction } from '../../platform/database/database';
import { insertEntries, insertEntry, type PersonalRow } from './queries';
import { changedMembers } from './rules';
import type { AuditSubject, Change } from './types';

/** The actor of what the product does by itself. */
const SYSTEM = 'system';

/**
 * Writes to the audit log what the transaction changes, with the request that asked for it (`tx.origin`): both stay, or neither. A change
 * whose members are all equal before and after is none, and is not written; nor is what nobody does (`SYSTEM`).
 */
export async function recordChange(tx: Transaction, change: Change): Promise<void> {
  const { actor, onBehalfOf = null, action, subject, personal } = change;
  if (actor === SYSTEM) return;
  const values = changedMembers(change.before, change.after);
  const ofPerson = personal && changedMembers(personal.before, personal.after);
  if (values === 'equal' && (ofPerson === undefined || ofPerson === 'equal')) return;
  const { requestId = null, address = null } = tx.origin ?? {};
  await insertEntry(tx, {
    actor,
    onBehalfOf,
    action,
    subject,
    ...(values === 'equal' ? { before: null, after: null } : values),
    requestId,
    personal: personalRows(
      { person: actor, address, before: null, after: null },
      personal && ofPerson !== undefined && ofPerson !== 'equal'
        ? { person: personal.person, address: null, ...ofPerson }
        : null,
    ),
  });
}

/** As `recordChange` of the same action on each of the subjects, without values. */
export async function recordSame(
  tx: Transaction,
  {
    actor,
    action,
    type,
    ids,
  }: { actor: string; action: Change['action']; type: AuditSubject; ids: readonly string[] },
): Promise<void> {
  if (actor === SYSTEM || ids.length === 0) return;
  const { requestId = null, address = null } = tx.origin ?? {};
  await insertEntries(tx, { actor, action, type, ids, requestId, address });
}

/** One row for each person: from where the actor asked, and what changed of somebody's personal values. */
function personalRows(asked: PersonalRow, changed: PersonalRow | null): PersonalRow[] {
  if (changed?.person === asked.person) return [{ ...changed, address: asked.address }];
  return [...(asked.address === null ? [] : [asked]), ...(changed ? [changed] : [])];
}

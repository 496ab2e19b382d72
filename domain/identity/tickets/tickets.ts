import type { Database } from '../../../platform/database/database';
import { USER_ROLES } from '../accounts/types';
import { hashOfToken, newToken } from '../secret-token';
import type { Credential } from '../types';
import { insertTicket, takeTicket, type TicketRow } from './queries';

/** A ticket is good for so many seconds. */
export const TICKET_SECONDS = 30;

/** Kinds of credentials that a ticket stands for. */
export const CREDENTIAL_KINDS = ['key', 'session', 'linked'] as const satisfies readonly Credential['kind'][];

/** A ticket that signs in once, as somebody who has signed in by this. The database has its hash only. */
export async function issueTicket(db: Database, credential: Credential): Promise<string> {
  const { token, hash } = newToken();
  await insertTicket(db, {
    hash,
    seconds: TICKET_SECONDS,
    kind: credential.kind,
    id: credential.id,
    role: credential.kind === 'linked' ? credential.role : null,
    until: credential.kind === 'key' ? null : credential.until,
  });
  return token;
}

/** What the sign-in of a ticket rests on; the ticket is used with that. Null: it was used, has ended, or never was one. */
export async function redeemTicket(db: Database, ticket: string): Promise<Credential | null> {
  const hash = hashOfToken(ticket);
  const row = hash && (await takeTicket(db, hash));
  return row ? credentialOf(row) : null;
}

function credentialOf({ kind, id, role, until }: TicketRow): Credential | null {
  if (kind === 'key') return { kind, id };
  if (until === null) return null;
  if (kind === 'session') return { kind, id, until };
  const known = USER_ROLES.find((one) => one === role);
  return kind === 'linked' && known ? { kind, id, role: known, until } : null;
}

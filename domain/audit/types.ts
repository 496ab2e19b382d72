/** What an entry may be about; its id is the one by which the API names it (a key's id, a SKU, a warehouse's code, …). */
export const AUDIT_SUBJECTS = [
  'alert',
  'api_key',
  'capture',
  'category',
  'count_sheet',
  'hold',
  'job',
  'lot',
  'mail',
  'merchant',
  'order',
  'payment',
  'payout',
  'product',
  'quality_hold',
  'receipt',
  'reconciliation',
  'refund',
  'return',
  'service',
  'session',
  'shipment',
  'signing_key',
  'transfer',
  'user',
  'warehouse',
  'webhook',
  'work',
] as const;
export type AuditSubject = (typeof AUDIT_SUBJECTS)[number];

/** Members of what changed. Ids, codes, numbers and words of the product only: never a secret, never a personal value. */
export type AuditValues = Readonly<Record<string, unknown>>;

/** What somebody changed. */
export interface Change {
  /** The caller (`user:<id>`, `service:<id>`, `anonymous`); of a command the account that ran it. */
  actor: string;
  /** Id of the customer for whom they did it. */
  onBehalfOf?: string | null | undefined;
  /** What they did: the kind of its subject and a verb in the past, such as `api_key.revoked`. */
  action: `${AuditSubject}.${string}`;
  /** What they did it to. */
  subject: { type: AuditSubject; id: string };
  /** Null or absent: there was, or is, nothing. With both, members that are equal are left out, and without any other it is no change. */
  before?: AuditValues | null;
  after?: AuditValues | null;
  /** Personal values that changed, kept apart so that they can be erased. */
  personal?: PersonalChange;
}

export interface PersonalChange {
  /** Whose values they are, as a caller: `user:<id>`. */
  person: string;
  before?: AuditValues | null;
  after?: AuditValues | null;
}

/** An entry as it is shown. */
export interface AuditEntry {
  id: number;
  at: string;
  actor: string;
  onBehalfOf: string | null;
  action: string;
  subject: { type: string; id: string };
  before: AuditValues | null;
  after: AuditValues | null;
  requestId: string | null;
  /** From where the actor asked; null: by a command, or erased. */
  address: string | null;
  /** Null: nothing personal changed, or it was erased. */
  personal: PersonalChange | null;
}

/** Where a page begins: after the entry of this time, in microseconds, and id. */
export interface AuditPosition {
  atMicros: string;
  id: number;
}

export interface AuditFilter {
  actor?: string | undefined;
  onBehalfOf?: string | undefined;
  action?: string | undefined;
  subject?: { type: string; id: string } | undefined;
  requestId?: string | undefined;
  /** RFC 3339: written at this time or later, and before that one. */
  from?: string | undefined;
  to?: string | undefined;
  after?: AuditPosition | undefined;
  limit: number;
  offset: number;
}

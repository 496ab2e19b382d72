/** What somebody who is signed in may do as a rule; see `api/http/access.ts` for each route. */
export const ROLES = ['customer', 'operator', 'admin', 'service'] as const;
export type Role = (typeof ROLES)[number];

/** Roles of services. A service is a program, or a person's own tool: it signs in with API keys. */
export const SERVICE_ROLES = ['service', 'operator', 'admin'] as const satisfies readonly Role[];
export type ServiceRole = (typeof SERVICE_ROLES)[number];

/**
 * What the key of a service may do. Keys of operators and admins have what their role has, and need none.
 *
 * - `orders`: orders that the service made, and their payments
 * - `orders:all`: in place of it, those that anybody made, and nothing else of what others made
 * - `reservations`: holds without an order that the service made
 * - `returns:refund`: agree to a return and inspect it, which plans refunds, of orders that the service sees
 * - `inventory:read`: stock, its ledger and what is in warehouses
 * - `inventory:write`: changes of stock, work in warehouses, feeds
 * - `catalogue:write`: products, categories, warehouses
 * - `availability:read`: what can be ordered. The only one of a publishable key
 * - `mail:bounces`: report mails that came back
 */
export const SCOPES = [
  'orders',
  'orders:all',
  'reservations',
  'returns:refund',
  'inventory:read',
  'inventory:write',
  'catalogue:write',
  'availability:read',
  'mail:bounces',
] as const;
export type Scope = (typeof SCOPES)[number];

/** How an API key may be used: `live` ones are secrets, `publishable` ones may be in a shop's pages. */
export const KEY_KINDS = ['live', 'publishable'] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

/** What a sign-in rests on: it is over when that is. `until`: milliseconds since 1970. */
export type Credential =
  | { kind: 'key'; id: string }
  /** An access token of a session. */
  | { kind: 'session'; id: string; until: number }
  /** A token of an OpenID provider: of the user that somebody is here, with the role that it gives. */
  | { kind: 'linked'; id: string; role: Exclude<Role, 'service'>; until: number };

/** Who asks. */
export interface Principal {
  kind: 'user' | 'service' | 'anonymous';
  /** UUID of the user or service; `NOBODY` of an anonymous one. */
  id: string;
  /** `user:<id>`, `service:<id>` or `anonymous`: owner of what it makes, of idempotency keys and of ids derived from them. Never a key or token. */
  caller: string;
  /** Null: nothing but what needs no sign-in, and what its scopes say. */
  role: Role | null;
  scopes: readonly Scope[];
  /** What `anonymous` made is theirs too: of the one service that has adopted it. */
  adoptsAnonymous?: boolean;
  /** Of a person: when they signed in, which refreshing a token does not change; null: their token does not say. */
  signedInAt?: Date | null;
  /** Absent: nobody has signed in. */
  credential?: Credential;
}

export const NOBODY = '00000000-0000-0000-0000-000000000000';

/** A request without credentials. */
export const ANONYMOUS: Principal = {
  kind: 'anonymous',
  id: NOBODY,
  caller: 'anonymous',
  role: null,
  scopes: [],
};

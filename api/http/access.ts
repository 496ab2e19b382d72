import type { Request } from 'express';
import { validate } from 'uuid';
import {
  ANONYMOUS,
  SCOPES,
  type Credential,
  type Principal,
  type Role,
  type Scope,
} from '../../domain/identity/types';
import { principalOf, type Authenticator } from './authentication';
import { notFound, notSignedIn, problem } from './problems';

/** Things that belong to who made them, and orders to their customers too. */
export const OWNED = ['order', 'reservation', 'return', 'job', 'user'] as const;
export type Owned = (typeof OWNED)[number];

/**
 * Who may call a route: every route declares it, and it is checked before the body is read.
 *
 * - `public`: everybody. Credentials that are sent must be good.
 * - `operations`: whoever reaches the port, without looking at credentials, since it must respond when the database is away.
 * - `signature`: a third party that signs its messages (`authenticate`).
 * - `roles`: these roles, and services whose key has one of these scopes. `owned`: the thing that the address names must be theirs, else
 *   it does not exist (404).
 */
export type Access =
  | { rule: 'public' }
  | { rule: 'operations' }
  | { rule: 'signature' }
  | { rule: 'roles'; roles: readonly Exclude<Role, 'service'>[]; scopes: readonly Scope[]; owned?: Owned };

/** Who sees everything. */
const STAFF = ['operator', 'admin'] as const;
const PEOPLE = ['customer', ...STAFF] as const;

export const PUBLIC: Access = { rule: 'public' };
export const OPERATIONS: Access = { rule: 'operations' };
export const SIGNATURE: Access = { rule: 'signature' };
export const ADMINS: Access = { rule: 'roles', roles: ['admin'], scopes: [] };
export const OPERATORS: Access = { rule: 'roles', roles: STAFF, scopes: [] };

/** Of a person's own account; services have none. */
export const PEOPLE_ONLY: Access = { rule: 'roles', roles: PEOPLE, scopes: [] };
export const OWN_USER: Access = { ...PEOPLE_ONLY, owned: 'user' };

/** Placing and listing orders: what they see of them is their own. */
export const ORDERS: Access = { rule: 'roles', roles: PEOPLE, scopes: ['orders', 'orders:all'] };
export const OWN_ORDER: Access = { ...ORDERS, owned: 'order' };

/** Where the customer of an order is written to: of who ordered for them. Customers have the address of their account. */
export const ORDER_CONTACT: Access = {
  rule: 'roles',
  roles: STAFF,
  scopes: ['orders', 'orders:all'],
  owned: 'order',
};

export const OWN_RESERVATIONS: Access = { rule: 'roles', roles: STAFF, scopes: ['reservations'] };
export const OWN_RESERVATION: Access = { ...OWN_RESERVATIONS, owned: 'reservation' };
/** Also those of orders. */
export const READ_RESERVATION: Access = {
  rule: 'roles',
  roles: STAFF,
  scopes: ['reservations', 'orders', 'orders:all'],
  owned: 'reservation',
};

/** Agreeing to a return and inspecting it: both decide about money of an order. */
export const RETURNS: Access = { rule: 'roles', roles: STAFF, scopes: ['returns:refund'] };
export const OWN_RETURN: Access = { ...RETURNS, owned: 'return' };

export const AVAILABILITY: Access = {
  rule: 'roles',
  roles: PEOPLE,
  scopes: ['availability:read', 'inventory:read'],
};
export const READ_INVENTORY: Access = { rule: 'roles', roles: STAFF, scopes: ['inventory:read'] };
export const CHANGE_INVENTORY: Access = { rule: 'roles', roles: STAFF, scopes: ['inventory:write'] };
export const READ_CATALOGUE: Access = {
  rule: 'roles',
  roles: PEOPLE,
  scopes: ['catalogue:write', 'inventory:read'],
};
export const CHANGE_CATALOGUE: Access = { rule: 'roles', roles: STAFF, scopes: ['catalogue:write'] };

/** What has happened: each sees what they may read elsewhere. */
export const READ_EVENTS: Access = {
  rule: 'roles',
  roles: STAFF,
  scopes: ['orders', 'orders:all', 'reservations', 'inventory:read', 'inventory:write', 'catalogue:write'],
};

/** Following what changes: each topic has the rule of what it shows. */
export const FOLLOW: Access = { rule: 'roles', roles: PEOPLE, scopes: SCOPES };
/** Who takes in what mail servers send back. */
export const REPORT_BOUNCES: Access = { rule: 'roles', roles: STAFF, scopes: ['mail:bounces'] };

/** Jobs of services are uploads. */
export const JOBS: Access = { rule: 'roles', roles: STAFF, scopes: ['inventory:write', 'catalogue:write'] };
export const OWN_JOB: Access = { ...JOBS, owned: 'job' };

/**
 * Refuses who may not call a route.
 *
 * @throws AppError `NOT_SIGNED_IN`, `NOT_ALLOWED`
 */
export function expectAccess(access: Access, principal: Principal): void {
  if (access.rule !== 'roles') return;
  if (principal.kind === 'anonymous')
    throw notSignedIn('Send an API key in X-Api-Key, or an access token in Authorization.');
  if (!isAllowed(access, principal))
    throw problem('NOT_ALLOWED', `This is not for ${describe(principal)}.${needs(access)}`);
}

function isAllowed(access: Extract<Access, { rule: 'roles' }>, { role, scopes }: Principal): boolean {
  if (role === null || role === 'service') return access.scopes.some((scope) => scopes.includes(scope));
  return access.roles.includes(role);
}

function describe({ role, scopes }: Principal): string {
  if (role === null) return 'publishable keys';
  if (role !== 'service') return `the role ${role}`;
  return scopes.length === 0 ? 'a key without scopes' : `a key with the scope ${scopes.join(', ')}`;
}

function needs(access: Access): string {
  if (access.rule !== 'roles' || access.scopes.length === 0) return '';
  return ` Of a service it needs the scope ${access.scopes.join(' or ')}.`;
}

/** What access is decided with. */
export interface AccessControl {
  /** The ways to sign in. */
  authenticators: readonly Authenticator[];
  /** Who has signed in by this, as of now; null: the sign-in has ended. */
  resume(credential: Credential): Promise<Principal | null>;
  /** Whether a thing is the caller's. */
  isOwned(owned: Owned, id: string, principal: Principal): Promise<boolean>;
  /** Whether a user whose token says that they are an admin is one still. */
  isAdminStill(userId: string): Promise<boolean>;
  /** Whose idempotency key this is: the caller's, or one of `anonymous` where the caller has adopted it. */
  keyCallerOf(principal: Principal, idempotencyKey: string): Promise<string>;
}

/** Whether somebody may call what has this rule. */
export function mayCall(access: Access, principal: Principal): boolean {
  return access.rule !== 'roles' || isAllowed(access, principal);
}

/**
 * Whose request this is. Where credentials do not matter they are not looked at.
 *
 * @throws AppError `NOT_SIGNED_IN` for credentials that are not good
 */
export async function identify(control: AccessControl, access: Access, req: Request): Promise<Principal> {
  if (!looksAtCredentials(control, access, req)) return ANONYMOUS;
  return principalOf(control.authenticators, req);
}

/** Whether a request has credentials, of a route to which they matter. */
export function looksAtCredentials(
  { authenticators }: Pick<AccessControl, 'authenticators'>,
  { rule }: Access,
  req: Request,
): boolean {
  if (rule === 'operations' || rule === 'signature') return false;
  return authenticators.some((each) => each.isUsedBy(req));
}

/** Whether somebody's own traces go on here, and are recorded as they say: services by their secret keys, and staff. Customers are anybody. */
export function tracesCalls({ role }: Principal): boolean {
  return role !== null && role !== 'customer';
}

/** Whether a request has credentials, good or not, that not everybody may know. */
export function sendsSecret(
  { authenticators }: Pick<AccessControl, 'authenticators'>,
  req: Request,
): boolean {
  return authenticators.some((each) => each.isUsedBy(req) && each.arePublic?.(req) !== true);
}

/**
 * Refuses a request that this caller may not make.
 *
 * @throws AppError `NOT_SIGNED_IN`, `NOT_ALLOWED`, and `NOT_FOUND` for what is not theirs
 */
export async function expectAdmitted(
  control: AccessControl,
  access: Access,
  principal: Principal,
  req: Request,
): Promise<void> {
  expectAccess(access, principal);
  if (access === ADMINS) await expectAdminStill(control, principal);
  await expectOwned(control, access, principal, req);
}

/**
 * For what an access token of somebody who was an admin must not do in its last minutes: give rights.
 *
 * @throws AppError `NOT_ALLOWED`
 */
export async function expectAdminStill(
  { isAdminStill }: Pick<AccessControl, 'isAdminStill'>,
  { kind, id }: Principal,
): Promise<void> {
  if (kind === 'user' && !(await isAdminStill(id)))
    throw problem('NOT_ALLOWED', 'You are no longer an admin, or your account is disabled.');
}

/**
 * For responses that go on for long: a session may have ended before its access tokens do, and rights may have changed.
 *
 * @throws AppError `NOT_SIGNED_IN`
 */
export async function expectSignedInStill(
  { resume }: Pick<AccessControl, 'resume'>,
  { credential, role, scopes }: Principal,
): Promise<void> {
  if (!credential) return;
  const now = await resume(credential);
  if (now?.role !== role || now.scopes.join() !== scopes.join())
    throw notSignedIn('The sign-in has ended, or gives other rights by now.');
}

/** So long ago somebody may have signed in for what cannot be taken back, or gives others rights. */
const RECENT_SIGN_IN_SECONDS = 900;
/** The provider's clock may be ahead of ours. */
const CLOCK_AHEAD_MS = 60_000;

/**
 * For what a token that somebody else got hold of must not do: erase a person, make keys, give rights, have events sent elsewhere. Services have no
 * sign-in.
 *
 * @throws AppError `SIGN_IN_NOT_RECENT` for a person who has signed in longer ago than `RECENT_SIGN_IN_SECONDS`, or whose token does not say when
 */
export function expectRecentSignIn({ kind, signedInAt }: Principal, now = Date.now()): void {
  if (kind !== 'user') return;
  const ago = now - (signedInAt?.getTime() ?? Number.NEGATIVE_INFINITY);
  const isRecent = ago <= RECENT_SIGN_IN_SECONDS * 1_000 && ago >= -CLOCK_AHEAD_MS;
  // Also of a time that there is not, which is neither.
  if (!isRecent)
    throw problem(
      'SIGN_IN_NOT_RECENT',
      `Sign in anew: this is for who has done so within ${RECENT_SIGN_IN_SECONDS / 60} minutes.`,
      { maxAge: RECENT_SIGN_IN_SECONDS },
    );
}

const NO_SUCH: Readonly<Record<Owned, string>> = {
  order: 'There is no such order.',
  reservation: 'There is no such hold.',
  return: 'There is no such return.',
  job: 'There is no such job.',
  user: 'There is no such user.',
};

/** @throws AppError `NOT_FOUND` where the thing that the address names is not the caller's, or there is none */
async function expectOwned(
  control: AccessControl,
  access: Access,
  principal: Principal,
  req: Request,
): Promise<void> {
  const id = String(req.params['id'] ?? req.params['jobId']).toLowerCase();
  // What is no id at all is left to the route.
  if (validate(id)) await expectOwn(control, access, id, principal);
}

/** @throws AppError `NOT_FOUND` where this rule is for what is theirs, and the thing is not, or there is none */
export async function expectOwn(
  { isOwned }: Pick<AccessControl, 'isOwned'>,
  access: Access,
  id: string,
  principal: Principal,
): Promise<void> {
  if (access.rule !== 'roles' || access.owned === undefined) return;
  if (!(await isOwned(access.owned, id, principal))) throw notFound(NO_SUCH[access.owned]);
}

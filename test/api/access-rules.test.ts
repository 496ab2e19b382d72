import * as access from '../../api/http/access';
import { orderViewerOf, sees, viewerOf } from '../../domain/identity/rules';
import { ANONYMOUS, ROLES, type Principal, type Role, type Scope } from '../../domain/identity/types';

function principal(role: Role | null, scopes: readonly Scope[] = []): Principal {
  const kind = role === 'customer' ? 'user' : 'service';
  return { kind, id: 'me', caller: `${kind}:me`, role, scopes };
}

/** Null: let in. */
function codeOf(rule: access.Access, who: Principal): string | null {
  try {
    access.expectAccess(rule, who);
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** Rules by name, and the roles that they let in without any scope. */
const RULES: Readonly<Record<string, readonly Role[]>> = {
  ADMINS: ['admin'],
  OPERATORS: ['operator', 'admin'],
  PEOPLE_ONLY: ['customer', 'operator', 'admin'],
  OWN_USER: ['customer', 'operator', 'admin'],
  ORDERS: ['customer', 'operator', 'admin'],
  RETURNS: ['operator', 'admin'],
  OWN_RETURN: ['operator', 'admin'],
  OWN_ORDER: ['customer', 'operator', 'admin'],
  ORDER_CONTACT: ['operator', 'admin'],
  OWN_RESERVATIONS: ['operator', 'admin'],
  OWN_RESERVATION: ['operator', 'admin'],
  READ_RESERVATION: ['operator', 'admin'],
  AVAILABILITY: ['customer', 'operator', 'admin'],
  READ_INVENTORY: ['operator', 'admin'],
  CHANGE_INVENTORY: ['operator', 'admin'],
  READ_CATALOGUE: ['customer', 'operator', 'admin'],
  CHANGE_CATALOGUE: ['operator', 'admin'],
  JOBS: ['operator', 'admin'],
  OWN_JOB: ['operator', 'admin'],
  READ_EVENTS: ['operator', 'admin'],
  FOLLOW: ['customer', 'operator', 'admin'],
  REPORT_BOUNCES: ['operator', 'admin'],
  PUBLIC: ROLES,
  OPERATIONS: ROLES,
  SIGNATURE: ROLES,
};

const all = Object.entries(access).flatMap(([name, value]): [string, access.Access][] =>
  typeof value === 'object' && 'rule' in value ? [[name, value]] : [],
);

it('every rule is known here', () => {
  expect(all.map(([name]) => name).sort()).toEqual(Object.keys(RULES).sort());
});

it.each(all)('%s lets in its roles and no other', (name, rule) => {
  const needsNone = ['public', 'operations', 'signature'].includes(rule.rule);
  for (const role of ROLES)
    expect([role, codeOf(rule, principal(role))]).toEqual([
      role,
      RULES[name]?.includes(role) ? null : 'NOT_ALLOWED',
    ]);
  expect(codeOf(rule, ANONYMOUS)).toBe(needsNone ? null : 'NOT_SIGNED_IN');
  // A publishable key is nobody, but where its one scope is asked for: it may follow what it may read.
  const publishable = codeOf(rule, principal(null, ['availability:read']));
  expect(publishable).toBe(needsNone || ['AVAILABILITY', 'FOLLOW'].includes(name) ? null : 'NOT_ALLOWED');
});

it('scopes are of services: they make no customer an operator', () => {
  const greedy = principal('customer', ['inventory:write', 'orders:all', 'catalogue:write']);
  expect(codeOf(access.CHANGE_INVENTORY, greedy)).toBe('NOT_ALLOWED');
  expect(viewerOf(greedy)).toEqual({ owners: [], customerId: 'me' });
});

describe('who sees an order', () => {
  const order = { owner: 'service:shop', customerId: 'me' };
  const foreign = { owner: 'service:shop', customerId: 'somebody' };
  const own = { owner: 'service:me', customerId: 'somebody' };
  const before = { owner: 'anonymous', customerId: 'somebody' };

  it.each([
    [
      'a customer sees those of which they are the customer, whoever placed them',
      principal('customer'),
      [order],
    ],
    ['a service sees what it made', principal('service', ['orders']), [own]],
    [
      'the service that adopted anonymous sees what was made without sign-in',
      { ...principal('service', ['orders']), adoptsAnonymous: true },
      [own, before],
    ],
    [
      'a service with orders:all sees everything',
      principal('service', ['orders:all']),
      [order, foreign, own, before],
    ],
    ['an operator sees everything', principal('operator'), [order, foreign, own, before]],
    ['an admin sees everything', principal('admin'), [order, foreign, own, before]],
    [
      'a publishable key sees nothing but what its service made, and may read no order',
      principal(null),
      [own],
    ],
  ])('%s', (_what, who, seen) => {
    expect([order, foreign, own, before].filter((each) => sees(orderViewerOf(who), each))).toEqual(seen);
  });

  it('orders:all is of orders alone: of what is no order its holder sees their own', () => {
    expect(viewerOf(principal('service', ['orders:all']))).toEqual({
      owners: ['service:me'],
      customerId: null,
    });
  });

  it('a service is not taken for a customer who has its id', () => {
    expect(sees(orderViewerOf(principal('service', ['orders'])), order)).toBe(false);
  });
});

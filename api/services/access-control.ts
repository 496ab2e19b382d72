import { readJobActor } from '../../domain/jobs/jobs';
import { USER_ROLES } from '../../domain/identity/accounts/types';
import { activeUsers, isAdminStill } from '../../domain/identity/accounts/users';
import type { KeyReader } from '../../domain/identity/key-reader';
import { orderViewerOf, sees, viewerOf } from '../../domain/identity/rules';
import { liveSessions } from '../../domain/identity/sessions/sessions';
import { redeemTicket } from '../../domain/identity/tickets/tickets';
import { ANONYMOUS, type Credential, type Principal } from '../../domain/identity/types';
import { readOrderOwners } from '../../domain/orders/owners';
import { readReturnOrder } from '../../domain/warehousing/returns/views';
import { readReservationOwners } from '../../domain/stock/reservations/owners';
import type { Database } from '../../platform/database/database';
import { findKey } from '../../platform/database/idempotency';
import { createSharedReads } from '../../platform/shared-reads';
import type { AccessControl, Owned } from '../http/access';
import { ticketOf } from '../http/upgrades';
import type { Authenticator } from '../http/authentication';
import { accessTokens, userPrincipal, type Accounts } from './accounts';

const READS = { lanes: 2, maxBatch: 64 };

/** Signs in by API key or access token, and tells whose a thing is. */
export function createAccessControl({
  db,
  keys,
  accounts,
}: {
  db: Database;
  keys: KeyReader;
  accounts: Accounts;
}): AccessControl {
  const orderOwner = createSharedReads({ ...READS, read: (ids) => readOrderOwners(db, ids) });
  const reservationOwner = createSharedReads({ ...READS, read: (ids) => readReservationOwners(db, ids) });

  async function isSeen(owned: Owned, id: string, principal: Principal): Promise<boolean> {
    const viewer = viewerOf(principal);
    if (viewer.owners === null) return true;
    switch (owned) {
      case 'order': {
        const orderViewer = orderViewerOf(principal);
        if (orderViewer.owners === null) return true;
        const order = await orderOwner(id);
        return order !== null && sees(orderViewer, order);
      }
      case 'reservation': {
        const reservation = await reservationOwner(id);
        if (!reservation) return false;
        return reservation.orderId === null
          ? sees(viewer, { ...reservation, customerId: null })
          : isSeen('order', reservation.orderId, principal);
      }
      case 'return': {
        const orderId = await readReturnOrder(db, id);
        return orderId !== null && isSeen('order', orderId, principal);
      }
      case 'user':
        return principal.kind === 'user' && principal.id === id.toLowerCase();
      case 'job': {
        const owner = await readJobActor(db, id);
        return owner !== null && sees(viewer, { owner, customerId: null });
      }
    }
  }

  const session = createSharedReads({
    ...READS,
    read: async (ids) => new Map((await liveSessions(db, ids)).map((row) => [row.sessionId, row])),
  });
  const activeUser = createSharedReads({
    ...READS,
    read: async (ids) => new Map((await activeUsers(db, ids)).map((row) => [row.id, row])),
  });

  async function resume(credential: Credential): Promise<Principal | null> {
    if (credential.kind === 'key') return keys.principalById(credential.id);
    if (credential.until <= Date.now()) return null;
    if (credential.kind === 'linked') {
      const { id, role } = credential;
      return (await activeUser(id)) && userPrincipal(id, { role, signedInAt: null, credential });
    }
    const found = await session(credential.id);
    const role = found && USER_ROLES.find((one) => one === found.role);
    if (!role) return null;
    return userPrincipal(found.userId, { role, signedInAt: found.signedInAt, credential });
  }

  return {
    authenticators: [apiKeys(keys), accessTokens(db, accounts), tickets(db, resume)],
    resume,
    isOwned: isSeen,
    isAdminStill: (userId) => isAdminStill(db, userId),
    async keyCallerOf({ caller }, key) {
      const own = await findKey(db, { caller, key });
      if (own) return caller;
      return (await findKey(db, { caller: ANONYMOUS.caller, key })) ? ANONYMOUS.caller : caller;
    },
  };
}

const HEADER = 'x-api-key';

function apiKeys(keys: KeyReader): Authenticator {
  return {
    scheme: {
      name: 'apiKey',
      description: {
        type: 'apiKey',
        in: 'header',
        name: 'X-Api-Key',
        description: 'Of a service: `hf_live_…`, or `hf_pub_…` for availability only',
      },
    },
    isUsedBy: (req) => req.headers[HEADER] !== undefined,
    // What is no key at all is nobody's secret either.
    arePublic: (req) => !/^hf_live_\w/.test(req.get(HEADER) ?? ''),
    authenticate: (req) => keys.principalOf(req.get(HEADER) ?? ''),
  };
}

/** Of a page that opens a WebSocket, with which it can send no headers: its ticket is one of the subprotocols that it offers. */
function tickets(db: Database, resume: (credential: Credential) => Promise<Principal | null>): Authenticator {
  return {
    scheme: {
      name: 'ticket',
      description: {
        type: 'apiKey',
        in: 'header',
        name: 'Sec-WebSocket-Protocol',
        description:
          'Of a WebSocket of a page: `holdfast.v1, ticket.<ticket>`, of `POST /ws/tickets`; good once',
      },
    },
    onlyFor: 'upgrades',
    isUsedBy: (req) => ticketOf(req) !== undefined,
    async authenticate(req) {
      const credential = await redeemTicket(db, ticketOf(req) ?? '');
      return credential && resume(credential);
    },
  };
}

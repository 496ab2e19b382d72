import { askGateway, type AskRequest } from '../../domain/ordering/ask-gateway';
import type { OrderProgress } from '../../domain/ordering/types';
import type { GatewayNamed } from '../../domain/payments/gateway';
import type { Database } from '../../platform/database/database';
import { CHARGE_TERMS } from '../support/fixtures';
import type { PaidOrder } from './paid-order';

/** How long a charge may be without an outcome. */
const LIMIT_SECONDS = 3_600;

/** An order whose card is being charged. */
export type Charging = Omit<PaidOrder, 'shipments'>;

export type Asking = AskRequest & { gatewayNamed: GatewayNamed };

/** Asks the gateway about the charge of an order, as the saga does. */
export function askAbout(
  deps: { db: Database; gatewayNamed: GatewayNamed },
  { orderId, paymentId }: Pick<Charging, 'orderId' | 'paymentId'>,
  { gatewayNamed = deps.gatewayNamed, ...rest }: Partial<Asking> = {},
): Promise<OrderProgress> {
  return askGateway(
    { db: deps.db, gatewayNamed, carrier: 'sandbox', ...CHARGE_TERMS },
    {
      orderId,
      ask: { kind: 'charge', id: paymentId },
      firstRetrySeconds: 0.5,
      unknownLimitSeconds: LIMIT_SECONDS,
      briefMs: null,
      ...rest,
    },
  );
}

interface Asked {
  tries: number;
  lastError: string | null;
  dueIn: number | null;
}

export async function readAsked(db: Database, { paymentId }: Charging): Promise<Asked> {
  const { rows } = await db.pool.query<Asked>(
    `select tries, last_error as "lastError", extract(epoch from next_try_at - clock_timestamp())::float8 as "dueIn"
     from payments where id = $1`,
    [paymentId],
  );
  return rows[0]!;
}

export async function readReservationStatus(
  db: Database,
  { reservationId }: Charging,
): Promise<string | undefined> {
  const { rows } = await db.pool.query<{ status: string }>('select status from reservations where id = $1', [
    reservationId,
  ]);
  return rows[0]?.status;
}

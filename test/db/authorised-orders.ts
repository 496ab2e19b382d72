import { askToStop } from '../../domain/fulfilment/stop';
import type { Carrier } from '../../domain/fulfilment/types';
import { askGateway, type AskDeps } from '../../domain/ordering/ask-gateway';
import { cancelUndelivered, concludeCancel } from '../../domain/ordering/cancel';
import type { OrderAmender } from '../../domain/ordering/amendments/amend';
import { actOnLapse, settleAuthorizations, type LapseAction } from '../../domain/ordering/capture';
import { cutUnits } from '../../domain/ordering/cuts/cut';
import { requestCut } from '../../domain/ordering/cuts/request';
import { expireReservation } from '../../domain/ordering/expire';
import { beginCharge, type BeginChargeRequest } from '../../domain/ordering/pay';
import { existingProgress } from '../../domain/ordering/progress';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { nextStep, type NextStep } from '../../domain/ordering/rules';
import type { OrderInput } from '../../domain/orders/types';
import type { ClosableGateway, PaymentGateway } from '../../domain/payments/gateway';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { newId } from '../../platform/ids';
import { CHARGE_TERMS } from '../support/fixtures';
import { testLogger } from '../support/servers';
import {
  CARRIER,
  makeAsksDue,
  obligingCarrier,
  openOrderShop,
  orderOf,
  PAYMENT,
  ship,
  twice,
  viewOf,
  type OrderShop,
} from './support';

/** What a step of the saga needs beside the rows. */
export interface Surroundings {
  gateway: PaymentGateway;
  carrier: Carrier;
  lapse: LapseAction;
  actionSeconds: number;
  unknownLimitSeconds: number;
  /** Goes on with what an order is amended by. */
  amend?: OrderAmender;
}

/** Orders with a gateway that answers, and the saga's steps without a saga. */
export interface AuthorisedShop extends OrderShop {
  gateway: ClosableGateway;
  /** Takes every step that is due, and returns what is waited for. */
  carryOn(orderId: string, rest?: Partial<Surroundings>): Promise<NextStep['do']>;
  /** The same once what waits for its next try is due. */
  letRetry(orderId: string, rest?: Partial<Surroundings>): Promise<NextStep['do']>;
  /** An order whose money is taken as its parcels leave, with its charge made. Returns its id. */
  authorised(
    items: Record<string, number>,
    rest?: Partial<OrderInput>,
    around?: Partial<Surroundings>,
  ): Promise<string>;
  /** Its parcel from a warehouse is picked up. */
  pickUp(orderId: string, warehouse: string, rest?: Partial<Surroundings>): Promise<void>;
  pay(orderId: string, token: string, rest?: Partial<BeginChargeRequest>): ReturnType<typeof beginCharge>;
  cut(orderId: string, items: Record<string, number>): Promise<void>;
  /** Figures of its payments, oldest first. */
  money(orderId: string): Promise<Money[]>;
}

/** Of a payment, minor units. */
export interface Money {
  status: string;
  captured: number;
  refunded: number;
  /** Amount and status, oldest first. */
  captures: [number, string][];
}

const STEPS = 60;

/** @param repeats steps of money are taken twice, and are to change nothing the second time; it reads all that is stored */
export async function openAuthorisedShop({ repeats = true } = {}): Promise<AuthorisedShop> {
  const shop = await openOrderShop();
  const { db } = shop;
  const gateway = createSandboxGateway({
    url: shop.url,
    log: testLogger(),
    callTimeoutMs: 5_000,
    slowMs: 3_600_000,
  });

  const moneyStep = (step: () => Promise<unknown>) => (repeats ? twice(db, step) : step());

  function take(orderId: string, step: NextStep, around: Surroundings): Promise<unknown> {
    const { lapse, carrier, gateway: asked, actionSeconds, unknownLimitSeconds } = around;
    switch (step.do) {
      case 'cancel':
        return cancelUndelivered(db, orderId);
      case 'amend':
        if (!around.amend) throw new Error('nothing amends it');
        return around.amend(orderId);
      case 'conclude-cancel':
        return concludeCancel(db, orderId);
      case 'cut':
        return cutUnits(db, orderId);
      case 'stop':
        return askToStop({ db, carriers: [carrier] }, orderId);
      case 'release-stopped':
        return releaseStoppedShipments(db, { orderId, endAs: 'cancelled' });
      case 'settle-authorizations':
        return moneyStep(() => settleAuthorizations(db, orderId));
      case 'act-on-lapse':
        return moneyStep(() => actOnLapse(db, { orderId, action: lapse }));
      case 'expire':
        return expireReservation(db, { orderId, reservationId: step.reservationId });
      case 'begin-charge': {
        const { reservationId } = step;
        const charge = { updateId: `allocation:${reservationId}`, payment: null, reservationId };
        return beginCharge(db, { orderId, ...charge, gateway: around.gateway.name, attemptLimit: 10 });
      }
      case 'ask': {
        const terms = { ...CHARGE_TERMS, actionSeconds };
        const deps: AskDeps = { db, gatewayNamed: () => asked, carrier: CARRIER, ...terms };
        const how = { firstRetrySeconds: 0.5, unknownLimitSeconds, briefMs: null };
        return askGateway(deps, { orderId, ask: step.ask, ...how }).finally(() =>
          postponeRetries(db, orderId),
        );
      }
      default:
        throw new Error(`not a step of these tests: ${step.do}`);
    }
  }

  const made: AuthorisedShop = {
    ...shop,
    gateway,
    async carryOn(orderId, rest = {}) {
      const around = {
        gateway,
        carrier: obligingCarrier,
        lapse: 'capture' as const,
        actionSeconds: 900,
        unknownLimitSeconds: 3_600,
        ...rest,
      };
      const taken: string[] = [];
      while (taken.length < STEPS) {
        const step = nextStep(await existingProgress(db, orderId));
        if (step.do === 'wait' || step.do === 'finish') return step.do;
        taken.push(step.do);
        await take(orderId, step, around);
      }
      throw new Error(`The order does not come to rest: ${taken.slice(-10).join(', ')}`);
    },
    async letRetry(orderId, rest) {
      await makeAsksDue(db, orderId);
      return made.carryOn(orderId, rest);
    },
    async authorised(items, rest, around) {
      const order = orderOf(items, { payment: PAYMENT, capture: 'on_shipment', ...rest });
      await shop.place(order);
      await made.carryOn(order.orderId, around);
      return order.orderId;
    },
    async pickUp(orderId, warehouse, rest) {
      await ship(db, orderId, warehouse, 'picked_up');
      await made.carryOn(orderId, rest);
    },
    pay: (orderId, token, rest = {}) =>
      beginCharge(db, {
        orderId,
        updateId: newId(),
        payment: { method: 'card', token },
        reservationId: null,
        gateway: 'sandbox',
        attemptLimit: 10,
        ...rest,
      }),
    async cut(orderId, items) {
      await requestCut(db, {
        orderId,
        requestId: newId(),
        items: Object.entries(items).map(([sku, quantity]) => ({ sku, quantity })),
        reason: 'too many',
      });
    },
    async money(orderId) {
      const { payments } = await viewOf(db, orderId);
      return payments.map((payment) => ({
        status: payment.status,
        captured: payment.capturedMinor,
        refunded: payment.refundedMinor,
        captures: payment.captures.map(({ amountMinor, status }) => [amountMinor, status]),
      }));
    },
    async close() {
      await gateway.close();
      await shop.close();
    },
  };
  return made;
}

/** The gateway, changed where it is asked for money of an authorisation. */
export function withCaptures(gateway: PaymentGateway, capture: PaymentGateway['capture']): PaymentGateway {
  return { ...gateway, capture };
}

/** A gateway that captures an authorised charge once, whatever for. */
export function withoutMulticapture(gateway: PaymentGateway): PaymentGateway {
  const once = <T extends { status: string } | null>(outcome: T): T =>
    outcome?.status === 'authorized' ? { ...outcome, multicapture: false } : outcome;
  return {
    ...gateway,
    charge: async (request) => once(await gateway.charge(request)),
    find: async (request) => once(await gateway.find(request)),
    capture: (request) => gateway.capture({ ...request, isFinal: true }),
  };
}

/** A gateway that takes the money and whose responses are lost, or that does not respond at all. */
export function silent(gateway: PaymentGateway, { isMade }: { isMade: boolean }): PaymentGateway {
  return withCaptures(gateway, async (request) => {
    if (isMade) await gateway.capture(request);
    throw new Error('the connection was lost');
  });
}

/** What is tried again in a moment is tried again when the test says so, on a slow machine too. */
async function postponeRetries(db: OrderShop['db'], orderId: string): Promise<void> {
  for (const table of ['payments', 'captures', 'refunds'])
    await db.pool.query(
      `update ${table} set next_try_at = next_try_at + interval '1 hour'
       where order_id = $1 and next_try_at < clock_timestamp() + interval '1 minute'`,
      [orderId],
    );
}

import type { ShipmentStatus, ShipmentView } from '../fulfilment/types';
import type { AttentionView } from '../orders/attention';
import type {
  AttentionKind,
  CancelState,
  Fulfilment,
  ItemStatus,
  OrderStatus,
  ReviewStatus,
} from '../orders/types';
import type { PaymentStatus } from '../payments/types';
import type { DisputeView, PaymentView, RefundView } from '../payments/view-types';
import type { ReservationStatus } from '../stock/reservations/types';
import type { ShipTo, Shortage } from '../stock/sourcing/types';
import type { AmendmentStage, AmendRefusalCode } from './amendments/types';

/** One reservation of an order, with its time left by PostgreSQL's clock. */
export interface ReservationProgress {
  reservationId: string;
  seq: number;
  status: ReservationStatus;
  attempt: number;
  /** It is paid for, and nothing of it is in a shipment yet: its order is reviewed. Absent, of a history from before reviews: false. */
  isUnshipped?: boolean;
  expiresAt: string;
  /** Milliseconds until it falls due; zero or less: it is due. */
  msLeft: number;
}

/**
 * Where an order stands, read from its rows in one statement. The saga decides every next step from this alone, so a saga
 * that is started again after being terminated carries on where the rows are.
 */
export interface OrderProgress {
  orderId: string;
  status: OrderStatus;
  failureCode: string | null;
  /** Live reservations, oldest first. */
  reservations: ReservationProgress[];
  /** Every charge, oldest first. */
  payments: { paymentId: string; status: PaymentStatus }[];
  /**
   * Milliseconds until the first of its customer's authentications is no longer waited for; null: none is. Absent, of a history from before:
   * not known.
   */
  actionMsLeft?: number | null;
  /** What the gateway is to be asked about. */
  asks: GatewayAsk[];
  /** True when parts that are allocated later can be charged without asking. */
  hasPaymentMethod: boolean;
  /** What became of the latest request to cancel it: still under way, something was ended, or nothing could be. Null: there was none. */
  cancel: CancelState | null;
  /** Units that wait for stock. */
  waitingUnits: number;
  /** Milliseconds until they no longer wait; null: without end. */
  waitingMsLeft: number | null;
  /**
   * Milliseconds until its review is decided as set; null: nobody is to decide, or not before money is authorised. Absent, of a history
   * from before reviews: null.
   */
  reviewMsLeft?: number | null;
  /** Count of shipments by status. */
  shipments: Partial<Record<ShipmentStatus, number>>;
  /** Shipments that have not left and that the carrier has not refused to stop. */
  stoppableShipments: number;
  /** Milliseconds until a carrier is to be asked (again) to stop a shipment; null: none is being stopped. */
  stopMsLeft: number | null;
  /** The same of each, those first that are due longest. */
  stops?: { shipmentId: string; msLeft: number }[];
  /** Shipments that failed or were voided, and whose units are still reserved. */
  unreleasedShipments: number;
  /** Shipments that carry again what has left after it was stopped for a cut. */
  doubledShipments: number;
  /** Money is to be taken of an authorised payment, or to be voided, and that is not planned yet. */
  mayCapture?: boolean;
  /** Milliseconds until something is to be done about an authorisation before the gateway drops it; null: nothing is. */
  lapseMsLeft?: number | null;
  /**
   * Milliseconds until an authorisation, or what a person settled, is to be looked up at the gateway; null: none will be. One that
   * is due already is among the asks.
   * Absent, of a history from before: null.
   */
  lookMsLeft?: number | null;
  /** The latest requests to take units out of it: whether more may be cut, and how many units were. */
  cuts: { requestId: string; isOpen: boolean; units: number }[];
  /** Something can be done about an open one now: of its products not all is being stopped or charged. */
  mayCut: boolean;
  /** The latest requests to amend it, and why one was refused. */
  amendments?: { requestId: string; state: CancelState; code: AmendRefusalCode | null }[];
  /** Something can be done about an open one now: it is not begun, or what it waited for is decided. */
  mayAmend?: boolean;
  /** For what it needs a person, each kind once. */
  attention: AttentionKind[];
}

/** What the gateway has not finished: a charge, money to take of one, what is to be voided of one, a refund. */
export interface GatewayAsk {
  kind: 'charge' | 'capture' | 'void' | 'refund';
  /** Of the payment, the capture, or the refund. */
  id: string;
  /** How often the gateway was asked. */
  tries: number;
  /** Milliseconds until it is to be asked again; zero or less: now. */
  msLeft: number;
}

/** Why nothing is charged. */
export type PayRefusal =
  'HOLD_EXPIRED' | 'ORDER_NOT_PAYABLE' | 'PAYMENT_IN_PROGRESS' | 'PAYMENT_ATTEMPTS_EXCEEDED';

/** Of a request to amend or to cut that is not recorded: its order has as many as are allowed. */
export const AMENDMENTS_EXCEEDED = 'AMENDMENTS_EXCEEDED';

/** The type of the failure of a step that fails each time it is tried. Its details are a `StepFailure`. */
export const STEP_FAILED = 'STEP_FAILED';

export interface StepFailure {
  /** In words, without the text of the error: it is shown to whoever reads the order. The worker logs the rest. */
  why: string;
  /** False: it fails for every order alike, so no single one needs a person. */
  isOfOrder: boolean;
}

/** What a reserve request came to. It is stored: the same order asked again gets the same outcome and its current progress. */
export interface ReserveOutcome {
  outcome: 'reserved' | 'rejected' | 'refused';
  shortages: Shortage[];
  /** Why it was refused (UNKNOWN_SKU, ORDER_FAILED, ...). */
  code: string | null;
  detail: string | null;
  progress: OrderProgress | null;
}

/** The order as `GET /orders/{id}` shows it. Money in minor units, times RFC 3339. */
export interface OrderView {
  id: string;
  status: OrderStatus;
  customerId: string;
  fulfilment: Fulfilment;
  currency: string;
  totalMinor: number;
  shipTo: ShipTo | null;
  failureCode?: string;
  cancelReason?: string;
  items: OrderItemView[];
  reservation: ReservationView | null;
  reservations: ReservationView[];
  payment: PaymentView | null;
  payments: PaymentView[];
  refunds: RefundView[];
  disputes: DisputeView[];
  /** Null: it is not reviewed. */
  review: ReviewView | null;
  shipments: ShipmentView[];
  /** Requests to take units out of it that are under way, oldest first. */
  openCuts: OpenCutView[];
  /** Requests to amend it that are not decided, oldest first. */
  openAmendments: OpenAmendmentView[];
  /** For what it needs a person, oldest first. */
  attention: AttentionView[];
  createdAt: string;
  updatedAt: string;
}

export interface ReviewView {
  status: ReviewStatus;
  /** Until when somebody may decide; null: nothing was authorised that could be decided about. */
  deadline: string | null;
}

/** A request to take units out of an order of which more may be taken out. */
export interface OpenCutView {
  requestId: string;
  /** RFC 3339. */
  since: string;
  reason: string | null;
  /** What was asked for, and what of it is taken out so far. */
  items: { sku: string; quantity: number; cutQuantity: number }[];
}

/** A request to amend an order that is neither done nor refused. */
export interface OpenAmendmentView {
  requestId: string;
  /** `requested`: it is not begun, and the order is as before. */
  status: 'requested' | AmendmentStage;
  /** RFC 3339. */
  since: string;
  /** Units that the order is to have; SKUs that are not named stay. */
  items: { sku: string; quantity: number }[];
  /** Null: it goes where it went. */
  shipTo: ShipTo | null;
  /** What is charged for what it adds; null: nothing is, or not yet. */
  paymentId: string | null;
  /** What it waits for, in words. */
  why: string;
}

export interface OrderItemView {
  sku: string;
  quantity: number;
  unitPriceMinor: number;
  status: ItemStatus;
  reservedQuantity: number;
  backorderedQuantity: number;
  fulfilledQuantity: number;
  cancelledQuantity: number;
  allocations: { warehouse: string; quantity: number }[];
}

export interface ReservationView {
  id: string;
  /** `charging` is shown as `pending`. */
  status: Exclude<ReservationStatus, 'charging'>;
  expiresAt: string;
}

import type { AddedUnits, SourcingChange } from '../../orders/amend';
import type { CancelState, OrderInput } from '../../orders/types';
import type { ShipTo } from '../../stock/sourcing/types';

/** Under way: what is added waits for its payment; what is taken out is being cut. */
export const AMENDMENT_STAGES = ['charging', 'cutting'] as const;
export type AmendmentStage = (typeof AMENDMENT_STAGES)[number];

/** Why an order stays as it was. */
export const AMEND_REFUSALS = [
  'OUT_OF_STOCK',
  'NOT_AMENDABLE',
  'PAYMENT_DECLINED',
  'UNKNOWN_SKU',
  'MIXED_CURRENCIES',
  'PRICE_NOT_CHARGEABLE',
  'PRICE_CHANGED',
  'PAYMENT_ATTEMPTS_EXCEEDED',
  'UNPAID_LIMIT',
  'NOTHING_LEFT',
] as const;
export type AmendRefusalCode = (typeof AMEND_REFUSALS)[number];

/** Why nothing is decided about it: something else of the order is under way. The request is forgotten, so that it may come again. */
export const AMENDMENT_IN_PROGRESS = 'AMENDMENT_IN_PROGRESS';

export interface AmendRefusal {
  code: AmendRefusalCode;
  detail: string;
  /** Figures that belong to the code. */
  details?: Readonly<Record<string, unknown>>;
}

/** What is asked for. */
export interface AmendRequest {
  orderId: string;
  /** The same request again is the same amendment. */
  requestId: string;
  /** Units that the order is to have; SKUs that are not named stay, 0 removes one. */
  items: readonly { sku: string; quantity: number }[];
  /** Null: it goes where it went. */
  shipTo: ShipTo | null;
  /** The caller who asks for it. */
  actor?: string | undefined;
}

/** What is put back if an amendment is refused after it was begun. */
export interface AmendmentUndo {
  added: readonly AddedUnits[];
  /** What its additions cost, minor units. */
  totalMinor: number;
  /** Where the order went before; undefined: the amendment changes nothing about it. */
  shipTo?: ShipTo | null;
  /** Why what the order had of these SKUs comes from where it does; undefined: nothing is added, or it began before this was kept. */
  sourcing?: SourcingChange;
}

export interface OpenAmendment extends AmendRequest {
  stage: AmendmentStage | null;
  /** Of its additions, where they have a payment of their own. */
  reservationId: string | null;
  undo: AmendmentUndo | null;
}

/** How an amendment stands. */
export interface AmendmentOutcome {
  state: CancelState;
  code: AmendRefusalCode | null;
  detail: string | null;
  /** Figures of why it was refused. `notTakenOut` (`OrderedItems`): units that should have been taken out and could not. */
  details: Readonly<Record<string, unknown>>;
}

export type OrderedItems = OrderInput['items'];

import type { SignatureVerdict } from '../../platform/webhook-signature';
import type { DisputeStatus } from './types';

/** What a gateway tells by itself. Money in minor units of ISO 4217. */
export interface GatewayEvent {
  /** The gateway's id of it: applied once. */
  eventId: string;
  /** The gateway's word for what happened. */
  type: string;
  /** When the gateway made it. */
  occurredAt: Date;
  /** Null: nothing that Holdfast acts on. */
  fact: GatewayFact | null;
}

/** What became of an event: `stale` changes nothing any more; `unknown` is about nothing of ours; `ignored` is of another kind. */
export const GATEWAY_EVENT_RESULTS = ['applied', 'duplicate', 'stale', 'unknown', 'ignored'] as const;
export type GatewayEventResult = (typeof GATEWAY_EVENT_RESULTS)[number];

/** The payment that a fact is about: by the gateway's id of the charge or by ours, where the gateway knows it. */
interface AboutCharge {
  chargeRef: string | null;
  paymentId: string | null;
}

export type GatewayFact =
  /** Something happened to a charge. `hasEnded`: nothing of it is kept any more, so that nothing more of it can be captured */
  | ({ kind: 'charge'; hasEnded: boolean } & AboutCharge)
  | ({ kind: 'refund' } & AboutCharge & RefundFact)
  /** So much of a charge went back in all. */
  | ({ kind: 'refunded_total'; totalMinor: number } & AboutCharge)
  | ({ kind: 'dispute' } & AboutCharge & DisputeFact);

/** A refund as it was at the gateway when the event was made. */
export interface RefundFact {
  gatewayRef: string;
  /** Ours, where the gateway knows it. */
  refundId: string | null;
  status: 'pending' | 'succeeded' | 'failed';
  amountMinor: number;
  currency: string;
  /** Why it failed. */
  reason: string | null;
}

/** A dispute as it was at the gateway when the event was made. */
export interface DisputeFact {
  gatewayRef: string;
  amountMinor: number;
  currency: string;
  /** The gateway's word for why the customer disputes. */
  reason: string;
  status: DisputeStatus;
  dueBy: Date | null;
}

/** Reads what a gateway sends by itself. Implementations are under `integrations/`. */
export interface GatewayWebhook {
  /** False: no secret is set, so nothing can be verified. */
  readonly isSetUp: boolean;
  /** @param body the bytes as they were sent */
  verify(body: Buffer, header: (name: string) => string | undefined): SignatureVerdict;
  /** What a body says that was verified. */
  read(body: unknown): GatewayEvent;
}

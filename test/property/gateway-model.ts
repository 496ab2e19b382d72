import type { CaptureOutcome, KeySpent } from '../../domain/payments/gateway';
import type { Capture, Defect, Payment, Refund, Reply, Seed } from './order-rows';

/** A charge as the gateway has it, minor units. */
export interface Charge {
  status: 'requires_action' | 'authorized' | 'captured' | 'declined' | 'voided';
  amountMinor: number;
  capturedMinor: number;
  captureBefore: number;
  /** The gateway has dropped what was set aside. */
  hasLapsed: boolean;
}

/** A capture as the gateway has it, under one key. One that it refuses under a key it never makes under that. */
interface MadeCapture {
  captureId: string;
  paymentId: string;
  amountMinor: number;
  outcome: CaptureOutcome | KeySpent;
}

/** A refund as the gateway has it, under one key. One that it refuses under a key it never makes under that. */
interface MadeRefund {
  refundId: string;
  paymentId: string;
  amountMinor: number;
  ref: string | null;
  status: 'pending' | 'succeeded' | 'failed';
  /** It was refused since the money is not there. */
  isUncovered: boolean;
}

export type Known = Exclude<Charge['status'], 'voided'>;

/** What the gateway knows of an order's money by itself. It does what it is asked to as far as a gateway would. */
export class GatewayModel {
  readonly charges = new Map<string, Charge>();
  readonly captures = new Map<string, MadeCapture>();
  readonly refunds = new Map<string, MadeRefund>();

  constructor(
    private readonly seed: Pick<Seed, 'authorized'>,
    private readonly clock: { now: number },
    private readonly defect: Defect | null,
  ) {}

  /** What it says of a charge, which it makes where it is wanted and did not have it; undefined: nothing. */
  charge(payment: Payment, { wanted, reply }: { wanted: boolean; reply: Reply }): Known | undefined {
    if (reply === 'away') return undefined;
    const isSent = wanted || this.defect === 'unwanted-charge-sent';
    const known = this.charges.get(payment.id);
    if (!known && !isSent) this.put(payment, 'declined');
    else if (!known && reply === 'customer')
      this.put(payment, payment.offSession ? 'declined' : 'requires_action');
    else if (!known || known.status === 'requires_action') {
      if (!isSent) this.put(payment, 'declined');
      else if (reply === 'yes' || reply === 'lost') this.approve(payment);
      else if (reply === 'no') this.put(payment, 'declined');
    }
    const status = reply === 'lost' ? undefined : this.charges.get(payment.id)?.status;
    return status === 'voided' ? 'authorized' : status;
  }

  /** The customer authenticates, or fails to, on the page of the bank. */
  authenticate(payment: Payment, isGood: boolean): void {
    if (this.charges.get(payment.id)?.status !== 'requires_action') return;
    if (isGood) this.approve(payment);
    else this.put(payment, 'declined');
  }

  /** Takes money of a charge; undefined: nothing is known. */
  capture(
    { id, payment, amountMinor }: Capture,
    { keyNumber, isFinal, reply }: { keyNumber: number; isFinal: boolean; reply: Reply },
  ): CaptureOutcome | KeySpent | undefined {
    if (reply === 'away') return undefined;
    const charge = this.look(payment.id);
    const key = `${id}:${keyNumber}`;
    const made = this.captures.get(key) ?? {
      captureId: id,
      paymentId: payment.id,
      amountMinor,
      outcome: captureOutcome(charge, amountMinor, reply),
    };
    if (!this.captures.has(key) && made.outcome.status === 'succeeded' && charge) {
      charge.capturedMinor += amountMinor;
      if (isFinal || charge.capturedMinor === charge.amountMinor) charge.status = 'captured';
    }
    this.captures.set(key, made);
    return reply === 'lost' ? undefined : made.outcome;
  }

  /** Voids what is left of an authorisation; what was captured in all, minor units, or undefined: nothing is known. */
  void({ id }: Payment, reply: Reply): number | undefined {
    if (reply === 'away' || reply === 'no' || reply === 'held') return undefined;
    const charge = this.look(id);
    if (charge?.status === 'authorized') charge.status = charge.capturedMinor > 0 ? 'captured' : 'voided';
    return reply === 'lost' ? undefined : (charge?.capturedMinor ?? 0);
  }

  /** Gives money back; undefined: nothing is known. */
  refund(
    { id, payment, amountMinor }: Refund,
    { keyNumber, reply }: { keyNumber: number; reply: Reply },
  ): MadeRefund | undefined {
    if (reply === 'away') return undefined;
    const key = `${id}:${keyNumber}`;
    let made = this.refunds.get(key);
    if (!made) {
      const isUncovered = this.leftMinor(payment.id) < amountMinor;
      const status =
        isUncovered || reply === 'no' ? 'failed' : reply === 'held' ? ('pending' as const) : 'succeeded';
      const ref = status === 'failed' ? null : key;
      made = { refundId: id, paymentId: payment.id, amountMinor, ref, status, isUncovered };
      this.refunds.set(key, made);
    } else if (made.status === 'pending' && (reply === 'yes' || reply === 'no'))
      made.status = reply === 'yes' ? 'succeeded' : 'failed';
    return reply === 'lost' ? undefined : made;
  }

  /** Captured of a charge, and not given back. */
  private leftMinor(paymentId: string): number {
    let left = this.charges.get(paymentId)?.capturedMinor ?? 0;
    for (const made of this.refunds.values())
      if (made.paymentId === paymentId && made.status !== 'failed') left -= made.amountMinor;
    return left;
  }

  /** The charge as it is now: what was set aside for long enough is dropped. */
  private look(paymentId: string): Charge | undefined {
    const charge = this.charges.get(paymentId);
    if (charge?.status === 'authorized' && charge.captureBefore <= this.clock.now) {
      charge.status = charge.capturedMinor > 0 ? 'captured' : 'voided';
      charge.hasLapsed = true;
    }
    return charge;
  }

  private approve(payment: Payment): void {
    this.put(payment, payment.captureLater ? 'authorized' : 'captured');
  }

  private put({ id, amountMinor }: Payment, status: Charge['status']): void {
    const capturedMinor = status === 'captured' ? amountMinor : 0;
    const captureBefore = this.clock.now + this.seed.authorized.keptMs;
    this.charges.set(id, { status, amountMinor, capturedMinor, captureBefore, hasLapsed: false });
  }
}

function captureOutcome(
  charge: Charge | undefined,
  amountMinor: number,
  reply: Reply,
): CaptureOutcome | KeySpent {
  const isLeft = charge?.status === 'authorized' && charge.amountMinor - charge.capturedMinor >= amountMinor;
  if (!isLeft || reply === 'no') return { status: 'failed', reason: 'refused' };
  if (reply === 'held') return { status: 'key_spent', reason: 'a stored failure' };
  return { status: 'succeeded', gatewayRef: null, endedMinor: null };
}

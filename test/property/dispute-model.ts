import { disputeMoves } from '../../domain/payments/rules';
import {
  FREEZING_DISPUTE_STATUSES,
  OPEN_DISPUTE_STATUSES,
  type DisputeStatus,
} from '../../domain/payments/types';
import type { Defect, Payment } from './order-rows';

/** A dispute as our rows have it. Amounts in minor units. */
export interface Dispute {
  id: string;
  payment: Payment;
  amountMinor: number;
  status: DisputeStatus;
  occurredMs: number;
}

/** What a gateway tells of a dispute: once, twice, late, or in any order. */
type Told = Dispute & { isTold: boolean };

/** Where a dispute may go at the gateway; what is decided may only be decided otherwise, for the shop. */
const NEXT: Readonly<Record<DisputeStatus, readonly DisputeStatus[]>> = {
  inquiry: ['needs_response', 'closed'],
  needs_response: ['under_review', 'won', 'lost'],
  under_review: ['won', 'lost'],
  lost: ['won'],
  won: [],
  closed: [],
};

const includes = (statuses: readonly DisputeStatus[], status: DisputeStatus) => statuses.includes(status);

/** Disputes of an order's payments: as the gateway has them, what it tells of them, and our rows of it. */
export class DisputeModel {
  private readonly atGateway: Dispute[] = [];
  private readonly told: Told[] = [];
  readonly rows: Dispute[] = [];

  constructor(
    private readonly clock: { now: number },
    private readonly defect: Defect | null,
  ) {}

  /** A customer's bank asks for money of a charge, as far as it was captured and is not disputed. */
  open(payment: Payment, { amountMinor, isInquiry }: { amountMinor: number; isInquiry: boolean }): void {
    const before = this.atGateway.filter((one) => one.payment === payment);
    const leftMinor = payment.capturedMinor - before.reduce((sum, one) => sum + one.amountMinor, 0);
    if (leftMinor <= 0) return;
    const dispute: Dispute = {
      id: `d${this.atGateway.length + 1}`,
      payment,
      amountMinor: Math.min(amountMinor, leftMinor),
      status: isInquiry ? 'inquiry' : 'needs_response',
      occurredMs: this.second,
    };
    this.atGateway.push(dispute);
    this.told.push({ ...dispute, isTold: false });
  }

  /** A dispute goes on at the gateway, which has not told it yet. */
  move(which: number): void {
    const dispute = this.atGateway[which % this.atGateway.length];
    const next = dispute && NEXT[dispute.status];
    const status = next?.[which % next.length];
    if (!dispute || !status) return;
    Object.assign(dispute, { status, occurredMs: this.second });
    this.told.push({ ...dispute, isTold: false });
  }

  /** The gateway tells something that became of a dispute, perhaps again. Returns the payment of which refunds are due by it. */
  tell(which: number): Payment | null {
    const told = this.told[which % this.told.length];
    return told ? this.apply(told) : null;
  }

  /** Everything that is open is decided and told. Returns the payments of which refunds are due by it. */
  settle(): Payment[] {
    for (const dispute of this.atGateway)
      while (includes(OPEN_DISPUTE_STATUSES, dispute.status)) this.move(this.atGateway.indexOf(dispute));
    return this.told.filter(({ isTold }) => !isTold).flatMap((one) => this.apply(one) ?? []);
  }

  /** Whether our rows have each dispute as the gateway has it; it has told everything. */
  get isTrue(): boolean {
    return this.atGateway.every(
      ({ id, status }) => this.rows.find((one) => one.id === id)?.status === status,
    );
  }

  of(payment: Payment): Dispute[] {
    return this.rows.filter((one) => one.payment === payment);
  }

  /** By our rows somebody is to decide about money of the payment that the bank has taken. */
  isFrozen(payment: Payment): boolean {
    return this.of(payment).some(({ status }) => includes(FREEZING_DISPUTE_STATUSES, status));
  }

  /** By our rows the customer has so much of the payment by disputes. */
  lostMinor(payment: Payment): number {
    return this.of(payment)
      .filter(({ status }) => status === 'lost')
      .reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  }

  private apply(told: Told): Payment | null {
    told.isTold = true;
    const { id, payment, amountMinor, status, occurredMs } = told;
    const fact: Dispute = { id, payment, amountMinor, status, occurredMs };
    const known = this.rows.find((one) => one.id === id);
    if (known && this.defect !== 'late-dispute-wins' && !disputeMoves(known, fact)) return null;
    const isNews = known?.status !== status;
    if (known) Object.assign(known, fact);
    else this.rows.push(fact);
    return isNews && this.defect !== 'dispute-closes-unseen' ? payment : null;
  }

  /** Gateways tell the time of an event in whole seconds. */
  private get second(): number {
    return Math.floor(this.clock.now / 1_000) * 1_000;
  }
}

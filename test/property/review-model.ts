import type { ReviewOutcome, ReviewStatus } from '../../domain/orders/types';

const REVIEW_MS = 43_200_000;

/** The review of an order: who may decide, until when, and what was decided. */
export class ReviewModel {
  private dueAt: number | null = null;

  constructor(
    /** Null: the order is not reviewed. */
    public status: ReviewStatus | null,
    private readonly clock: { now: number },
  ) {}

  get isOpen(): boolean {
    return this.status === 'open';
  }

  /** What is paid for gets its shipments. */
  get mayShip(): boolean {
    return this.status === null || this.status === 'approved';
  }

  /** Until it is decided as is set; null: nobody is to decide, or not before money is authorised. */
  get msLeft(): number | null {
    return this.isOpen && this.dueAt !== null ? this.dueAt - this.clock.now : null;
  }

  /** Money is authorised: the time to decide begins. */
  begin(): void {
    if (this.isOpen) this.dueAt ??= this.clock.now + REVIEW_MS;
  }

  /** False: it is not open, or nothing is authorised yet. */
  decide(outcome: ReviewOutcome): boolean {
    if (!this.isOpen || this.dueAt === null) return false;
    this.status = outcome;
    return true;
  }

  /** The order ends, or is to be cancelled. */
  end(): void {
    if (this.isOpen) this.status = 'ended';
  }
}

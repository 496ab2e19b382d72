import { ActivityFailure, ApplicationFailure, patched, TemporalFailure } from '@temporalio/workflow';
import type { FailingSteps } from '../../domain/ordering/failing-steps';
import {
  ALL_SHIPMENTS,
  isInRows,
  nextCall,
  nextStep,
  putOff,
  untilCallDue,
  type Call,
  type NextStep,
} from '../../domain/ordering/rules';
import {
  AMENDMENTS_EXCEEDED,
  STEP_FAILED,
  type OrderProgress,
  type StepFailure,
} from '../../domain/ordering/types';
import { telling } from './activities';

/** Until what failed is tried again: this long, then twice as long each time. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;
/** So often a call beside the steps fails before a person is told. */
const CALL_FAILURES = 3;

interface Failing {
  step: string;
  failure: StepFailure;
  times: number;
}

interface FailingCall extends Failing {
  /** It is not made again before; null: its row alone says when. */
  pausedUntil: Date | null;
}

/**
 * Steps that fail each time although PostgreSQL works. After one in PostgreSQL all of these wait for a pause, which grows, at the place
 * where the saga waits; calls go on, since parcels have to be stopped in time. A call that fails has a pause of its own besides the
 * time in its row, which is not written where already the claim fails. A person is told. Kept in memory: another run finds out anew.
 */
export class FailingWork {
  private inRows: Failing | undefined;
  private isPaused = false;
  /** By charge, refund or shipment; null: its latest call went well. */
  private readonly calls = new Map<Call, FailingCall | null>();
  /** What this run has told last. */
  private told: string | undefined;

  /** @param did takes what is written into the order's details */
  constructor(private readonly did: (what: string) => void) {}

  /** The next step of those that may be tried now. */
  choose(read: OrderProgress, underWay: ReadonlySet<Call>): NextStep {
    const progress = putOff(read, (call) => this.pauseLeft(call));
    const step = nextStep(progress, underWay);
    if (!this.isPaused) return step;
    const pauseMs = pauseAfter(this.inRows?.times ?? 1);
    // Where its rows cannot be read nobody knows which calls are due.
    if (this.inRows?.step === 'wait') return { do: 'wait', for: 'retry', ms: pauseMs };
    const call = nextCall(progress, underWay);
    if (call) return call;
    return { do: 'wait', for: 'retry', ms: Math.min(pauseMs, untilCallDue(progress, underWay) ?? pauseMs) };
  }

  /** The pause is over: the saga has waited, and read its rows. */
  goOn(): void {
    this.isPaused = false;
  }

  /** Does a step; one that fails each time changes nothing. */
  async trying(
    step: string,
    progress: OrderProgress,
    work: () => Promise<OrderProgress>,
    onFailure?: () => void,
  ): Promise<OrderProgress> {
    try {
      return await work();
    } catch (error) {
      const failure = failureOfStep(error);
      if (!failure) throw error;
      this.did(`The step "${step}" failed: ${failure.why}`);
      this.inRows = { step, failure, times: (this.inRows?.times ?? 0) + 1 };
      this.isPaused = true;
      onFailure?.();
      return progress;
    }
  }

  /** A call beside the steps has ended, by this error or well. */
  callEnded(call: Call, step: string, error?: ActivityFailure): void {
    if (error && !(error.cause instanceof ApplicationFailure)) return;
    const failure = error ? failureOfStep(error) : null;
    const times = (this.calls.get(call)?.times ?? 0) + 1;
    this.calls.set(call, failure && { step, failure, times, pausedUntil: pauseOfCall(times) });
  }

  private pauseLeft(call: Call): number {
    const until = this.calls.get(call)?.pausedUntil;
    return until ? until.getTime() - Date.now() : 0;
  }

  /** Tells a person of what has changed. That itself may fail: then there is no more than the pause. */
  async tell(progress: OrderProgress, underWay: ReadonlySet<Call>): Promise<OrderProgress> {
    // Nothing is left to do of what failed.
    if (!this.isPaused && !isInRows(this.choose(progress, underWay))) this.inRows = undefined;
    const news = this.news(progress);
    if (!news) return progress;
    try {
      const after = await telling.tellOfFailingSteps(news);
      this.told = JSON.stringify(news);
      return after;
    } catch (error) {
      if (!(error instanceof TemporalFailure)) throw error;
      return progress;
    }
  }

  private news({ orderId, asks, stops, attention }: OrderProgress): FailingSteps | null {
    const open = [...asks.map(({ id }) => id), ...(stops ?? []).map(({ shipmentId }) => shipmentId)];
    // What ended in another way, by a person or a message, fails no longer.
    const isOpen = (call: Call) => stops === undefined || call === ALL_SHIPMENTS || open.includes(call);
    const calls = [...this.calls].flatMap(([call, one]) =>
      one && one.times >= CALL_FAILURES && isOpen(call) ? [{ about: call, ...one }] : [],
    );
    const rows = this.inRows ? [{ about: orderId, ...this.inRows }] : [];
    const failing = [...rows, ...calls]
      .filter(({ failure }) => failure.isOfOrder)
      .map(({ about, step, failure: { why } }) => ({ about, step, why }));
    const isSaid = attention.includes('step_failing');
    if (failing.length === 0 && !isSaid) return null;
    const unknown = isSaid ? open.filter((id) => this.calls.get(id) === undefined) : [];
    const news = { orderId, failing, unknown };
    return JSON.stringify(news) === this.told ? null : news;
  }
}

/** Milliseconds until what has failed so often is tried again. */
function pauseAfter(times: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(times - 1, 30));
}

/** A saga that failed before there were pauses has made the call at once, which its history says. */
function pauseOfCall(times: number): Date | null {
  return patched('pause-after-a-failed-call') ? new Date(Date.now() + pauseAfter(times)) : null;
}

/** Writes a request to rows. One that cannot be written is refused, and holds nothing up: whoever made it is told. */
export async function writing(
  request: { failure?: ApplicationFailure },
  progress: OrderProgress,
  write: () => Promise<OrderProgress>,
): Promise<OrderProgress> {
  try {
    return await write();
  } catch (error) {
    const failure = failureOfStep(error);
    if (!failure) throw error;
    request.failure = ApplicationFailure.nonRetryable(failure.why, failure.code ?? STEP_FAILED);
    return progress;
  }
}

/** Why a step failed each time; null: that is a defect of the saga, or its order is gone. */
function failureOfStep(error: unknown): (StepFailure & { code?: string }) | null {
  if (!(error instanceof TemporalFailure)) return null;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure)) return { why: 'It does not end in time.', isOfOrder: true };
  if (cause.type === 'ORDER_NOT_FOUND') return null;
  if (cause.type === AMENDMENTS_EXCEEDED)
    return { why: cause.message, isOfOrder: false, code: AMENDMENTS_EXCEEDED };
  if (cause.type !== STEP_FAILED) return { why: 'It could not be done.', isOfOrder: false };
  // Made by `asSteps`.
  return cause.details?.[0] as StepFailure;
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

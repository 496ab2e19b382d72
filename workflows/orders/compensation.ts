import { ActivityFailure, CancellationScope, log, upsertSearchAttributes } from '@temporalio/workflow';
import { COMPENSATION_STUCK } from '../contract/messages';

/** One undo. It must be idempotent, since it is repeated until it succeeds. */
export interface Undo {
  /** Shown in the workflow's details: "give the money back". */
  what: string;
  run: () => Promise<void>;
}

const STUCK_INITIAL_MS = 5_000;
/** A try adds about 12 events, so with this wait a history lasts a month. A wake signal tries at once. */
const STUCK_CAP_MS = 600_000;

/**
 * What has to be undone, last in, first out. An undo is registered before the step that it undoes is run, so a step whose
 * result was lost is undone as well. Running it cannot be cancelled and no error is ignored: an undo that keeps failing is
 * tried for ever, and the workflow says so (search attribute CompensationStuck and its details) until it succeeds.
 */
export class Compensation {
  private readonly undos = new Map<string, Undo>();

  /**
   * @param onState called with what is being undone and why it fails
   * @param pause waits before the next try; ends early on a wake signal
   */
  constructor(
    private readonly onState: (words: string) => void,
    private readonly pause: (ms: number, summary: string) => Promise<unknown>,
  ) {}

  /** Registers an undo; a step that is repeated registers it once, in its first place. */
  register(step: string, undo: Undo): void {
    if (!this.undos.has(step)) this.undos.set(step, undo);
  }

  /** Undoes everything. The undos stay registered: what they undo may be done again (a later part of the same order). */
  async run(): Promise<void> {
    await CancellationScope.nonCancellable(async () => {
      let stuck = false;
      for (const undo of [...this.undos.values()].reverse()) {
        if (await this.untilDone(undo, stuck)) stuck = true;
      }
      if (stuck) upsertSearchAttributes([{ key: COMPENSATION_STUCK, value: false }]);
    });
  }

  /** Returns whether an attempt failed. */
  private async untilDone(undo: Undo, alreadyStuck: boolean): Promise<boolean> {
    this.onState(`Undoing: ${undo.what}.`);
    for (let failures = 0; ; failures++) {
      try {
        await undo.run();
        return failures > 0;
      } catch (error) {
        if (!(error instanceof ActivityFailure)) throw error;
        const why = error.cause?.message ?? error.message;
        log.error('a compensation is stuck', { undo: undo.what, why });
        if (failures === 0 && !alreadyStuck)
          upsertSearchAttributes([{ key: COMPENSATION_STUCK, value: true }]);
        this.onState(`**Stuck** undoing: ${undo.what}, tried again until it succeeds. In the way: ${why}`);
        await this.pause(Math.min(STUCK_CAP_MS, STUCK_INITIAL_MS * 2 ** failures), `try again: ${undo.what}`);
      }
    }
  }
}

/** The scope of compensation: which shipments it undoes, and the status in which the order ends. */
export interface CompensationScope {
  which: 'all' | 'failed-only';
  reason: string;
  end: { endAs: 'cancelled' | 'failed'; failure?: { code: string; detail: string } };
}

export const FAILED_SHIPMENTS: CompensationScope = {
  which: 'failed-only',
  reason: 'the carrier failed',
  end: {
    endAs: 'failed',
    failure: { code: 'CARRIER_FAILED', detail: 'The carrier could not take any of it.' },
  },
};

export const WHOLE_ORDER: CompensationScope = {
  which: 'all',
  reason: 'the order was cancelled',
  end: { endAs: 'cancelled' },
};

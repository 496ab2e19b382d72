import { allHandlersFinished, condition, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { wakeSignal } from '../contract/messages';

/** Of the local activity that reads a document. */
export const READ_OPTIONS = {
  startToCloseTimeout: '30 seconds',
  localRetryThreshold: '1 second',
  retry: { initialInterval: '100 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
} as const;

/** Of the activity that does what is due. */
export const DUE_OPTIONS = {
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
} as const;

/** A document in PostgreSQL that is open for a while: a transfer, a customer's return. */
export interface OpenDocument<Progress> {
  /** Does what is due and returns the document's progress. */
  advance(): Promise<Progress>;
  hasEnded(progress: Progress): boolean;
  /** Shown in the Temporal UI. */
  inWords(progress: Progress): string;
  /** Milliseconds until something is due; null: only a signal ends the wait. */
  msLeft(progress: Progress): number | null;
  /** Summary of the timer: what is due when it fires. */
  due: string;
}

/**
 * Advances a document whenever it is signalled or something is due, until it has ended. Its steps are transactions in PostgreSQL
 * that send the signal, so no state is kept here, and the workflow may be started again at any time.
 *
 * @returns the progress with which it ended
 */
export async function advanceUntilEnded<Progress>(document: OpenDocument<Progress>): Promise<Progress> {
  const state = { isWoken: false };
  setHandler(wakeSignal, () => {
    state.isWoken = true;
  });

  for (;;) {
    state.isWoken = false;
    const progress = await document.advance();
    setCurrentDetails(document.inWords(progress));
    if (document.hasEnded(progress)) {
      await condition(allHandlersFinished);
      return progress;
    }
    const msLeft = document.msLeft(progress);
    if (msLeft === null) await condition(() => state.isWoken);
    else await condition(() => state.isWoken, Math.max(1, msLeft), { summary: document.due });
  }
}

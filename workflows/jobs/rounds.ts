import {
  allHandlersFinished,
  condition,
  setCurrentDetails,
  setHandler,
  workflowInfo,
  type SignalDefinition,
} from '@temporalio/workflow';

/** A round is about 10 events, so a run ends well below the 4,096 at which the server suggests it, and replays quickly. */
const ROUNDS_PER_RUN = 300;

export interface Rounds {
  /** There may be something to do. */
  signal: SignalDefinition;
  /** Rounds of this run, at the latest. */
  atMost: number | undefined;
  /** What the workflow says of itself as it waits. */
  waiting(): string;
  /** Does what is due. Returns in how many milliseconds something is to be tried again; null: nothing is. */
  round(): Promise<number | null>;
}

/**
 * Does a round, and another whenever it is signalled and when something is to be tried again, until the workflow is to continue as new: before
 * its history grows long. What is to be done is in PostgreSQL, so each run begins with a round, and a signal that is early or doubled is
 * harmless.
 */
export async function doRounds({ signal, atMost = ROUNDS_PER_RUN, waiting, round }: Rounds): Promise<void> {
  const state = { isWoken: true };
  setHandler(signal, () => {
    state.isWoken = true;
  });

  let msLeft: number | null = null;
  for (let done = 0; done < atMost && !workflowInfo().continueAsNewSuggested; done++) {
    setCurrentDetails(waiting());
    if (msLeft === null) await condition(() => state.isWoken);
    else await condition(() => state.isWoken, Math.max(msLeft, 1));
    state.isWoken = false;
    msLeft = await round();
  }
  await condition(allHandlersFinished);
}

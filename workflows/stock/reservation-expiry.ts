import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ReservationActivities } from '../../activities/reservations';
import type { ExpiryRound } from '../../domain/stock/reservations/types';
import { reservationsDueSignal, type ReservationExpiryInput } from '../contract/messages';

const { expireDueReservations } = proxyActivities<ReservationActivities>({
  summary: 'Free reservations that are past due',
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '5 seconds',
  retry: { initialInterval: '100 milliseconds', backoffCoefficient: 2, maximumInterval: '2 seconds' },
});

/** A round is about 11 events, so a run ends well below the 4,096 at which the server suggests it, and replays quickly. */
const ROUNDS_PER_RUN = 300;

/**
 * Frees reservations without an order when they fall due. One runs at a time, for ever: it sleeps until shortly before the
 * next one falls due, by PostgreSQL's clock; is signalled for one that falls due earlier, and continues as new before its history
 * grows long. It keeps nothing in memory that matters, since what is due is in PostgreSQL; so a run begins with a look, and
 * a superfluous signal is harmless.
 */
export async function reservationExpiry(input: ReservationExpiryInput): Promise<void> {
  const state = { isWoken: false, freed: 0 };
  setHandler(reservationsDueSignal, () => {
    state.isWoken = true;
  });

  const { roundsPerRun: rounds = ROUNDS_PER_RUN, ...request } = input;
  for (let round = 0; round < rounds && !workflowInfo().continueAsNewSuggested; round++) {
    setCurrentDetails(describe(state, 'Freeing reservations that are past due.'));
    state.isWoken = false;
    const done = await expireDueReservations(request);
    state.freed += done.freed;
    if (done.sleepMs === 0) continue;
    setCurrentDetails(describe(state, inWords(done)));
    await condition(() => state.isWoken, done.sleepMs, { summary: 'look for reservations that are due' });
  }
  await condition(allHandlersFinished);
  await continueAsNew<typeof reservationExpiry>(input);
}

function inWords({ nextDueAt }: ExpiryRound): string {
  return nextDueAt === null
    ? 'Sleeping: no reservation is waiting to be confirmed.'
    : `Sleeping: the next reservation falls due at ${nextDueAt}.`;
}

function describe(state: { freed: number }, now: string): string {
  return `${now}\n\nIn this run: ${state.freed} reservations freed.`;
}

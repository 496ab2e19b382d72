import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { FulfilmentActivities } from '../../activities/fulfilment';
import { shipmentsReadySignal, type DispatcherInput } from '../contract/messages';

const { dispatchShipments } = proxyActivities<Pick<FulfilmentActivities, 'dispatchShipments'>>({
  summary: 'Book waiting shipments with their carriers',
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

/** A round is about 10 events, so a run ends well below the 4,096 at which the server suggests it, and replays quickly. */
const ROUNDS_PER_RUN = 300;

/**
 * Books all shipments of the installation, in batches, whenever it is signalled. One runs at a time, for ever: it continues
 * as new before its history grows long. It keeps nothing in memory that matters, since what is to be booked is in
 * PostgreSQL; so each run begins with a round that asks, and a signal that is early or doubled is harmless.
 */
export async function shipmentDispatcher(input: DispatcherInput): Promise<void> {
  const state = { isWoken: true, booked: 0, refused: 0 };
  setHandler(shipmentsReadySignal, () => {
    state.isWoken = true;
  });

  const rounds = input.roundsPerRun ?? ROUNDS_PER_RUN;
  for (let round = 0; round < rounds && !workflowInfo().continueAsNewSuggested; round++) {
    setCurrentDetails(describe(state, 'Waiting for shipments.'));
    await condition(() => state.isWoken);
    state.isWoken = false;
    setCurrentDetails(describe(state, 'Booking shipments with their carriers.'));
    const done = await dispatchShipments({ batchSize: input.batchSize });
    state.booked += done.booked;
    state.refused += done.refused;
    if (done.more) state.isWoken = true;
  }
  await condition(allHandlersFinished);
  await continueAsNew<typeof shipmentDispatcher>(input);
}

function describe(state: { booked: number; refused: number }, now: string): string {
  return `${now}\n\nIn this run: ${state.booked} booked, ${state.refused} refused by a carrier.`;
}

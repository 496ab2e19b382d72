import { askToStop } from '../../domain/fulfilment/stop';
import { cutUnits } from '../../domain/ordering/cuts/cut';
import { readProgress } from '../../domain/ordering/progress';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { nextStep } from '../../domain/ordering/rules';
import type { Database } from '../../platform/database/database';
import { obligingCarrier, twice } from './support';

/** Does what the saga does after shipments of an order were stopped, each step twice. */
export async function carryOutStops(db: Database, orderId: string): Promise<void> {
  for (let steps = 0; steps < 20; steps++) {
    const step = nextStep((await readProgress(db, orderId))!);
    if (step.do === 'cut') await twice(db, () => cutUnits(db, orderId));
    else if (step.do === 'stop')
      await twice(db, () => askToStop({ db, carriers: [obligingCarrier] }, orderId));
    else if (step.do === 'release-stopped')
      await twice(db, () => releaseStoppedShipments(db, { orderId, endAs: 'cancelled' }));
    else return;
  }
  throw new Error('it does not end');
}

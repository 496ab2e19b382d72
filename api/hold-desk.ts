import { createHoldReserver, type HoldVerdict } from '../domain/inventory/hold';
import type { HoldRequest } from '../domain/inventory/plan';
import { createWarehouseDirectory } from '../domain/inventory/warehouses';
import type { HoldView } from '../domain/holds/types';
import { readHolds } from '../domain/holds/views';
import { reclaimExpired } from '../domain/orders/expire';
import { createCombiner } from '../platform/combiner';
import type { Settings } from '../platform/config';
import type { Database } from '../platform/database';
import type { Logger } from '../platform/log';
import { createPace } from './pace';
import { overloaded } from './problems';

/** Where holds without an order are asked for: requests that come together share transactions. */
export interface HoldDesk {
  /**
   * Queues a request and answers its verdict. One whose client leaves before its turn leaves the queue.
   *
   * @throws AppError `OVERLOADED` while the queue is full; nothing was done then.
   */
  reserve(request: HoldRequest, signal: AbortSignal): Promise<HoldVerdict>;
  /** A hold as it is now; those asked for together are read in one statement. Null: there is none. */
  view(id: string): Promise<HoldView | null>;
  /** Requests queued or running. */
  readonly pending: number;
  /** Resolves when every request is answered. */
  close(): Promise<void>;
}

export interface HoldDeskOptions {
  db: Database;
  settings: Pick<Settings, 'SOURCING_STRATEGY' | 'COMBINER_LANES' | 'COMBINER_MAX_BATCH' | 'HOLD_QUEUE'>;
  log: Logger;
}

export function createHoldDesk({ db, settings, log }: HoldDeskOptions): HoldDesk {
  const size = { lanes: settings.COMBINER_LANES, maxBatch: settings.COMBINER_MAX_BATCH, log };
  const reserver = createHoldReserver({
    ...size,
    db,
    warehouses: createWarehouseDirectory(db),
    strategy: settings.SOURCING_STRATEGY,
    reclaim: (productIds) => reclaimExpired(db, productIds),
  });
  const reader = createCombiner<string, HoldView | null>({
    ...size,
    idOf: (id) => id,
    laneKey: (id) => id,
    async run(ids) {
      const found = await readHolds(db, ids);
      return new Map(ids.map((id) => [id, found.get(id) ?? null]));
    },
    // It reads, and so waits for nobody's lock.
    busy: () => Promise.resolve(new Set()),
  });
  const pace = createPace(settings.HOLD_QUEUE);
  return {
    async reserve(request, signal) {
      if (reserver.pending >= settings.HOLD_QUEUE) {
        pace.begin();
        throw overloaded('Too many holds are waiting for their turn.', pace.comeAgainIn());
      }
      try {
        return await reserver.submit(request, signal);
      } finally {
        if (reserver.pending * 2 < settings.HOLD_QUEUE) pace.end();
        else pace.moved();
      }
    },
    view: (id) => reader.submit(id),
    get pending() {
      return reserver.pending;
    },
    async close() {
      await reserver.close();
      await reader.close();
    },
  };
}

import {
  createStandaloneReserver,
  type ReservationOutcome,
} from '../../domain/stock/reservations/standalone';
import type { ReservationRequest } from '../../domain/stock/reservations/plan-reservation';
import { createUnitsChanger, type UnitsChanger } from '../../domain/stock/reservations/change-units';
import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import type { StockAccess } from '../../domain/stock/ledger/stock-ledger';
import type { ReservationDetails } from '../../domain/stock/reservations/types';
import { readReservations } from '../../domain/stock/reservations/views';
import { reclaimExpired } from '../../domain/ordering/expire';
import { createRequestBatcher, type BatchObserver } from '../../platform/request-batcher';
import type { Settings } from '../../platform/config';
import type { Database } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';
import { overloaded } from '../http/problems';
import { createRetryAfterEstimate } from './retry-after-estimate';

/** Makes and reads reservations without an order. Requests that come together share transactions. */
export interface ReservationService {
  /**
   * Queues a request and returns its outcome. A request whose client leaves before its turn leaves the queue.
   *
   * @throws AppError `OVERLOADED` while the queue is full; nothing was done then.
   */
  reserve(request: ReservationRequest, signal: AbortSignal): Promise<ReservationOutcome>;
  /** Changes how many units a reservation keeps. @throws what a `UnitsChanger` throws */
  change: UnitsChanger;
  /** A reservation as it is now; those read together share one statement. Null: there is none. */
  view(id: string): Promise<ReservationDetails | null>;
  /** Requests queued or running. */
  readonly pending: number;
  /** Resolves when every request has ended. */
  close(): Promise<void>;
}

export interface ReservationServiceOptions extends StockAccess {
  db: Database;
  settings: Pick<Settings, 'SOURCING_STRATEGY' | 'RESERVE_LANES' | 'RESERVE_MAX_BATCH' | 'RESERVATION_QUEUE'>;
  log: Logger;
  observer?: BatchObserver;
}

export function createReservationService({
  db,
  stock,
  settings,
  log,
  observer,
}: ReservationServiceOptions): ReservationService {
  const warehouses = createWarehouseDirectory(db);
  const strategy = settings.SOURCING_STRATEGY;
  const reclaim = (productIds: readonly number[]) => reclaimExpired(db, productIds);
  const size = {
    lanes: settings.RESERVE_LANES,
    maxBatch: settings.RESERVE_MAX_BATCH,
    log,
    ...(observer ? { observer } : {}),
  };
  const reserver = createStandaloneReserver({
    ...size,
    db,
    warehouses,
    strategy,
    reclaim,
  });
  const reader = createRequestBatcher<string, ReservationDetails | null>({
    ...size,
    name: 'reservation_reads',
    idOf: (id) => id,
    laneKey: (id) => id,
    async run(ids) {
      const found = await readReservations(db, ids);
      return new Map(ids.map((id) => [id, found.get(id) ?? null]));
    },
    // A read waits for no lock.
    busy: () => Promise.resolve(new Set()),
  });
  const retryAfterEstimate = createRetryAfterEstimate(settings.RESERVATION_QUEUE);
  return {
    async reserve(request, signal) {
      if (reserver.pending >= settings.RESERVATION_QUEUE) {
        retryAfterEstimate.start();
        throw overloaded(
          'Too many holds are waiting for their turn.',
          retryAfterEstimate.retryAfterSeconds(),
        );
      }
      try {
        return await reserver.submit(request, signal);
      } finally {
        if (reserver.pending * 2 < settings.RESERVATION_QUEUE) retryAfterEstimate.stop();
        else retryAfterEstimate.turnEnded();
      }
    },
    change: createUnitsChanger({ db, stock, warehouses, strategy, reclaim }),
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

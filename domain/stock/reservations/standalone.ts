import {
  createRequestBatcher,
  type BatchObserver,
  type RequestBatcher,
} from '../../../platform/request-batcher';
import type { Database, Transaction } from '../../../platform/database/database';
import type { Logger } from '../../../platform/telemetry/log';
import type { WarehouseDirectory } from '../../catalog/warehouses';
import type { Shortage, SourcingStrategy } from '../sourcing/types';
import type { ReservationPlan, ReservationRequest, Refusal } from './plan-reservation';
import { selectReservations } from './queries';
import { createReserver } from './reserve';
import type { ReservationStatus } from './types';

/** How a request for a reservation without an order ended. A refusal is not stored: asked again, it is decided anew. */
export type ReservationOutcome =
  | { outcome: 'reserved'; reservationId: string; status: ReservationStatus; expiresAt: Date | null }
  | { outcome: 'short'; shortages: Shortage[] }
  | { outcome: 'refused'; refusal: Refusal };

export interface StandaloneReserverOptions {
  db: Database;
  warehouses: WarehouseDirectory;
  strategy: SourcingStrategy;
  lanes: number;
  maxBatch: number;
  reclaim: (productIds: readonly number[]) => Promise<void>;
  log: Logger;
  observer?: BatchObserver;
}

/** Reserves stock without an order, on the same path as orders; concurrent ones share transactions. */
export function createStandaloneReserver(
  options: StandaloneReserverOptions,
): RequestBatcher<ReservationRequest, ReservationOutcome> {
  const reserver = createReserver<ReservationRequest, ReservationOutcome>({
    ...options,
    recorder: { decided, record },
    commitWithWrites: true,
  });
  return createRequestBatcher<ReservationRequest, ReservationOutcome>({
    name: 'reservations',
    ...(options.observer ? { observer: options.observer } : {}),
    lanes: options.lanes,
    maxBatch: options.maxBatch,
    log: options.log,
    idOf: (request) => request.reservationId,
    laneKey: (request) => request.lines[0]?.sku ?? '',
    run: (requests) => reserver.reserve(requests),
    busy: (requests) => reserver.busy(requests),
  });
}

async function decided(
  tx: Transaction,
  requests: readonly ReservationRequest[],
): Promise<Map<string, ReservationOutcome>> {
  const ids = requests.map((request) => request.reservationId);
  const found = await selectReservations(tx, ids);
  const fingerprints = new Map(requests.map(({ reservationId, own }) => [reservationId, own?.fingerprint]));
  return new Map(
    found.map(({ id, status, expiresAt, fingerprint }): [string, ReservationOutcome] => [
      id,
      fingerprint === (fingerprints.get(id) ?? null)
        ? { outcome: 'reserved', reservationId: id, status, expiresAt }
        : { outcome: 'refused', refusal: REFERENCE_REUSED },
    ]),
  );
}

const REFERENCE_REUSED: Refusal = {
  code: 'REFERENCE_REUSED',
  detail: 'Something else was reserved under this reference. Use a new one, or change that reservation.',
};

async function record(
  _tx: Transaction,
  plans: readonly ReservationPlan[],
  dueTimes: Promise<ReadonlyMap<string, Date | null>>,
): Promise<Map<string, ReservationOutcome>> {
  const due = await dueTimes;
  return new Map(
    plans.map(
      ({ outcome, refusal, shortages, request: { reservationId, status } }): [string, ReservationOutcome] => {
        if (refusal) return [reservationId, { outcome: 'refused', refusal }];
        if (outcome === 'short') return [reservationId, { outcome, shortages }];
        return [
          reservationId,
          { outcome: 'reserved', reservationId, status, expiresAt: due.get(reservationId) ?? null },
        ];
      },
    ),
  );
}

import { backoffMs, openDatabase } from '../../platform/database/database';
import { derivedId } from '../../platform/ids';
import type { Logger } from '../../platform/telemetry/log';
import { createAutoResetEvent } from '../../platform/auto-reset-event';
import {
  bookParcels,
  removeReported,
  msUntilDue,
  takeDueParcels,
  postponeReport,
  voidParcel,
  type NewParcel,
  type Parcel,
} from './queries';
import type {
  BookingOutcome,
  CarrierEvent,
  RunningCarrier,
  ShipmentToBook,
} from '../../domain/fulfilment/types';

export interface SandboxCarrierOptions {
  /** The database that holds the schema `sandbox_carrier`. */
  url: string;
  /** The server itself, where `url` is that of a pooler. */
  directUrl?: string | undefined;
  /** From booking to pick-up, and from pick-up to delivery, milliseconds. */
  stageDelayMs: number;
  /**
   * The webhook: at most 500 events a call, repeated until it resolves. Returns the ids of events that it did not take, which
   * are sent again later.
   */
  deliver(events: readonly CarrierEvent[]): Promise<readonly string[]>;
  /** Codes of warehouses where it picks nothing up: bookings are refused. */
  refuseWarehouses?: readonly string[];
  /** Codes of warehouses where it loses parcels before they are picked up. */
  loseWarehouses?: readonly string[];
  /** After how many seconds an event that the webhook did not take is sent again; 30 unless given. */
  refusedSeconds?: number;
  log: Logger;
}

/** Moves its parcels, and reports that to the webhook, between `start` and `stop`. */
export type SandboxCarrier = RunningCarrier;

/** Two stages of a parcel may be unreported, so a call to the webhook has at most 500 events. */
const PARCELS_PER_ROUND = 250;
const CONNECTIONS = 3;
/** How long one process may take to call the webhook before another does. */
const LEASE_SECONDS = 30;
/** A booking made by another process that has died since is found after this. */
const LONGEST_SLEEP_MS = 5_000;
/** Between two reports, as a share of the delay between two stages: what is due meanwhile is reported in one call. */
const GATHERED_SHARE = 0.25;
const RETRY_BASE_MS = 100;
const RETRY_CAP_MS = 10_000;
/** A parcel of which the webhook did not take an event is reported again after this. */
const REFUSED_SECONDS = 30;

/**
 * A carrier with its own tables in PostgreSQL, on connections of its own: what it has booked, picked up or delivered stays so
 * when its response, the caller or Holdfast's own transaction is lost. What it could not report to the webhook it reports later.
 */
export function createSandboxCarrier(options: SandboxCarrierOptions): SandboxCarrier {
  const { log, stageDelayMs } = options;
  const unserved = new Set(options.refuseWarehouses);
  const lost = new Set(options.loseWarehouses);
  const tables = openDatabase({
    url: options.url,
    directUrl: options.directUrl,
    poolSize: CONNECTIONS,
    log,
    applicationName: 'holdfast-sandbox-carrier',
  });
  const wakeUp = createAutoResetEvent();
  /** When it looks next at the latest, by `performance.now()`. */
  let looksAt = 0;
  let running: Promise<void> | undefined;
  let isStopping = false;
  let closing: Promise<void> | undefined;

  function asParcel({ shipmentId, warehouse }: ShipmentToBook): NewParcel {
    const outlook = unserved.has(warehouse)
      ? { stage: 'refused' as const, nextStage: null }
      : {
          stage: 'booked' as const,
          nextStage: lost.has(warehouse) ? ('failed' as const) : ('picked_up' as const),
        };
    return { shipmentId, ...labelOf(shipmentId), ...outlook };
  }

  /** A parcel that was just booked, by this process, is due after one delay. */
  function lookInTime(): void {
    const dueAt = performance.now() + stageDelayMs;
    if (dueAt >= looksAt) return;
    looksAt = dueAt;
    wakeUp.set();
  }

  /** Moves on what is due and reports it. Returns the milliseconds to sleep. */
  async function round(failures: number): Promise<number> {
    const taken = await takeDueParcels(tables, {
      limit: PARCELS_PER_ROUND,
      stageDelayMs,
      leaseSeconds: LEASE_SECONDS,
    });
    if (taken.length === 0) return sleepMs();
    const shipmentIds = taken.map((parcel) => parcel.shipmentId);
    const events = taken.flatMap((parcel) => parcel.unreported);
    let refused: ReadonlySet<string>;
    try {
      refused = new Set(await options.deliver(events));
    } catch (error) {
      await postponeReport(tables, shipmentIds, backoffMs(failures, RETRY_BASE_MS, RETRY_CAP_MS) / 1000);
      throw error;
    }
    const reported = events.filter(({ eventId }) => !refused.has(eventId));
    await removeReported(
      tables,
      shipmentIds,
      reported.map((event) => event.eventId),
    );
    const again = taken.filter(({ unreported }) => unreported.some(({ eventId }) => refused.has(eventId)));
    if (again.length > 0) {
      await postponeReport(
        tables,
        again.map((parcel) => parcel.shipmentId),
        options.refusedSeconds ?? REFUSED_SECONDS,
      );
    }
    return Math.max(await sleepMs(), stageDelayMs * GATHERED_SHARE);
  }

  async function sleepMs(): Promise<number> {
    return Math.max(0, (await msUntilDue(tables)) ?? LONGEST_SLEEP_MS);
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!isStopping) {
      let ms: number;
      looksAt = Infinity;
      try {
        ms = await round(failures);
        failures = 0;
      } catch (error) {
        // The first may be an API that stops or starts at that moment.
        log[failures === 0 ? 'info' : 'warn'](
          { err: error, failures },
          'the sandbox carrier could not report what happened to its parcels; it tries again',
        );
        ms = backoffMs(failures, RETRY_BASE_MS, RETRY_CAP_MS);
        failures += 1;
      }
      await sleep(Math.min(ms, LONGEST_SLEEP_MS));
    }
  }

  /** Until then, or until something that was booked meanwhile is due. */
  async function sleep(ms: number): Promise<void> {
    looksAt = Math.min(looksAt, performance.now() + ms);
    while (!isStopping && performance.now() < looksAt) await wakeUp.wait(looksAt - performance.now());
  }

  async function stop(): Promise<void> {
    isStopping = true;
    wakeUp.set();
    await running;
  }

  async function end(): Promise<void> {
    await stop();
    await tables.close();
  }

  return {
    name: 'sandbox',

    async book(shipments) {
      const byId = new Map(shipments.map((shipment) => [shipment.shipmentId, asParcel(shipment)]));
      const sorted = [...byId.values()].sort((a, b) => (a.shipmentId < b.shipmentId ? -1 : 1));
      const parcels = await bookParcels(tables, sorted, stageDelayMs);
      lookInTime();
      return parcels.map(asOutcome);
    },

    async void(shipmentId) {
      const stage = await voidParcel(tables, { shipmentId, ...labelOf(shipmentId) });
      return stage === 'picked_up' || stage === 'delivered' ? 'refused' : 'voided';
    },

    start() {
      running ??= run();
    },

    stop,

    close() {
      closing ??= end();
      return closing;
    },
  };
}

function labelOf(shipmentId: string): { trackingNumber: string; labelUrl: string } {
  const trackingNumber = `SBX${derivedId('parcel', shipmentId).replaceAll('-', '').slice(0, 16).toUpperCase()}`;
  return { trackingNumber, labelUrl: `https://sandbox-carrier.example/labels/${trackingNumber}.pdf` };
}

function asOutcome({ shipmentId, trackingNumber, labelUrl, stage }: Parcel): BookingOutcome {
  if (stage === 'refused')
    return { shipmentId, status: 'refused', reason: 'The carrier does not serve this warehouse.' };
  if (stage === 'voided')
    return { shipmentId, status: 'refused', reason: 'The shipment was voided before it was booked.' };
  return { shipmentId, status: 'booked', trackingNumber, labelUrl };
}

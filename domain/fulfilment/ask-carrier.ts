import { messageOf } from '../../platform/errors';
import type { Database } from '../../platform/database/database';
import { withTimeout } from '../../platform/with-timeout';
import { recordFailure } from '../stock/alerts/failed-work';
import { releaseClaims } from './book';
import type { BookingOutcome, Carrier, ClaimedShipment } from './types';

export interface AskCarrierOptions {
  db: Database;
  carrier: Carrier;
  /** Milliseconds that one call may take; after that it counts as failed. */
  callTimeoutMs: number;
  /** Milliseconds of `performance.now()` after which no further call is begun. */
  until: number;
  /** Divides what fails, to find the shipments for which the carrier fails. Otherwise the whole claim fails with its call. */
  isolates: boolean;
  /** A shipment that the carrier took a moment ago; it may stand for a carrier that works. */
  control?: ClaimedShipment | undefined;
}

export interface Asked {
  /** Of fewer shipments than were claimed where some failed. The claims of the others are given back. */
  outcomes: BookingOutcome[];
  /** One that the carrier took now. */
  control: ClaimedShipment | undefined;
}

/** The carrier took none of the shipments that it was asked about, and may be away itself. */
export class CarrierFailed extends Error {
  override readonly name = 'CarrierFailed';
}

/** Shipments that are asked about alone before all others: if it takes none of them, the carrier itself may fail. */
const PROBES = 3;
/** What fails is divided into so many parts, which are asked about at the same time. */
const PARTS = 8;
/** With so many shipments for which the carrier fails alone, the rest is left to the next claim. */
const FAILED_LIMIT = 10;
/** Before one is asked about again for which the carrier failed alone, while nothing shows that the carrier works. */
const UNDECIDED_SECONDS = 60;

/**
 * Books claimed shipments. Those for which the carrier failed before are asked about alone and last, so that they spoil no call
 * of others.
 *
 * Where a call fails, by an error or by no response in time, either the carrier itself may fail or one shipment for which it
 * does. Which of them is decided by its answers, not by the error: a shipment that fails alone is put off with an alert only if
 * the carrier answers for another one after that. So an outage puts off none, and nothing has to be retried by hand after it.
 *
 * @throws CarrierFailed where the carrier took none. The claims of all are given back, and go behind the others that wait.
 */
export async function askCarrier(
  claimed: readonly ClaimedShipment[],
  { db, carrier, callTimeoutMs, until, isolates, control }: AskCarrierOptions,
): Promise<Asked> {
  const outcomes = new Map<string, BookingOutcome>();
  const failed = new Map<ClaimedShipment, unknown>();
  let taken = control;
  let lastError: unknown;

  const ask = (shipments: readonly ClaimedShipment[]) => askInTime(carrier, shipments, callTimeoutMs);

  /** False where the call failed. */
  async function book(shipments: readonly ClaimedShipment[]): Promise<boolean> {
    try {
      for (const outcome of await ask(shipments)) outcomes.set(outcome.shipmentId, outcome);
      taken = shipments.find(({ shipmentId }) => outcomes.get(shipmentId)?.status === 'booked') ?? taken;
      return true;
    } catch (error) {
      lastError = error;
      const [only, ...others] = shipments;
      // Without isolation one failed call is no more than that: it is tried again.
      if (only && others.length === 0 && (isolates || only.failures > 0)) failed.set(only, error);
      return false;
    }
  }

  const mayGoOn = () => failed.size < FAILED_LIMIT && performance.now() < until;

  async function bookInParts(shipments: readonly ClaimedShipment[]): Promise<void> {
    const probes = probesOf(shipments);
    await Promise.all(probes.map((probe) => book([probe])));
    // None was taken: more calls would tell no more, and an outage would be asked about each.
    if (outcomes.size === 0) return;
    const rest = shipments.filter((shipment) => !probes.includes(shipment));
    if (rest.length === 0 || (await book(rest))) return;
    await inParallel(partsOf(rest), PARTS, async (part) => {
      if (!mayGoOn() || (await book(part)) || part.length === 1) return [];
      return partsOf(part);
    });
  }

  /** Whether the carrier answers now for a shipment that it has taken: booking it again changes nothing. */
  async function works(): Promise<boolean> {
    if (!taken) return false;
    return ask([taken]).then(
      () => true,
      () => false,
    );
  }

  const fresh = claimed.filter(({ failures }) => failures === 0);
  const suspects = claimed.filter(({ failures }) => failures > 0);
  if (fresh.length > 0) await (isolates ? bookInParts(fresh) : book(fresh));
  const carrierMayWork = fresh.length === 0 || outcomes.size > 0;
  if (carrierMayWork) {
    await inParallel(
      suspects.map((suspect) => [suspect]),
      PARTS,
      async (alone) => {
        if (performance.now() < until) await book(alone);
        return [];
      },
    );
  }

  const carrierWorks = failed.size > 0 && (await works());
  for (const [{ shipmentId, failures }, error] of failed) {
    if (carrierWorks) await recordFailure(db, { work: 'book_shipment', subject: shipmentId, error });
    else if (failures > 0)
      await recordFailure(db, {
        work: 'book_shipment',
        subject: shipmentId,
        error,
        pauseSeconds: UNDECIDED_SECONDS,
      });
  }
  await releaseClaims(
    db,
    claimed.map(({ shipmentId }) => shipmentId).filter((id) => !outcomes.has(id)),
  );
  // With nothing but suspects and a carrier that is not known to work, nothing is left to be tried again soon.
  if (outcomes.size === 0 && fresh.length > 0 && !carrierWorks) {
    throw new CarrierFailed(messageOf(lastError), { cause: lastError });
  }
  return { outcomes: [...outcomes.values()], control: taken };
}

/** One call of the carrier. A shipment that its response does not name is to be asked about later. */
async function askInTime(
  carrier: Carrier,
  shipments: readonly ClaimedShipment[],
  timeoutMs: number,
): Promise<BookingOutcome[]> {
  const giveUp = new AbortController();
  const told = await withTimeout(carrier.book(shipments, giveUp.signal), timeoutMs);
  if (told === 'late') {
    const error = new Error(`the carrier did not respond within ${timeoutMs} ms`);
    giveUp.abort(error);
    throw error;
  }
  const byId = new Map(told.map((outcome) => [outcome.shipmentId, outcome]));
  return shipments.map(
    ({ shipmentId }) =>
      byId.get(shipmentId) ?? {
        shipmentId,
        status: 'later',
        reason: "The carrier's response does not name this shipment.",
      },
  );
}

/** The newest, the oldest and one between them: shipments that fail have something in common, often their time. */
function probesOf(shipments: readonly ClaimedShipment[]): ClaimedShipment[] {
  if (shipments.length <= PROBES) return [...shipments];
  const between = 1 + Math.floor(Math.random() * (shipments.length - 2));
  return [shipments.at(-1), shipments[between], shipments[0]].filter((probe) => probe !== undefined);
}

function partsOf(shipments: readonly ClaimedShipment[]): ClaimedShipment[][] {
  const size = Math.max(1, Math.ceil(shipments.length / PARTS));
  const parts: ClaimedShipment[][] = [];
  for (let at = 0; at < shipments.length; at += size) parts.push(shipments.slice(at, at + size));
  return parts;
}

/** Works on items, `width` at the same time, and on those that working on one brings up. */
async function inParallel<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<readonly Item[]>,
): Promise<void> {
  let left = items;
  while (left.length > 0) {
    const found = await Promise.all(left.slice(0, width).map(work));
    left = [...left.slice(width), ...found.flat()];
  }
}

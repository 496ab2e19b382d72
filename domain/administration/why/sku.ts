import type { Database } from '../../../platform/database/database';
import { request, shell } from '../../../platform/told-commands';
import { listLedger } from '../../stock/ledger/history';
import { waitingAbout } from '../attention';
import {
  selectKeepingOrders,
  selectPlaces,
  selectProductFacts,
  type PlaceFacts,
  type ProductFacts,
} from './queries';
import { TOLD, type Explanation } from './types';

/** Why the stock of a product is as it is. Null: there is no such product. */
export async function explainSku(db: Database, sku: string): Promise<Explanation | null> {
  const product = await selectProductFacts(db, sku);
  const ledger = product && (await listLedger(db, sku, { limit: TOLD, offset: 0 }));
  if (!ledger) return null;
  const places = await selectPlaces(db, sku);
  const orders = await selectKeepingOrders(db, sku, TOLD);
  return {
    subject: { type: 'sku', id: sku },
    state: stateOf(product, places),
    because: [
      ...places.map(placeInWords),
      ...orders.map(
        ({ orderId, status, reserved, waiting }) =>
          `The order ${orderId} (${status}) ${[reserved > 0 && `keeps ${reserved}`, waiting > 0 && `waits for ${waiting}`].filter((text) => typeof text === 'string').join(' and ')}.`,
      ),
    ],
    history: ledger.items.reverse().map(({ at, kind, actor, ...entry }) => ({
      at,
      type: kind,
      actor,
      data: {
        warehouse: entry.warehouse,
        onHandDelta: entry.onHandDelta,
        reservedDelta: entry.reservedDelta,
        ...(entry.orderId === null ? {} : { orderId: entry.orderId }),
        ...(entry.reservationId === null ? {} : { reservationId: entry.reservationId }),
        ...(entry.reason === null ? {} : { reason: entry.reason }),
        ...(entry.reference === null ? {} : { reference: entry.reference }),
      },
    })),
    currency: null,
    waiting: await waitingAbout(db, { sku }),
    next: [
      ...orders.slice(0, 3).map(({ orderId }) => shell`holdfast why order ${orderId}`),
      request`GET /api/v1/inventory/${sku}/transactions`,
      request`GET /api/v1/quality-holds?sku=${sku}`,
      request`POST /api/v1/inventory/${sku}/adjust`,
    ],
    workflow: null,
  };
}

function stateOf({ sku, name, active, waiting }: ProductFacts, places: readonly PlaceFacts[]): string {
  const sum = (of: (place: PlaceFacts) => number) => places.reduce((total, place) => total + of(place), 0);
  const orderable = sum((place) => (place.open ? Math.max(0, place.available) : 0));
  const queue = waiting > 0 ? ` ${waiting} units are waited for.` : '';
  const archived = active ? '' : ' The product is archived: it is not sold.';
  return `${sku} (${name}): ${sum((place) => place.onHand)} on hand, ${sum((place) => place.reserved)} reserved, ${orderable} can be ordered.${queue}${archived}`;
}

function placeInWords(place: PlaceFacts): string {
  const told = [
    `${place.onHand} on hand`,
    `${place.reserved} reserved`,
    place.held > 0 && `${place.held} of them on quality hold`,
    place.safetyStock > 0 && `${place.safetyStock} kept back as safety stock`,
    `${place.available} available`,
    place.threshold > 0 && `low at ${place.threshold}`,
    place.incoming > 0 && `${place.incoming} on their way there`,
  ].filter((text) => typeof text === 'string');
  return `${place.location}${place.open ? '' : ' (closed: nothing is ordered from it)'}: ${told.join(', ')}.`;
}

import type { Queryable } from '../../../platform/database/database';
import { request, shell } from '../../../platform/told-commands';
import { readReservation } from '../../stock/reservations/views';
import type { ReservationDetails } from '../../stock/reservations/types';
import { waitingAbout } from '../attention';
import { selectLatestEvents } from './queries';
import { TOLD, type Explanation } from './types';

/** Why a reservation is as it is. Null: there is none. */
export async function explainReservation(on: Queryable, id: string): Promise<Explanation | null> {
  const reservation = await readReservation(on, id);
  if (!reservation) return null;
  const { kind, orderId, reference, items, createdAt, updatedAt } = reservation;
  const ofOrder = kind === 'order' ? orderId : null;
  const waiting = await waitingAbout(on, {
    ...(ofOrder === null ? {} : { orderId: ofOrder }),
    subjects: [`reservation_stopped:${id}`, `expire_reservation:${id}`],
  });
  return {
    subject: { type: 'reservation', id },
    state: stateOf(reservation),
    because: [
      ofOrder === null
        ? `It is of no order of ours${orderId === null ? '' : `; its caller named ${orderId}`}${reference === null ? '' : ` under the reference ${reference}`}.`
        : `It is of the order ${ofOrder}, whose saga looks after it.`,
      `Made at ${createdAt}, changed last at ${updatedAt}.`,
      ...items.map(
        ({ sku, quantity, openQuantity, allocations }) =>
          `${quantity} × ${sku} (${allocations.map((one) => `${one.quantity} at ${one.warehouse}`).join(', ')}): ${openQuantity} still reserved.`,
      ),
    ],
    history: ofOrder === null ? [] : await selectLatestEvents(on, ofOrder, TOLD),
    currency: null,
    waiting,
    next: [
      ...(ofOrder === null ? ofHold(reservation) : [shell`holdfast why order ${ofOrder}`]),
      ...items.map(({ sku }) => shell`holdfast why sku ${sku}`),
    ],
    workflow: ofOrder === null ? null : { of: 'order', id: ofOrder, mustRun: false },
  };
}

function stateOf({ status, expiresAt, kind }: ReservationDetails): string {
  switch (status) {
    case 'pending':
      return `The reservation is pending: its units are kept until ${expiresAt}, and free again then unless it is ${kind === 'order' ? 'paid for' : 'confirmed'}.`;
    case 'confirmed':
      return 'The reservation is confirmed: it does not expire, and ends when its units ship or are released.';
    case 'shipped':
      return 'The reservation has ended: its units have left.';
    case 'cancelled':
      return 'The reservation was released: its units are on sale again.';
    case 'expired':
      return `The reservation expired: nobody paid for it or confirmed it until ${expiresAt}.`;
  }
}

function ofHold({ id, status }: ReservationDetails): string[] {
  const requests = (...verbs: string[]) =>
    verbs.map((verb) => request`POST /api/v1/reservations/${id}/${verb}`);
  if (status === 'pending') return requests('confirm', 'extend', 'release');
  return status === 'confirmed' ? requests('ship', 'release') : [];
}

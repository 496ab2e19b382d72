import type { OrderStatus } from '../orders/types';

/** How an order comes to have a status: by a person from these statuses, or by nothing but its course. */
interface Way {
  /** Statuses from which a person may ask for it. */
  from: readonly OrderStatus[];
  /** In words: what happens then, or what has to. */
  how: string;
}

/**
 * What a person may ask of an order by its status. Nothing is written by it: it is a request to the order's saga, whose rules decide. A
 * status that tells of goods or money which nobody moved is never set by hand.
 */
export const STATUS_BY_HAND: Readonly<Record<OrderStatus, Way>> = {
  reserved: { from: [], how: 'An order is reserved when it is placed. Place a new one.' },
  paid: {
    from: ['reserved'],
    how: 'It is charged with the `payment` that comes with the request, like POST /orders/{id}/payments.',
  },
  fulfilling: { from: [], how: 'It is when the carrier picks up the first of its parcels.' },
  fulfilled: {
    from: [],
    how: 'It is when every unit has left or is cancelled. Cancel what will not leave with POST /orders/{id}/cancel and `items`.',
  },
  rejected: { from: [], how: 'It is when there is no stock for it as it is placed.' },
  expired: { from: [], how: 'It is when nobody pays in time. Ask for `cancelled` to end it now.' },
  cancelled: {
    from: ['reserved', 'paid', 'fulfilling'],
    how: 'Everything that has not left ends and its money goes back, like POST /orders/{id}/cancel.',
  },
  failed: { from: [], how: 'It is when it cannot be carried out. Ask for `cancelled` to end it now.' },
};

/** Statuses that a person may ask for now. */
export function allowedByHand(status: OrderStatus): OrderStatus[] {
  return (Object.keys(STATUS_BY_HAND) as OrderStatus[]).filter((to) =>
    STATUS_BY_HAND[to].from.includes(status),
  );
}

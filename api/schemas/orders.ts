import { z } from 'zod';
import { SHIPMENT_STATUSES } from '../../domain/fulfilment/types';
import {
  ATTENTION,
  FULFILMENTS,
  ITEM_STATUSES,
  ORDER_STATUSES,
  type AttentionKind,
} from '../../domain/orders/types';
import { AMENDMENT_STAGES } from '../../domain/ordering/amendments/types';
import type { OrderView } from '../../domain/ordering/types';
import { SHOWN_RESERVATION_STATUSES } from '../../domain/stock/reservations/types';
import { SOURCING_STRATEGIES } from '../../domain/stock/sourcing/types';
import { count, currency, money, pageOf, time, uuid, warehouseCode } from './common';
import { reviewStatus, shipTo } from './order-requests';
import { dispute, payment, refund } from './payments';

export const orderStatus = z.enum(ORDER_STATUSES);

const item = z
  .object({
    sku: z.string(),
    quantity: count,
    unitPriceMinor: money,
    status: z.enum(ITEM_STATUSES),
    reservedQuantity: count,
    backorderedQuantity: count,
    fulfilledQuantity: count,
    cancelledQuantity: count,
    allocations: z.array(z.object({ warehouse: warehouseCode, quantity: count })),
  })
  .meta({ id: 'OrderItem' });

const reservation = z
  .object({
    id: uuid,
    status: z.enum(SHOWN_RESERVATION_STATUSES),
    expiresAt: time,
  })
  .meta({ id: 'Reservation' });

const review = z
  .object({
    status: reviewStatus.meta({
      description:
        'open: nothing of the order ships; ended: the order was cancelled, or ended otherwise, before it was decided',
    }),
    deadline: time.nullable().meta({
      description:
        'Until when somebody may decide; null: nothing is authorised yet, and a decision is refused (NOT_IN_REVIEW), since the total may still change',
    }),
  })
  .meta({ id: 'Review' });

export const shipmentStatus = z.enum(SHIPMENT_STATUSES);

const shipment = z
  .object({
    id: uuid,
    warehouse: warehouseCode,
    status: shipmentStatus,
    trackingNumber: z.string().nullable(),
    leftAfterStopAt: time.nullable().meta({
      description:
        'When the carrier told that it had picked it up although it was voided or had failed; else null',
    }),
    items: z.array(z.object({ sku: z.string(), quantity: count })),
  })
  .meta({ id: 'Shipment' });

const openCut = z
  .object({
    requestId: uuid,
    since: time,
    reason: z.string().nullable(),
    items: z.array(
      z.object({
        sku: z.string(),
        quantity: count.meta({ description: 'Asked to be taken out' }),
        cutQuantity: count.meta({ description: 'Taken out so far' }),
      }),
    ),
  })
  .meta({
    id: 'OpenCut',
    description:
      'A request to take units out of the order (`POST /orders/{id}/cancel` with `items`) that is under way: a carrier has not said whether a shipment is stopped, or a charge is unresolved',
  });

const openAmendment = z
  .object({
    requestId: uuid,
    status: z.enum(['requested', ...AMENDMENT_STAGES]).meta({
      description:
        'requested: not begun; charging: what is added waits for its payment; cutting: what is taken out is being cut',
    }),
    since: time,
    items: z.array(
      z.object({
        sku: z.string(),
        quantity: count.meta({ description: 'That the order is to have; 0: it is taken out' }),
      }),
    ),
    shipTo: shipTo.nullable().meta({ description: 'Null: it goes where it went' }),
    paymentId: uuid.nullable().meta({ description: 'Of the payment of what is added' }),
    why: z.string().meta({ description: 'What it waits for, in words' }),
  })
  .meta({
    id: 'OpenAmendment',
    description:
      'A request to change the order (`PATCH /orders/{id}`) that is neither done nor refused. While it is charging or cutting, no parcel of the order is booked',
  });

export const attentionKind = z.enum(Object.keys(ATTENTION) as readonly AttentionKind[]);

const attention = z
  .object({
    kind: attentionKind,
    about: z.string().meta({
      description:
        'Id of the refund, capture, payment, dispute, shipment or order that it is about; of a refund that is not ours, as the gateway has it',
    }),
    since: time,
    why: z.string(),
    next: z.string().meta({ description: 'What to do about it' }),
  })
  .meta({ id: 'Attention', description: 'For what an order needs a person; not told to customers' });

export const orderMembers = {
  id: uuid,
  status: orderStatus,
  customerId: z.string(),
  fulfilment: z.enum(FULFILMENTS),
  currency,
  totalMinor: money,
  shipTo: shipTo.nullable(),
  failureCode: z.string().optional(),
  cancelReason: z.string().optional(),
  items: z.array(item),
  reservation: reservation.nullable(),
  reservations: z.array(reservation),
  payment: payment.nullable(),
  payments: z.array(payment),
  refunds: z.array(refund),
  disputes: z.array(dispute),
  review: review.nullable().meta({ description: 'Null: the order is not reviewed' }),
  shipments: z.array(shipment),
  openCuts: z.array(openCut),
  openAmendments: z.array(openAmendment),
  attention: z.array(attention),
  createdAt: time,
  updatedAt: time,
};

export const order: z.ZodType<OrderView> = z.object(orderMembers).meta({ id: 'Order' });

export const orderPage = pageOf('OrderPage', order);

export const orderStatusView = z
  .object({ id: uuid, status: orderStatus, updatedAt: time })
  .meta({ id: 'OrderStatus' });

export const undecided = z
  .object({ id: uuid, status: z.literal('pending') })
  .meta({ id: 'UndecidedOrder', description: 'Not decided yet. Its address answers 404 until it is.' });

export const orderEvent = z
  .object({
    seq: count,
    type: z.string(),
    at: time,
    actor: z.string().optional().meta({ description: 'The caller who caused it, where somebody did' }),
    onBehalfOf: z
      .string()
      .optional()
      .meta({ description: 'Id of the customer, where somebody else acted for them' }),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'OrderEvent' });

export const eventPage = pageOf('OrderEventPage', orderEvent);

export const sourcing = z
  .object({
    id: uuid,
    decisions: z.array(
      z.object({
        sku: z.string(),
        strategy: z.enum(SOURCING_STRATEGIES),
        requested: count,
        why: z
          .object({
            shipments: count.meta({ description: 'Warehouses that were chosen, over all lines' }),
            search: z.enum(['exact', 'greedy']).meta({
              description: '`exact`: there is no choice of fewer; `greedy`: there were too many to try all',
            }),
            withinKm: z
              .number()
              .optional()
              .meta({ description: '`balanced`: farther ones were asked only for what these lack' }),
          })
          .optional()
          .meta({ description: 'Of a strategy that chooses for all lines together' }),
        candidates: z.array(
          z.object({
            warehouse: warehouseCode,
            distanceKm: z.number().nullable(),
            available: count.optional().meta({ description: 'Not told to customers' }),
            taken: count,
          }),
        ),
      }),
    ),
  })
  .meta({ id: 'Sourcing' });

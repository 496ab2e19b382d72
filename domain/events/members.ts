import { z } from 'zod';

const id = z.uuid();
const text = z.string();
const nullableText = text.nullable();
const minor = z.int().meta({ description: 'Minor units' });
const currency = text.meta({ description: 'ISO 4217' });
const time = text.meta({ description: 'RFC 3339' });
const units = z.unknown().meta({ description: 'How many units, or how many of which SKU' });

/** Members of what an order's history says, by their names: the same wherever they come. */
export const MEMBERS: Readonly<Record<string, z.ZodType>> = {
  allocations: z.array(z.looseObject({})),
  amountMinor: minor,
  attempt: z.int(),
  captureId: id,
  carrier: nullableText,
  code: text,
  currency,
  customerId: nullableText,
  deadline: time,
  declineCode: nullableText,
  detail: nullableText,
  disputeId: id,
  fulfilment: text,
  items: z.array(z.looseObject({})),
  notTakenOut: z.unknown(),
  occurredAt: time.nullable(),
  outcome: text,
  paymentId: id,
  reason: nullableText,
  refund: text,
  refundId: id,
  refundMinor: minor,
  requestId: id,
  reservationId: id,
  restockingFee: z.looseObject({}).nullable(),
  returnId: id,
  shipmentId: id.nullable(),
  shipments: z.array(z.looseObject({})),
  shortages: z.array(z.looseObject({})),
  sku: text,
  status: text,
  totalMinor: minor,
  trackingNumber: nullableText,
  units,
  voidedMinor: minor,
  warehouse: text,
};

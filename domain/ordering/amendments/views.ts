import type { PaymentStatus } from '../../payments/types';
import type { ShipTo } from '../../stock/sourcing/types';
import type { OpenAmendmentView } from '../types';
import type { AmendmentStage, OrderedItems } from './types';

/** An open amendment as it is read for its order's view. */
export interface AmendmentRow {
  requestId: string;
  /** Null: it is not begun. */
  stage: AmendmentStage | null;
  since: string;
  items: OrderedItems;
  shipTo: ShipTo | null;
  /** Something can be done about it now. */
  isDecidable: boolean;
  /** The latest of what it adds. */
  payment: { id: string; status: PaymentStatus; lastError: string | null } | null;
}

/** An open amendment as clients see it. */
export function openAmendment(row: AmendmentRow): OpenAmendmentView {
  const { requestId, stage, since, items, shipTo, payment } = row;
  return {
    requestId,
    status: stage ?? 'requested',
    since,
    items: items.map(({ sku, quantity }) => ({ sku, quantity })),
    shipTo,
    paymentId: payment?.id ?? null,
    why: whyOpen(row),
  };
}

function whyOpen({ stage, isDecidable, payment }: AmendmentRow): string {
  if (stage === null) return `It is not begun. ${NEXT_STEP}`;
  if (isDecidable) return `What it waited for is decided. ${NEXT_STEP}`;
  if (stage === 'cutting')
    return 'What is taken out is being cut, see `openCuts` with the same `requestId`. No parcel is booked until then.';
  return `What is added ${whyCharging(payment)} No parcel is booked until then.`;
}

const NEXT_STEP = "The order's workflow goes on with it in one of its next steps.";

function whyCharging(payment: AmendmentRow['payment']): string {
  switch (payment?.status) {
    case undefined:
      return 'is reserved, and its charge has not begun.';
    case 'unknown':
      return `is being charged, and the gateway has not said whether it is paid for (${payment.lastError ?? 'no response'}). It is asked again.`;
    case 'requires_action':
      return 'is being charged, and the customer is to authenticate that payment.';
    default:
      return 'is being charged.';
  }
}

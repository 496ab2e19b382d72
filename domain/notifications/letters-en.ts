import { ALERT_KINDS, type AlertKind } from '../stock/alerts/types';
import { alertTitle, placeOf, trackedBy, type Language } from './letter-types';
import type { NotificationData } from './types';

const TRACKING = 'Tracking number';

// The keys of `ALERT_KINDS`.
const ALERTS = Object.fromEntries(
  Object.entries(ALERT_KINDS).map(([kind, { title }]) => [kind, title]),
) as Record<AlertKind, string>;

const titleOf = (data: NotificationData) => alertTitle(ALERTS, data);

/** Why some of an order does not come. */
function whyCut({ type }: NotificationData): string {
  switch (type) {
    case 'order.items_cut':
      return 'not all that you ordered is in stock. You get the rest without these:';
    case 'order.units_blocked':
      return 'some of your order was taken off sale after you had ordered it, and we have no others. You do not get these:';
    case 'order.units_missing':
      return 'some of your order was not found in our warehouse, and we have no others. You do not get these:';
    case 'order.backorders_closed':
      return 'what you were waiting for did not come in, and we have taken it out of your order.';
    case 'order.rest_cancelled':
      return 'what of your order had not left yet was cancelled.';
    default:
      return 'some of your order was cancelled:';
  }
}

const RETURNS: Readonly<Record<string, { title: (order: string) => string; line: string }>> = {
  'return.received': {
    title: (order) => `What you sent back of order ${order} has arrived`,
    line: 'what you sent back has arrived. We look at it and tell you of the result.',
  },
  'return.completed': {
    title: (order) => `Your return of order ${order} is done`,
    line: 'we have looked at what you sent back, and your return is done.',
  },
  'return.expired': {
    title: (order) => `Your return of order ${order} has run out`,
    line: 'what you wanted to send back did not arrive in time, and the return is over. Please ask for another one if you still want to send it.',
  },
  'return.cancelled': {
    title: (order) => `Your return of order ${order} was cancelled`,
    line: 'the return was cancelled. Please do not send the items back.',
  },
};

export const ENGLISH: Language = {
  words: {
    order_placed: ({ order }) => ({
      title: `We have your order ${order}`,
      lines: ['we have your order. This is what is in it:'],
      shows: 'order',
    }),
    order_paid: ({ order, amount }) => ({
      title: `We have your payment for order ${order}`,
      lines: [`we have your payment${amount === null ? '' : ` of ${amount}`}. Thank you.`],
      shows: 'order',
    }),
    payment_failed: ({ order }) => ({
      title: `The payment of your order ${order} failed`,
      lines: [
        'the payment of your order did not succeed, and no money was taken.',
        'Please try again, or pay in another way.',
      ],
    }),
    payment_action: ({ order }) => ({
      title: `Please confirm the payment of your order ${order}`,
      lines: [
        'your bank wants you to confirm the payment of your order. Please go back to the shop and finish it there.',
      ],
    }),
    order_review: ({ order, data, until }) =>
      data.type === 'order.review_approved'
        ? {
            title: `Your order ${order} goes on`,
            lines: ['we have looked at your order, and it goes on. We tell you when it leaves.'],
          }
        : {
            title: `We look at your order ${order}`,
            lines: [
              `somebody looks at your order before it leaves${until === null ? '' : `, by ${until} at the latest`}. You need not do anything.`,
            ],
          },
    order_backordered: ({ order, until }) => ({
      title: `Some of your order ${order} comes later`,
      lines: [
        'not all that you ordered is in stock. We send the rest as soon as it is there:',
        ...(until === null
          ? []
          : [`What has not come in by ${until} we take out of your order, and tell you.`]),
      ],
      shows: 'units',
    }),
    order_changed: ({ order }) => ({
      title: `Your order ${order} was changed`,
      lines: ['your order was changed. This is what is in it now:'],
      shows: 'order',
    }),
    order_partly_cancelled: ({ order, data }) => ({
      title: `Some of your order ${order} was cancelled`,
      lines: [whyCut(data), 'Money that was taken for it goes back to you.'],
      shows: 'units',
    }),
    order_shipped: ({ order, data, hasMore }) => ({
      title: hasMore
        ? `Part of your order ${order} is on its way`
        : `A parcel of your order ${order} is on its way`,
      lines: [
        hasMore
          ? 'part of your order is on its way to you. The rest follows.'
          : 'a parcel of your order is on its way to you.',
        ...trackedBy(TRACKING, data),
      ],
      shows: 'parcel',
    }),
    order_delivered: ({ order, data }) => ({
      title: `A parcel of your order ${order} was delivered`,
      lines: ['a parcel of your order was delivered.', ...trackedBy(TRACKING, data)],
      shows: 'parcel',
    }),
    parcel_lost: ({ order, data }) => ({
      title: `A parcel of your order ${order} was lost`,
      lines: [
        'the carrier tells us that a parcel of your order was lost. We are sorry, and get in touch with you.',
        ...trackedBy(TRACKING, data),
      ],
      shows: 'parcel',
    }),
    cancel_refused: ({ order }) => ({
      title: `Your order ${order} could not be cancelled`,
      lines: [
        'your order could not be cancelled any more: it has left. You can send it back once you have it.',
      ],
    }),
    order_cancelled: ({ order, data }) => ({
      title: `Your order ${order} was cancelled`,
      lines: [
        data.type === 'order.expired'
          ? 'your order was cancelled, since it was not paid in time.'
          : 'your order was cancelled. Money that was taken for what you do not get goes back to you.',
      ],
    }),
    order_refunded: ({ order, amount }) => ({
      title: `Money of your order ${order} goes back to you`,
      lines: [
        amount === null
          ? 'we have paid money of your order back to you.'
          : `we have paid ${amount} of your order back to you.`,
        'It may take your bank some days to show it.',
      ],
    }),
    return_update: ({ order, data }) => {
      const { title, line } = RETURNS[data.type] ?? {
        title: (of: string) => `You may send back items of order ${of}`,
        line: 'we have agreed to your return. Please send the items back.',
      };
      return { title: title(order), lines: [line], shows: 'units' };
    },
    alert_critical: ({ data }) => ({
      title: `Critical: ${titleOf(data)}${placeOf(data)}`,
      lines: [`${titleOf(data)}.`],
    }),
    alert_warning: ({ data }) => ({
      title: `Warning: ${titleOf(data)}${placeOf(data)}`,
      lines: [`${titleOf(data)}.`],
    }),
    alert_info: ({ data }) => ({
      title: `${titleOf(data)}${placeOf(data)}`,
      lines: [`${titleOf(data)}.`],
    }),
    attention: ({ data }) => ({
      title: `An order needs a person${placeOf(data)}`,
      lines: ['an order needs a person.'],
    }),
  },
  total: 'Total',
  noMore:
    'There are many of this kind: no further one is sent by mail within the hour. GET /api/v1/admin/attention has all of them.',
  unsubscribe: {
    page: 'No more mails about orders to this address',
    token: 'To get no more mails about orders, give the shop this token',
  },
  alerts: ALERTS,
  attention: {
    refund_failed: 'A refund failed',
    refund_delayed: 'A refund is delayed',
    refunded_twice: 'A refund was made twice',
    refund_unknown: 'The gateway gave money back that was not planned',
    disputed: 'A charge is disputed',
    dispute_lost: 'A dispute was lost',
    charge_unresolved: 'A charge has no outcome',
    capture_failed: 'Money could not be taken',
    capture_delayed: 'Taking money is delayed',
    captured_twice: 'Money was taken although it was settled otherwise',
    void_delayed: 'Voiding an authorisation is delayed',
    authorization_lapses: 'An authorisation lapses',
    authorization_lost: 'An authorisation was lost',
    shipment_not_stopped: 'A parcel could not be stopped',
    left_after_stop: 'A parcel left after it was stopped',
    units_blocked: 'Blocked units were cut from an order',
    units_missing: 'Missing units were cut from an order',
    blocked_left: 'Blocked units have left',
    review_open: 'An order waits for its review',
    step_failing: 'A step of an order fails',
    workflow_stuck: 'The workflow of an order does not go on',
  },
};

import { request, shell } from '../../platform/told-commands';
import { ATTENTION, type AttentionKind } from '../orders/types';
import { ALERT_KINDS, WORK, type Work } from '../stock/alerts/types';
import type { Waiting, WaitingKind } from './attention-types';

/** What is sealed besides the ledger of stock, in words. */
const SEALED_WORDS: Readonly<Record<string, string>> = {
  audit_log: 'audit log',
  money_ledger: 'money ledger',
};

type Details = Readonly<Record<string, unknown>>;

/** What is told of something that waits. */
export type WaitingWords = Pick<Waiting, 'why' | 'next' | 'actions'>;

interface Told {
  subjectId: string;
  alertId: string | null;
  details: Details;
}

/** Requests and commands for what an order needs a person for. `about`: the id of the refund, payment, capture or order. */
function orderActions(kind: AttentionKind, { subjectId: orderId, alertId, details }: Told): string[] {
  const about = text(details, 'about');
  const why = shell`holdfast why order ${orderId}`;
  const resolve = request`POST /api/v1/inventory/alerts/${alertId ?? ''}/resolve {"note": "…"}`;
  switch (kind) {
    case 'refund_failed':
    case 'refund_delayed':
      return [
        request`POST /api/v1/refunds/${about}/retry`,
        shell`holdfast refund retry ${about}`,
        shell`holdfast refund resolve ${about} --outcome made_elsewhere --reference … --reason …`,
        why,
      ];
    case 'capture_failed':
    case 'capture_delayed':
      return [
        request`POST /api/v1/captures/${about}/retry`,
        shell`holdfast capture retry ${about}`,
        shell`holdfast capture resolve ${about} --outcome made_elsewhere --reference … --reason …`,
        why,
      ];
    case 'charge_unresolved':
    case 'void_delayed':
      return [
        request`POST /api/v1/payments/${about}/resolve {"outcome": …, "reason": "…"}`,
        shell`holdfast why payment ${about}`,
      ];
    case 'review_open':
      return [
        request`POST /api/v1/orders/${orderId}/review {"decision": "approve"}`,
        shell`holdfast order review ${orderId} --decision approve`,
        shell`holdfast order review ${orderId} --decision reject`,
        why,
      ];
    case 'step_failing':
      return [request`POST /api/v1/admin/orders/${orderId}/retry`, 'holdfast verify', why];
    case 'workflow_stuck':
      return [shell`temporal workflow terminate --workflow-id ${`order:${orderId}`}`, why];
    case 'disputed':
    case 'shipment_not_stopped':
      return [why];
    default:
      return [resolve, why];
  }
}

/** `id`: a place, as `SKU at LOCATION`. */
function place(id: string): string {
  const end = id.lastIndexOf(' at ');
  return shell`holdfast why sku ${end === -1 ? id : id.slice(0, end)}`;
}

/** A kind of the orders' own list. */
function isOfOrder(kind: WaitingKind): kind is AttentionKind {
  return kind in ATTENTION;
}

/** Why something waits, and what to do about it. */
export function wordsOf(kind: WaitingKind, told: Told): WaitingWords {
  const { subjectId: id, alertId, details } = told;
  if (isOfOrder(kind))
    return {
      why: text(details, 'why'),
      next: text(details, 'next') || ATTENTION[kind].next,
      actions: orderActions(kind, told),
    };
  switch (kind) {
    case 'job_failed':
      return {
        why: `The job (${text(details, 'type')}) failed: ${text(details, 'code')}. ${text(details, 'detail')}`.trim(),
        next: 'Mend what the error names and start it again: an upload with the same file, a check anew. Then say that it is seen.',
        actions: [
          request`POST /api/v1/admin/jobs/${id}/acknowledge {"note": "…"}`,
          shell`holdfast why job ${id}`,
        ],
      };
    case 'check_found':
      return {
        why: `The latest run of the check ${id} found ${text(details, 'findings')}.`,
        next: 'Read the findings. What the repair script puts right is applied with holdfast repair, which checks again; the rest is for a person. This ends when the check finds nothing.',
        actions: [
          request`GET /api/v1/jobs/${text(details, 'jobId')}/findings`,
          shell`holdfast repair --job ${text(details, 'jobId')}`,
          'holdfast verify',
        ],
      };
    case 'count_review':
      return {
        why: `A count at ${text(details, 'location')} differs from the ledger by more than it may: ${text(details, 'lines')} lines wait for a decision.`,
        next: 'Approve the variances, have them counted again, or reject the count.',
        actions: (['approve', 'recount', 'reject'] as const).map(
          (decision) => request`POST /api/v1/counts/${id}/${decision}`,
        ),
      };
    case 'quality_hold':
      return {
        why: `${text(details, 'open')} units of ${text(details, 'sku')} at ${text(details, 'location')} are on quality hold (${text(details, 'cause')}): ${text(details, 'reason')}`,
        next: 'Look at the units. Release what may be sold and write off what may not.',
        actions: [
          request`POST /api/v1/quality-holds/${id}/release {"quantity": …}`,
          request`POST /api/v1/quality-holds/${id}/write-off {"quantity": …}`,
        ],
      };
    case 'return_received':
      return {
        why: `${text(details, 'units')} returned units of the order ${text(details, 'orderId')} are here and not inspected. What is owed for them goes back when they are.`,
        next: 'Inspect them: say what goes back on sale and what is written off.',
        actions: [request`POST /api/v1/returns/${id}/inspect`],
      };
    case 'outbox_behind':
      return {
        why: `${text(details, 'messages')} messages wait for longer than a minute; the oldest is ${id}. No worker carries them, or Temporal is away.`,
        next: 'See that a worker runs and reaches Temporal. They are delivered by themselves then.',
        actions: ['holdfast doctor'],
      };
    case 'erasure_waits': {
      const orders = text(details, 'orders');
      return orders === ''
        ? {
            why: `The erasure of the user ${id} is not finished after more than an hour. None of their orders holds it up.`,
            next: 'See that a worker runs and that the folder of mails is there. It goes on by itself then.',
            actions: ['holdfast doctor'],
          }
        : {
            why: `The erasure of the user ${id} waits for orders that are not ended: ${orders}.`,
            next: 'Cancel the orders, or do what they wait for. The erasure goes on by itself within an hour after that.',
            actions: orders.split(', ').map((order) => `holdfast why order ${order}`),
          };
    }
    case 'work_failed': {
      const work = text(details, 'work');
      const subject = text(details, 'id');
      return {
        why: `${work} failed ${text(details, 'attempts')} times on ${subject}: ${text(details, 'error')}`,
        next: text(details, 'advice') || (isWork(work) ? WORK[work].advice : ALERT_KINDS.work_failed.title),
        actions: [
          `POST /api/v1/admin/work/retry ${JSON.stringify({ work, subject })}`,
          shell`holdfast work retry ${work} ${subject}`,
        ],
      };
    }
    case 'ledger_tampered':
      if (id === 'ledger_fold')
        return {
          why: `A month of the ledger that is older than the retention was not summed up: ${list(details, 'first').join(', ')}`,
          next: 'Find out who wrote to the database besides Holdfast, and restore what was changed from a backup. This ends when the month is summed up, or when a full check of the seals finds nothing.',
          actions: ['holdfast verify --seals'],
        };
      return {
        why: `${text(details, 'findings')} sealed rows, seals or opening balances of the ${SEALED_WORDS[id] ?? 'ledger'} are not as they were made.`,
        next: 'Find out who wrote to the database besides Holdfast, and restore what was changed from a backup. This ends when a check of the seals finds nothing.',
        actions: [request`GET /api/v1/jobs/${text(details, 'jobId')}/findings`, 'holdfast verify --seals'],
      };
    case 'ledger_drift':
      return {
        why: `The counters of ${id} differ from the ledger.`,
        next: 'Read what the check found, apply the repair script, and check again. This ends when the check finds nothing.',
        actions: ['holdfast verify', place(id)],
      };
    case 'recall':
    case 'count_short':
      return {
        why: `${text(details, 'why')} ${text(details, 'total')} promises at ${id} were changed.`.trim(),
        next: 'Tell those who were affected. This ends when no such hold is open at the place: release or write off its units, or decide the count.',
        actions: [request`GET /api/v1/inventory/alerts/${alertId ?? ''}/affected`, place(id)],
      };
    case 'transfer_overdue':
      return {
        why: `${text(details, 'total')} transfers to ${id} should have arrived.`,
        next: 'Ask where they are. Receive what has come; cancel what is lost.',
        actions: list(details, 'transferIds').flatMap((transferId) => [
          request`POST /api/v1/transfers/${transferId}/receive`,
          request`POST /api/v1/transfers/${transferId}/cancel`,
        ]),
      };
    case 'expiry_near':
      return {
        why: `${text(details, 'total')} lots on sale at ${id} expire soon.`,
        next: 'Sell them first or take them off sale. Once past their day they are put on hold by themselves.',
        actions: [place(id)],
      };
    case 'reservation_stopped':
      return {
        why: `The reservation keeps ${text(details, 'units')} units and has neither shipped nor been released for ${text(details, 'days')} days.`,
        next: 'Ask who made it, then ship or release it. This ends within ten minutes after that.',
        actions: [
          request`POST /api/v1/reservations/${id}/ship`,
          request`POST /api/v1/reservations/${id}/release`,
          shell`holdfast why reservation ${id}`,
        ],
      };
  }
}

/** Of a kind that another version of the program has raised: what its alert says. */
export function wordsOfUnknown({ alertId, details }: Told): WaitingWords {
  return {
    why: text(details, 'why') || JSON.stringify(details),
    next: text(details, 'next') || text(details, 'advice') || 'Look at the alert.',
    actions: [request`GET /api/v1/inventory/alerts (${alertId ?? ''})`],
  };
}

function isWork(word: string): word is Work {
  return word in WORK;
}

function text(details: Details, name: string): string {
  const value = details[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function list(details: Details, name: string): string[] {
  const value = details[name];
  return Array.isArray(value) ? value.map(String) : [];
}

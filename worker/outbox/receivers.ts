import { shipmentsAreOverdue } from '../../domain/fulfilment/book';
import { continueErasure, eraseAgain } from '../../domain/erasure/erase';
import type { Mailer } from '../../domain/identity/accounts/types';
import { withdrawContactMails } from '../../domain/notifications/contacts';
import { mailsAreDue } from '../../domain/notifications/dispatch';
import { planAccountMail } from '../../domain/notifications/plan';
import { drainAllocation } from '../../domain/ordering/backorders/drain-allocation';
import { stock } from '../../domain/ordering/backorders/stock-with-backorders';
import { SETTLE_SOON_MS, settlePromised } from '../../domain/ordering/promised/settle-promised';
import { reservationsAreOverdue } from '../../domain/stock/reservations/expire';
import { webhooksAreDue } from '../../domain/webhooks/dispatch';
import { settleCount } from '../../domain/warehousing/counting/settle-count';
import { enqueue, type OutboxTopic, type OutboxTopics } from '../../platform/database/outbox';
import type { Logger } from '../../platform/telemetry/log';
import { ensureJobWorkflow } from '../ensure/ensure-job-workflow';
import { wakeOrder, type EnsureOrderContext } from '../ensure/ensure-order-workflow';
import { ensureReturnWorkflow } from '../ensure/ensure-return-workflow';
import { ensureTransferWorkflow } from '../ensure/ensure-transfer-workflow';
import {
  signalDispatcher,
  signalMailDispatcher,
  signalReservationExpiry,
  signalWebhookDispatcher,
} from '../ensure/signal-standing-workflows';

/** Of a topic whose messages are each about one thing. */
export interface KeyedReceiver<Key extends string = string> {
  /** What the key of a message is, in logs. */
  key: Key;
  /** Does what a message asks for; again is harmless. The message is delivered again later when it rejects. */
  receive(key: string): Promise<unknown>;
}

/** Of a topic whose messages all ask for the same: one call serves all that wait, and calls are spaced under load. */
export interface CoalescedReceiver {
  key: null;
  receive(): Promise<void>;
  /** The longest pause between two calls under load, milliseconds. */
  longestPauseMs: number;
  /** Looks now and then whether something waits that no message has led to: called as for a message then, or `receive` of its own. */
  overdue: { everyMs: number; look(): Promise<boolean>; receive?(): Promise<void> };
}

export type Receiver = KeyedReceiver | CoalescedReceiver;

/** One receiver for each topic. */
export type Receivers = {
  readonly [Topic in OutboxTopic]: OutboxTopics[Topic] extends string
    ? KeyedReceiver<OutboxTopics[Topic]>
    : CoalescedReceiver;
};

export type ReceiverContext = EnsureOrderContext & {
  log: Logger;
  /** Null: mails wait until there is one. */
  mailer: Mailer | null;
  /** Books shipments in this process; false: the dispatcher is to do the rest. */
  bookAtOnce(): Promise<boolean>;
};

/** Erasures that run at once in a process: each is long, and all of them are not in a hurry. They leave the relay's places to the others. */
const ERASURES_AT_ONCE = 2;
const ERASURES_WAIT_SECONDS = 10;
const LONGEST_PAUSE_MS = 250;
/** A message is not lost, but the engine may lose its state, and a claim its worker. */
const SHIPMENTS_OVERDUE_SECONDS = 30;
/** An expiry that runs frees a reservation within half a second: somebody may have ended it by hand. */
const RESERVATIONS_OVERDUE_SECONDS = 1;
/** Both together, and the start of the expiry, stay below the 2 s within which stock is promised to be free. */
const RESERVATIONS_LOOK_MS = 500;

/** The dispatcher goes on for two seconds after it has found nothing: under load it needs no signal. */
const WEBHOOKS_PAUSE_MS = 1_000;
const WEBHOOKS_LOOK_MS = 10_000;
/** So does that of mails. */
const MAILS_PAUSE_MS = 1_000;
const MAILS_LOOK_MS = 10_000;

/** What is done with the messages of each topic. A new topic is one entry here. */
export function createReceivers(context: ReceiverContext): Receivers {
  const { db, mailer } = context;
  const sendsMail = mailer !== null;
  const eraseUser = fewAtOnce(
    (id) => continueErasure({ db, mailer }, id),
    (id) => db.retrying((tx) => enqueue(tx, [{ topic: 'user.erase', key: id }], ERASURES_WAIT_SECONDS)),
  );
  return {
    'order.wake': { key: 'orderId', receive: (orderId) => wakeOrder(context, orderId) },
    'job.start': { key: 'jobId', receive: (jobId) => ensureJobWorkflow(context, jobId) },
    'transfer.wake': { key: 'transferId', receive: (id) => ensureTransferWorkflow(context, id) },
    'return.wake': { key: 'returnId', receive: (id) => ensureReturnWorkflow(context, id) },
    'count.settle': {
      key: 'sheetId',
      receive: (id) =>
        settleCount({ db, stock }, id, (key, limits) => settlePromised(db, key, limits), {
          withinMs: SETTLE_SOON_MS,
        }),
    },
    'account-mail.send': { key: 'mailId', receive: (id) => planAccountMail(db, id, { sendsMail }) },
    'user.erase': { key: 'userId', receive: eraseUser },
    'contact-mails.withdraw': {
      key: 'orderId',
      receive: (id) => withdrawContactMails(db, mailer, [id]),
    },
    'order.erase': { key: 'orderId', receive: (id) => eraseAgain(db, id) },
    'allocation.drain': { key: 'reservationId', receive: (id) => drainAllocation(db, id) },
    'shipments.ready': {
      key: null,
      async receive() {
        if (!(await context.bookAtOnce())) await signalDispatcher(context);
      },
      longestPauseMs: LONGEST_PAUSE_MS,
      overdue: {
        everyMs: SHIPMENTS_OVERDUE_SECONDS * 1_000,
        look: () => shipmentsAreOverdue(db, SHIPMENTS_OVERDUE_SECONDS),
        // It also finds shipments whose carrier is not set up.
        receive: () => signalDispatcher(context),
      },
    },
    'reservations.due': {
      key: null,
      receive: () => signalReservationExpiry(context),
      longestPauseMs: LONGEST_PAUSE_MS,
      overdue: {
        everyMs: RESERVATIONS_LOOK_MS,
        look: () => reservationsAreOverdue(db, RESERVATIONS_OVERDUE_SECONDS),
      },
    },
    'webhooks.ready': {
      key: null,
      receive: () => signalWebhookDispatcher(context),
      longestPauseMs: WEBHOOKS_PAUSE_MS,
      overdue: { everyMs: WEBHOOKS_LOOK_MS, look: () => webhooksAreDue(db) },
    },
    'mails.ready': {
      key: null,
      receive: () => signalMailDispatcher(context),
      longestPauseMs: MAILS_PAUSE_MS,
      overdue: { everyMs: MAILS_LOOK_MS, look: async () => sendsMail && (await mailsAreDue(db)) },
    },
  };
}

/** Runs `work` for at most `ERASURES_AT_ONCE` keys at once; the others are put off. */
function fewAtOnce(
  work: (key: string) => Promise<unknown>,
  putOff: (key: string) => Promise<unknown>,
): KeyedReceiver['receive'] {
  let running = 0;
  return async (key) => {
    if (running >= ERASURES_AT_ONCE) return putOff(key);
    running += 1;
    try {
      return await work(key);
    } finally {
      running -= 1;
    }
  };
}

import type { Database } from '../../platform/database/database';
import { nextPause } from '../../platform/delivery-pauses';
import { asError, messageOf } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { serveReady } from '../../platform/serve-ready';
import type { Logger } from '../../platform/telemetry/log';
import { giveUpMail, sendAccountMail } from '../identity/accounts/mails';
import { hashOfAddress } from '../identity/accounts/reach';
import { MailRefused, type Mail, type Mailer } from '../identity/accounts/types';
import { markBounced } from './bounces';
import { composeMail } from './compose';
import {
  endMail,
  leaseMail,
  noteTry,
  postponeMail,
  selectMsLeft,
  selectReady,
  type LeasedMail,
} from './dispatch-queries';
import { SECURITY_KIND, type MailEnd, type MailOutcome, type MailRound } from './types';

export {
  countWaiting as countMailsWaiting,
  selectDueSeconds as mailsDueSeconds,
  selectFailingSeconds as mailsFailingSeconds,
} from './dispatch-queries';

export interface MailContext {
  db: Database;
  /** Null: none is set up, and nothing is sent. */
  mailer: Mailer | null;
  /** Pages that take the tokens of mails. */
  pagesUrl: string | undefined;
  /** Called once what became of a try is written. */
  onTried?: (outcome: MailOutcome) => void;
}

/** Mails that one process sends at once: as many as the mailer has connections. */
export const MAILS_AT_ONCE = 5;
/** Longer than a mailer takes for one mail with what is written of it: a dispatcher that dies has its mails taken over so much later. */
const LEASE_SECONDS = 120;
/** Of what a server answers so much is kept. */
const ANSWER_CHARS = 500;

/** Whether a mail is due that nobody sends. */
export async function mailsAreDue(db: Database): Promise<boolean> {
  return (await selectReady(db, 1)).length > 0;
}

/** Whether a mail waits for its time. */
export async function mailsWait(db: Database): Promise<boolean> {
  return (await selectMsLeft(db)) !== null;
}

/** Sends the mails that are due, several at once, until none has been due for a while or `signal` is aborted. */
export async function dispatchMails(
  context: MailContext,
  { signal, log, withinMs }: { signal: AbortSignal; log: Pick<Logger, 'error'>; withinMs: number },
): Promise<MailRound> {
  const { db, mailer } = context;
  const total = { sent: 0, failed: 0 };
  if (mailer === null) return { ...total, msLeft: null };
  await serveReady(
    {
      ready: (limit) => selectReady(db, limit),
      async serve(id) {
        const outcome = await sendMail({ ...context, mailer }, id);
        if (outcome === 'sent') total.sent += 1;
        else if (outcome !== null) total.failed += 1;
      },
      failed(id, error) {
        log.error(
          { err: error, mailId: id },
          'a mail could not be sent by an error of ours; the others go on',
        );
        return Promise.resolve();
      },
      atOnce: MAILS_AT_ONCE,
    },
    { signal, withinMs },
  );
  return { ...total, msLeft: await selectMsLeft(db) };
}

/**
 * Sends one mail that is due and writes what became of it; null: somebody else sends it, or it has ended. A process that dies after the
 * server has taken it sends it again, under the same Message-ID.
 */
export async function sendMail(
  context: MailContext & { mailer: Mailer },
  id: string,
): Promise<MailOutcome | null> {
  const { db, onTried } = context;
  const lease = newId();
  const mail = await leaseMail(db, { id, lease, seconds: LEASE_SECONDS });
  if (!mail) return null;
  const tried = await trySending(context, mail);
  const outcome = await record(db, mail, lease, tried);
  if (outcome !== null) onTried?.(outcome);
  // Of ours, before anything went out: it counts as a try, so that it ends, and is logged.
  if (tried.to === null && tried.error !== null) throw asError(tried.error);
  return outcome;
}

interface Tried {
  /** To whom; null: to nobody, or it has not come so far. */
  to: string | null;
  /** Null: it was taken. */
  error: unknown;
  /** A process that has died had sent it. */
  wasSent?: boolean;
}

async function trySending(
  { db, mailer, pagesUrl }: MailContext & { mailer: Mailer },
  mail: LeasedMail,
): Promise<Tried> {
  const addressed: { to: string | null } = { to: null };
  const seen: Pick<Mailer, 'send'> = {
    send(made: Mail) {
      addressed.to = made.to;
      return mailer.send(made);
    },
  };
  try {
    if (mail.kind === SECURITY_KIND) {
      const sent = await sendAccountMail({ db, mailer: seen, pagesUrl }, mail.id);
      return { ...addressed, error: null, wasSent: sent === 'sent_before' };
    }
    const made = mail.isStale ? null : await composeMail(db, mail, { kind: mail.kind, pagesUrl });
    if (made) await seen.send(made);
    return { ...addressed, error: null };
  } catch (error) {
    return { ...addressed, error };
  }
}

/** Null: somebody else has the mail by now. */
function record(db: Database, mail: LeasedMail, lease: string, tried: Tried): Promise<MailOutcome | null> {
  const { id, userId, kind } = mail;
  const { to, error } = tried;
  return db.retrying(async (tx) => {
    const addressHash = to === null ? null : hashOfAddress(to);
    const answer = error === null ? null : messageOf(error).replaceAll('\0', '').slice(0, ANSWER_CHARS);
    const seconds = await noteTry(tx, { id, lease, addressHash, answer });
    if (seconds === undefined) return null;
    const outcome = outcomeOf(tried, { tries: mail.tries + 1, seconds });
    if (typeof outcome === 'number') {
      await postponeMail(tx, id, outcome);
      return 'postponed';
    }
    await endMail(tx, id, outcome);
    if (outcome === 'bounced' && addressHash)
      await markBounced(tx, { userId, addressHash, reason: answer ?? 'refused' });
    if (kind === SECURITY_KIND && outcome !== 'sent') await giveUpMail(tx, id);
    return outcome;
  });
}

/** What becomes of a mail by a try; a number: it is tried again in so many seconds. */
function outcomeOf(
  { to, error, wasSent }: Tried,
  { tries, seconds }: { tries: number; seconds: number },
): MailEnd | number {
  if (wasSent) return 'sent';
  if (error === null) return to === null ? 'suppressed' : 'sent';
  if (error instanceof MailRefused) return error.ofAddress ? 'bounced' : 'failed';
  return nextPause({ tries, seconds, retryAfterSeconds: null, random: Math.random() }) ?? 'failed';
}

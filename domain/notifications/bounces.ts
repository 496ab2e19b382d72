import type { Database, Transaction } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { recordChange } from '../audit/record';
import { markUndeliverable } from '../identity/accounts/reach';
import { suppressBounced } from './contacts';
import { lockSent, setBounced } from './dispatch-queries';

const MESSAGE_ID = /([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/i;

/** The mail that a Message-ID is of, `<id@domain>`; null: it is none of ours. */
function mailOfMessageId(messageId: string): string | null {
  return MESSAGE_ID.exec(messageId)?.[1]?.toLowerCase() ?? null;
}

/**
 * Notes that a mail which a server had taken came back for good: its address is marked, and gets no mail until its owner has another one or
 * confirms it anew. Again it changes nothing.
 *
 * @returns whether the address was marked by it: not where its owner has another one by now, or it was marked before
 * @throws AppError `MAIL_NOT_FOUND` where no mail that was sent, and is kept, has this Message-ID
 */
export async function reportBounce(
  db: Database,
  { messageId, reason, actor }: { messageId: string; reason: string; actor: string },
): Promise<{ marked: boolean }> {
  const id = mailOfMessageId(messageId);
  if (id === null) throw notFound();
  return db.retrying(async (tx) => {
    const mail = await lockSent(tx, id);
    if (!mail) throw notFound();
    const { userId, addressHash } = mail;
    const isNew = (await setBounced(tx, id, reason)) > 0;
    const marked = addressHash !== null && (await markBounced(tx, { userId, addressHash, reason }));
    if (isNew)
      await recordChange(tx, {
        actor,
        action: 'mail.bounced',
        subject: { type: 'mail', id },
        after: { marked },
      });
    return { marked };
  });
}

/** Marks the address of a mail as one that takes none: of a user, or of the contact of an order. Returns whether it was not known. */
export function markBounced(
  tx: Transaction,
  { userId, ...bounced }: { userId: string | null; addressHash: Buffer; reason: string },
): Promise<boolean> {
  return userId === null
    ? suppressBounced(tx, bounced.addressHash)
    : markUndeliverable(tx, { userId, ...bounced });
}

function notFound(): AppError {
  return new AppError('MAIL_NOT_FOUND', 'No mail that was sent, and is still kept, has this Message-ID.');
}

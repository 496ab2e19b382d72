import { dispatchMails, sendMail, type MailContext } from '../../domain/notifications/dispatch';
import { planAccountMail, planNotifications } from '../../domain/notifications/plan';
import type { MailOutcome, MailRound } from '../../domain/notifications/types';
import { appendEvents } from '../../domain/orders/events';
import type { Database } from '../../platform/database/database';
import type { MailKind } from '../../domain/identity/accounts/types';
import { newId } from '../../platform/ids';
import { numberAll } from '../events/support';
import { addCustomer } from '../identity/people';
import { addPaidOrder, addStock, openTestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { startMailServer, type MailServer } from './mail-server';

export interface MailRow {
  id: string;
  kind: string;
  status: string;
  tries: number;
  answer: string | null;
}

export interface NotifiedShop {
  db: Database;
  server: MailServer;
  context: MailContext;
  /** A customer who has confirmed their address. */
  addPerson(more?: {
    role?: string;
    locale?: string;
    name?: string | null;
  }): Promise<{ id: string; email: string }>;
  /** An order of a customer. */
  addOrder(customerId: string): Promise<string>;
  /** Appends these events to an order, numbers them and tells people. */
  happen(
    orderId: string,
    ...types: (string | { type: string; data: Record<string, unknown> })[]
  ): Promise<void>;
  plan(): Promise<void>;
  /** A round of the dispatcher, until nothing is due. */
  dispatch(context?: MailContext): Promise<MailRound>;
  /** One try of each mail that is due. */
  sendDue(): Promise<(MailOutcome | null)[]>;
  mails(): Promise<MailRow[]>;
  /** As if so many seconds had passed since all mails. */
  letTimePass(seconds: number): Promise<void>;
  close(): Promise<void>;
}

/** Asks for a mail about an account, and has it sent. */
export async function askFor(db: Database, userId: string, kind: MailKind): Promise<void> {
  const id = newId();
  await db.pool.query('insert into account_mails (id, user_id, kind) values ($1, $2, $3)', [
    id,
    userId,
    kind,
  ]);
  await planAccountMail(db, id, { sendsMail: true });
}

/** A shop, and a real SMTP server. */
export async function openNotifiedShop(): Promise<NotifiedShop> {
  const [shop, server] = await Promise.all([openTestShop(), startMailServer()]);
  const { db } = shop;
  const mailer = server.mailer();
  const context: MailContext = { db, mailer, pagesUrl: undefined };
  const plan = async () => {
    await numberAll(db);
    while ((await planNotifications(db, { sendsMail: true })).hasMore);
  };
  await plan();
  let skus = 0;
  const opened: NotifiedShop = {
    db,
    server,
    context,
    async addPerson({ role = 'customer', locale = 'en', name = 'Ada' } = {}) {
      const person = await addCustomer(db);
      await db.pool.query(
        `update users set role = $2, email_confirmed_at = clock_timestamp() where id = $1`,
        [person.id, role],
      );
      await db.pool.query('update user_profiles set locale = $2, name = $3 where user_id = $1', [
        person.id,
        locale,
        name,
      ]);
      return person;
    },
    async addOrder(customerId) {
      const sku = `S${(skus += 1)}`;
      await addStock(db, sku, 'AMS', 5);
      const { orderId } = await addPaidOrder(db, [{ sku, warehouse: 'AMS', quantity: 2 }]);
      await db.pool.query('update orders set customer_id = $2, total_minor = 2000 where id = $1', [
        orderId,
        customerId,
      ]);
      return orderId;
    },
    async happen(orderId, ...types) {
      for (const given of types) {
        const { type, data } = typeof given === 'string' ? { type: given, data: {} } : given;
        await db.transaction((tx) => appendEvents(tx, [{ orderId, type, data }]));
      }
      await plan();
    },
    plan,
    dispatch: (of = context) =>
      dispatchMails(of, { signal: new AbortController().signal, log: testLogger(), withinMs: 60_000 }),
    async sendDue() {
      const { rows } = await db.pool.query<{ id: string }>(
        `select id from mails where status = 'pending' and next_try_at <= clock_timestamp() order by next_try_at, id`,
      );
      return Promise.all(rows.map(({ id }) => sendMail({ ...context, mailer }, id)));
    },
    async mails() {
      const { rows } = await db.pool.query<MailRow>(
        'select id, kind, status, tries, answer from mails order by created_at, id',
      );
      return rows;
    },
    async letTimePass(seconds) {
      await db.pool.query(
        `update mails set next_try_at = next_try_at - make_interval(secs => $1), first_try_at = first_try_at - make_interval(secs => $1),
           leased_until = leased_until - make_interval(secs => $1)`,
        [seconds],
      );
    },
    async close() {
      await Promise.all([...new Set([server, opened.server])].map((one) => one.close()));
      await shop.close();
    },
  };
  return opened;
}

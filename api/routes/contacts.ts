import { changeContact, readContact, removeContact, unsubscribe } from '../../domain/notifications/contacts';
import type { OrderContact } from '../../domain/notifications/types';
import { ORDER_CONTACT, PUBLIC } from '../http/access';
import { API_BASE } from '../http/paths';
import { asNotFound, notFound } from '../http/problems';
import { NO_CONTENT, ok } from '../http/response';
import { route, type Route } from '../http/route';
import { idParams } from '../schemas/common';
import { orderContact, unsubscription } from '../schemas/notifications';
import { contact } from '../schemas/order-requests';
import type { ApiContext } from '../services/context';

const TAG = 'Notifications';
const PATH = `${API_BASE}/orders/{id}/contact`;
const NO_CONTACT = 'The order has no contact.';

/** Where customers without an account are written to, and how they end that. */
export function contactRoutes({ db }: Pick<ApiContext, 'db'>): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: PATH,
        access: ORDER_CONTACT,
        tag: TAG,
        summary: 'Where the customer of an order gets mails, who has no account',
        params: idParams,
        responses: { 200: { description: 'The contact', schema: orderContact } },
      },
      async ({ params: { id } }) => {
        const found = await readContact(db, id);
        if (!found) throw notFound(NO_CONTACT);
        return ok(shown(found));
      },
    ),
    route(
      {
        methods: ['put'],
        path: PATH,
        access: ORDER_CONTACT,
        tag: TAG,
        summary: 'Give an order another contact',
        description:
          'Mails that are sent from now on go there. An address that took no mail, or whose owner wanted none, is written to again where staff say so.',
        params: idParams,
        body: contact,
        responses: { 200: { description: 'The contact, afterwards', schema: orderContact } },
        problems: ['NOT_FOUND', 'ORDER_ERASED', 'CONTACT_NOT_TAKEN'],
      },
      async ({ params: { id }, body: { email, language }, principal, caller }) =>
        ok(
          shown(
            await changeContact(db, {
              orderId: id,
              contact: { email, locale: language },
              actor: caller,
              lifts: principal.role !== 'service',
            }).catch(asNotFound('UNKNOWN_ORDER', 'There is no such order.')),
          ),
        ),
    ),
    route(
      {
        methods: ['delete'],
        path: PATH,
        access: ORDER_CONTACT,
        tag: TAG,
        summary: 'Forget the contact of an order',
        description: 'Nothing more is sent about the order. Again, it changes nothing.',
        params: idParams,
        responses: { 204: { description: 'The order has none' } },
      },
      async ({ params: { id }, caller }) => {
        await removeContact(db, { orderId: id, actor: caller });
        return NO_CONTENT;
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/mail/unsubscribe`,
        access: PUBLIC,
        tag: TAG,
        summary: 'End mails about orders by the token of one',
        description:
          'To the address that got the mail, of all its orders without an account. Again, it changes nothing. Who has an account says so by the preferences.',
        body: unsubscription,
        responses: { 204: { description: 'No further mail about an order goes there' } },
        problems: ['MAIL_TOKEN_INVALID'],
      },
      async ({ body: { token }, caller }) => {
        await unsubscribe(db, { token, actor: caller });
        return NO_CONTENT;
      },
    ),
  ];
}

function shown({ locale, ...rest }: OrderContact): object {
  return { ...rest, language: locale };
}

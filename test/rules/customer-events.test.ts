import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CUSTOMER_EVENTS, eventForCustomer } from '../../domain/orders/customer-events';
import { ORDER_STATUSES } from '../../domain/orders/types';
import { DISPUTE_STATUSES } from '../../domain/payments/types';

const domain = join(__dirname, '../../domain');

/** The sources that write into the histories of orders. */
const sources = readdirSync(domain, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('customer-events.ts'))
  .map((name) => readFileSync(join(domain, name), 'utf8'))
  .filter((text) => /\b(appendEvents|NewEvent)\b/.test(text));

const named = new Set(
  sources.flatMap((text) =>
    [...text.matchAll(/(?:type|event)(?: =|:)[^;\n]*?'(\w+_\w+)'(?:[^;\n]*?'(\w+_\w+)')?/g)].flatMap(
      ([, one, other]) => [one, other].filter((name) => name !== undefined),
    ),
  ),
);

test('every event that is written by its name says what of it is the customer’s', () => {
  expect(named.size).toBeGreaterThan(30);
  expect([...named].filter((name) => !Object.hasOwn(CUSTOMER_EVENTS, name))).toEqual([]);
});

test('so does every event of a status', () => {
  const statuses = [
    ...ORDER_STATUSES.filter((status) => status !== 'reserved').map((status) => `order_${status}`),
    ...DISPUTE_STATUSES.map((status) => `dispute_${status}`),
  ];
  expect(statuses.filter((name) => !Object.hasOwn(CUSTOMER_EVENTS, name))).toEqual([]);
});

test('no member of any of them says who works here or what they wrote', () => {
  const members = new Set(Object.values(CUSTOMER_EVENTS).flat());
  for (const hidden of ['actor', 'by', 'note', 'reference', 'gatewayRef', 'why', 'results', 'settledAs'])
    expect(members.has(hidden)).toBe(false);
});

describe('an event as its customer sees it', () => {
  const event = {
    seq: 7,
    type: 'review_rejected',
    at: '2026-01-01T00:00:00.000Z',
    actor: 'user:staff',
    data: { actor: 'user:staff', note: 'a known fraudster' },
  };

  test('has number, kind and time, and of its data what the table says', () => {
    expect(eventForCustomer(event, 'user:me')).toEqual({ seq: 7, type: event.type, at: event.at, data: {} });
    const paid = {
      ...event,
      type: 'payment_declined',
      data: { paymentId: 'p', declineCode: 'x', secret: 1 },
    };
    expect(eventForCustomer(paid, 'user:me').data).toEqual({ paymentId: 'p', declineCode: 'x' });
  });

  test('has nothing where its kind is not known', () => {
    for (const type of ['something_new', 'constructor'])
      expect(eventForCustomer({ ...event, type }, 'user:me').data).toEqual({});
  });

  test('is whole where they caused it', () => {
    const own = { ...event, type: 'cancel_requested', actor: 'user:me', data: { reason: 'too late' } };
    expect(eventForCustomer(own, 'user:me')).toEqual(own);
    expect(eventForCustomer(own, 'user:you').data).toEqual({});
  });
});

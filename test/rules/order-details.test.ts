import { nextStep } from '../../domain/ordering/rules';
import type { OrderProgress } from '../../domain/ordering/types';
import { inWords } from '../../domain/ordering/words/rules';

const ORDER: OrderProgress = {
  orderId: 'o-1',
  status: 'reserved',
  failureCode: null,
  reservations: [
    { reservationId: 'r-1', seq: 1, status: 'charging', attempt: 1, expiresAt: '2030-01-01', msLeft: 9_000 },
  ],
  payments: [{ paymentId: 'p-1', status: 'requires_action' }],
  actionMsLeft: 60_000,
  asks: [{ kind: 'charge', id: 'p-1', tries: 3, msLeft: 4_000 }],
  hasPaymentMethod: true,
  cancel: null,
  waitingUnits: 0,
  waitingMsLeft: null,
  reviewMsLeft: null,
  shipments: {},
  stoppableShipments: 0,
  stopMsLeft: null,
  unreleasedShipments: 0,
  doubledShipments: 0,
  cuts: [],
  mayCut: false,
  attention: [],
};
const say = (changes: Partial<OrderProgress> = {}) => {
  const progress = { ...ORDER, ...changes };
  return inWords(nextStep(progress), progress);
};

describe('what an operator reads', () => {
  test('of an order whose customer has not authenticated: until when that is waited for', () => {
    expect(say()).toMatch(/^Waiting for the customer to authenticate until \d{4}-/);
    expect(say()).not.toContain('gateway');
  });

  test.each([
    ['no worker told until when', { actionMsLeft: undefined }],
    [
      'the gateway is asked about something else too',
      { asks: [...ORDER.asks, { ...ORDER.asks[0]!, id: 'p-2' }] },
    ],
  ])('where %s: what the gateway is asked about', (_why, changes) => {
    expect(say(changes)).toMatch(/^Waiting for the payment gateway: charge p-1, asked 3 times/);
  });

  const amendments = [{ requestId: 'a-1', state: 'open' as const, code: null }];
  test.each<[string, Partial<OrderProgress>]>([
    ['the customer', {}],
    ['payment', { asks: [], reservations: [{ ...ORDER.reservations[0]!, status: 'pending' }] }],
    ['shipment', { asks: [], reservations: [{ ...ORDER.reservations[0]!, status: 'confirmed' }] }],
    ['stock', { asks: [], reservations: [], waitingUnits: 2 }],
    ['review', { asks: [], reviewMsLeft: 5_000 }],
  ])('while it waits for %s: also that it is being amended', (_for, changes) => {
    expect(say(changes)).not.toContain('amended');
    expect(say({ ...changes, amendments })).toContain(' It is being amended.');
  });
});

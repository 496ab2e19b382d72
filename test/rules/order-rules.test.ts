import { mayCancel, nextStep, type NextStep } from '../../domain/ordering/rules';
import type { GatewayAsk, ReservationProgress, OrderProgress } from '../../domain/ordering/types';

function hold(id: string, rest: Partial<ReservationProgress> = {}): ReservationProgress {
  const expiresAt = '2030-01-01T00:00:00.000Z';
  return { reservationId: id, seq: 1, status: 'pending', attempt: 0, expiresAt, msLeft: 1_000, ...rest };
}

function progress(rest: Partial<OrderProgress> = {}): OrderProgress {
  return {
    orderId: 'o',
    status: 'reserved',
    failureCode: null,
    reservations: [],
    payments: [],
    asks: [],
    hasPaymentMethod: false,
    cancel: null,
    waitingUnits: 0,
    waitingMsLeft: null,
    shipments: {},
    stoppableShipments: 0,
    stopMsLeft: null,
    stops: [],
    unreleasedShipments: 0,
    attention: [],
    cuts: [],
    mayCut: false,
    amendments: [],
    mayAmend: false,
    mayCapture: false,
    lapseMsLeft: null,
    doubledShipments: 0,
    ...rest,
  };
}

/** One parcel that is being stopped. */
function stopping(msLeft: number): Pick<OrderProgress, 'stopMsLeft' | 'stops'> {
  return { stopMsLeft: msLeft, stops: [{ shipmentId: 's', msLeft }] };
}

function charge(id: string, msLeft = 0): GatewayAsk {
  return { kind: 'charge', id, tries: 1, msLeft };
}

function refund(id: string, msLeft = 0): GatewayAsk {
  return { kind: 'refund', id, tries: 1, msLeft };
}

const CONFIRMED = hold('c', { status: 'confirmed', msLeft: -5 });
const IN_REVIEW = hold('r', { status: 'confirmed', msLeft: -5, isUnshipped: true });

/** Each says only what it is about; what stands above it in the table is more urgent. */
const STEPS: readonly [string, Partial<OrderProgress>, NextStep][] = [
  [
    'a request to cancel ends what has not left',
    { cancel: 'open', reservations: [hold('h')] },
    { do: 'cancel' },
  ],
  ['a request to cancel ends what waits for stock', { cancel: 'open', waitingUnits: 1 }, { do: 'cancel' }],
  [
    'a request to cancel stops what may be stopped',
    { cancel: 'open', status: 'paid', stoppableShipments: 1 },
    { do: 'cancel' },
  ],
  [
    'a request to cancel waits for the carrier',
    { cancel: 'open', status: 'paid', ...stopping(500), reservations: [CONFIRMED] },
    { do: 'wait', for: 'carrier-stop', ms: 500 },
  ],
  [
    'a request to cancel is concluded when nothing more can be ended',
    { cancel: 'open', status: 'fulfilling', reservations: [CONFIRMED] },
    { do: 'conclude-cancel' },
  ],
  [
    'a request to cancel does not wait for the gateway',
    { cancel: 'open', status: 'fulfilling', asks: [refund('r')] },
    { do: 'conclude-cancel' },
  ],
  [
    'a request that was concluded asks for nothing',
    { cancel: 'refused', status: 'paid', stoppableShipments: 1, reservations: [CONFIRMED] },
    { do: 'wait', for: 'shipment', ms: null },
  ],
  [
    'an authorisation that is to be looked up later is waited for, as for the parcel',
    { status: 'paid', reservations: [CONFIRMED], lapseMsLeft: 900, lookMsLeft: 700 },
    { do: 'wait', for: 'shipment', ms: 700 },
  ],
  [
    'one that is due to be looked up is looked up while the parcel is waited for',
    { status: 'paid', reservations: [CONFIRMED], lookMsLeft: null, asks: [charge('p')] },
    { do: 'ask', ask: charge('p') },
  ],
  [
    'an order that has ended does not wait until an authorisation is to be looked up',
    { status: 'fulfilled', lookMsLeft: 700 },
    { do: 'finish' },
  ],
  [
    'a history of before says nothing of authorisations that are to be looked up',
    { status: 'paid', reservations: [CONFIRMED] },
    { do: 'wait', for: 'shipment', ms: null },
  ],
  ['what is stopped is released', { status: 'paid', unreleasedShipments: 1 }, { do: 'release-stopped' }],
  [
    'what is stopped is released also after the order has ended',
    { status: 'cancelled', unreleasedShipments: 1 },
    { do: 'release-stopped' },
  ],
  [
    'a review that is due is decided',
    { status: 'paid', reviewMsLeft: 0, reservations: [IN_REVIEW] },
    { do: 'decide-review' },
  ],
  [
    'a review that is not due is waited for, with whatever else is due sooner',
    { status: 'paid', reviewMsLeft: 900, reservations: [IN_REVIEW, hold('h', { msLeft: 300, attempt: 1 })] },
    { do: 'wait', for: 'review', ms: 300 },
  ],
  [
    'a review of which nothing is authorised is not waited for by time',
    { reviewMsLeft: null, reservations: [hold('h', { msLeft: 300, attempt: 1 })] },
    { do: 'wait', for: 'payment', ms: 300 },
  ],
  [
    'a review is waited for until its deadline',
    { status: 'paid', reviewMsLeft: 900, reservations: [IN_REVIEW] },
    { do: 'wait', for: 'review', ms: 900 },
  ],
  [
    'a review that is due is decided before a later part is charged',
    { status: 'paid', reviewMsLeft: -1, hasPaymentMethod: true, reservations: [IN_REVIEW, hold('h')] },
    { do: 'decide-review' },
  ],
  [
    'a review is nothing to an order that has ended',
    { status: 'cancelled', reviewMsLeft: 0 },
    { do: 'finish' },
  ],
  [
    'a request to cancel ends what waits for its review',
    { cancel: 'open', status: 'paid', reservations: [IN_REVIEW] },
    { do: 'cancel' },
  ],
  [
    'a due reservation expires',
    { reservations: [hold('h', { msLeft: -5 })] },
    { do: 'expire', reservationId: 'h' },
  ],
  [
    'a part that is past due is not charged any more',
    { hasPaymentMethod: true, reservations: [hold('h', { msLeft: 0 })] },
    { do: 'expire', reservationId: 'h' },
  ],
  [
    'a due reservation expires although a gateway does not respond',
    { reservations: [hold('h', { status: 'charging' }), hold('i', { msLeft: 0 })], asks: [charge('p', 900)] },
    { do: 'expire', reservationId: 'i' },
  ],
  [
    'units that have waited for stock until their time are given up',
    { waitingUnits: 2, waitingMsLeft: 0 },
    { do: 'give-up-backorders' },
  ],
  [
    'a time without waiting units is nothing that is due',
    { waitingUnits: 0, waitingMsLeft: 0 },
    { do: 'wait', for: 'stock', ms: null },
  ],
  [
    'a part that was never charged is charged when there is a method',
    { hasPaymentMethod: true, reservations: [hold('h')] },
    { do: 'begin-charge', reservationId: 'h' },
  ],
  [
    'a part is charged while another is being charged',
    {
      hasPaymentMethod: true,
      reservations: [hold('a', { status: 'charging' }), hold('b')],
      asks: [charge('p', 9)],
    },
    { do: 'begin-charge', reservationId: 'b' },
  ],
  [
    'a part that was declined is not charged again without asking',
    { hasPaymentMethod: true, reservations: [hold('h', { attempt: 1 })] },
    { do: 'wait', for: 'payment', ms: 1_000 },
  ],
  [
    'a carrier that is due is asked to stop',
    { status: 'paid', ...stopping(0) },
    { do: 'stop', shipmentId: 's' },
  ],
  [
    'a carrier is asked to stop also after the order has ended',
    { status: 'fulfilled', ...stopping(-1) },
    { do: 'stop', shipmentId: 's' },
  ],
  ['a charge that is due is asked about', { asks: [charge('p')] }, { do: 'ask', ask: charge('p') }],
  [
    'a charge of an order that has ended is still asked about',
    { status: 'failed', asks: [charge('p')] },
    { do: 'ask', ask: charge('p') },
  ],
  [
    'an ended order still gives money back',
    { status: 'cancelled', asks: [refund('r')] },
    { do: 'ask', ask: refund('r') },
  ],
  [
    'one that is not due does not hold up another',
    { status: 'cancelled', asks: [refund('late', 900), refund('due')] },
    { do: 'ask', ask: refund('due') },
  ],
  ['an order that has ended is finished', { status: 'fulfilled' }, { do: 'finish' }],
  [
    'an order that has ended waits for a refund that is not due',
    { status: 'cancelled', asks: [refund('r', 700)] },
    { do: 'wait', for: 'gateway', ms: 700 },
  ],
  [
    'an order that has ended waits for a stop that is not due',
    { status: 'cancelled', ...stopping(700) },
    { do: 'wait', for: 'carrier-stop', ms: 700 },
  ],
  [
    'the waiting units of an order that has ended are not waited for',
    { status: 'cancelled', waitingUnits: 1, waitingMsLeft: 5, asks: [refund('r', 700)] },
    { do: 'wait', for: 'gateway', ms: 700 },
  ],
  [
    'of all that is due later the soonest is waited for',
    {
      reservations: [hold('a', { msLeft: 900 }), hold('b', { msLeft: 300 })],
      asks: [charge('p', 400)],
      ...stopping(500),
      waitingUnits: 1,
      waitingMsLeft: 600,
    },
    { do: 'wait', for: 'carrier-stop', ms: 300 },
  ],
  [
    'what is charged or confirmed does not fall due',
    { reservations: [hold('h', { status: 'charging', msLeft: 5 }), CONFIRMED] },
    { do: 'wait', for: 'shipment', ms: null },
  ],
  ['what has no reservation waits for stock', { waitingUnits: 3 }, { do: 'wait', for: 'stock', ms: null }],
  [
    'what has no reservation waits for stock until its time',
    { waitingUnits: 3, waitingMsLeft: 60 },
    { do: 'wait', for: 'stock', ms: 60 },
  ],
];

describe('the next step', () => {
  test.each(STEPS)('%s', (_name, given, expected) => {
    expect(nextStep(progress(given))).toEqual(expected);
  });

  test('ending comes before undoing, undoing before expiry, expiry before charging, and what calls others comes last', () => {
    const calls = { ...stopping(0), asks: [charge('p')] };
    const fresh = { ...calls, hasPaymentMethod: true, reservations: [hold('new')] };
    const overdue = { ...fresh, waitingUnits: 1, waitingMsLeft: -1 };
    const due = { ...overdue, reservations: [hold('new'), hold('due', { msLeft: -1 })] };
    const stopped = { ...due, unreleasedShipments: 1 };
    const urgencies: [string, Partial<OrderProgress>][] = [
      ['cancel', { ...stopped, cancel: 'open', stoppableShipments: 1 }],
      ['release-stopped', stopped],
      ['decide-review', { ...due, reviewMsLeft: 0 }],
      ['expire', due],
      ['give-up-backorders', overdue],
      ['begin-charge', fresh],
      ['stop', calls],
      ['ask', { asks: calls.asks }],
      ['wait', {}],
    ];
    expect(urgencies.map(([, given]) => nextStep(progress(given)).do)).toEqual(
      urgencies.map(([step]) => step),
    );
  });
});

describe('what is under way', () => {
  test('about one parcel keeps no other from being stopped', () => {
    const stops = [
      { shipmentId: 'hangs', msLeft: -9 },
      { shipmentId: 'due', msLeft: 0 },
      { shipmentId: 'later', msLeft: 30 },
    ];
    const given = progress({ status: 'paid', stopMsLeft: -9, stops });
    expect(nextStep(given, new Set(['hangs']))).toEqual({ do: 'stop', shipmentId: 'due' });
    expect(nextStep(given, new Set(['hangs', 'due']))).toMatchObject({ do: 'wait', ms: 30 });
  });

  test('is not called again, and is not waited for by time', () => {
    const given = progress({ status: 'paid', ...stopping(0), asks: [charge('p'), refund('r', 40)] });
    expect(nextStep(given)).toEqual({ do: 'stop', shipmentId: 's' });
    expect(nextStep(given, new Set(['s']))).toEqual({ do: 'ask', ask: charge('p') });
    expect(nextStep(given, new Set(['s', 'p']))).toEqual({ do: 'wait', for: 'carrier-stop', ms: 40 });
    expect(nextStep(given, new Set(['s', 'p', 'r']))).toEqual({ do: 'wait', for: 'carrier-stop', ms: null });
  });

  test('is waited for before an order is finished', () => {
    const ended = progress({ status: 'cancelled' });
    expect(nextStep(ended, new Set(['p']))).toMatchObject({ do: 'wait', ms: null });
    expect(nextStep(ended)).toEqual({ do: 'finish' });
  });

  test('holds up no step in the rows', () => {
    const underWay = new Set(['s', 'p']);
    const given = progress({ asks: [charge('p')], ...stopping(0), reservations: [hold('h', { msLeft: 0 })] });
    expect(nextStep(given, underWay)).toEqual({ do: 'expire', reservationId: 'h' });
    expect(nextStep({ ...given, unreleasedShipments: 1 }, underWay)).toEqual({ do: 'release-stopped' });
    expect(nextStep({ ...given, cancel: 'open' }, underWay)).toEqual({ do: 'cancel' });
  });
});

describe('units that somebody asked to take out', () => {
  const asked = { cuts: [{ requestId: 'r', isOpen: true, units: 0 }] };
  test.each([
    ['are cut when something can be done about it', { ...asked, mayCut: true }, { do: 'cut' }],
    ['wait while their parcel is being stopped', { ...asked, ...stopping(5) }, { do: 'wait' }],
    [
      'wait behind what will not leave',
      { ...asked, mayCut: true, unreleasedShipments: 1 },
      { do: 'release-stopped' },
    ],
    [
      'that have left all the same are not sent twice',
      { doubledShipments: 1, mayCut: true },
      { do: 'stop-doubled' },
    ],
  ] as [string, Partial<OrderProgress>, Partial<NextStep>][])('%s', (_name, given, step) => {
    expect(nextStep(progress({ status: 'paid', reservations: [CONFIRMED], ...given }))).toMatchObject(step);
  });
});

describe('an amendment', () => {
  test.each([
    ['is gone on with', { mayAmend: true }, { do: 'amend' }],
    ['also once the order has ended', { status: 'cancelled', mayAmend: true }, { do: 'amend' }],
    ['comes after what somebody asked to cut', { mayAmend: true, mayCut: true }, { do: 'cut' }],
    [
      'comes after a cancellation',
      { mayAmend: true, cancel: 'open', stoppableShipments: 1 },
      { do: 'cancel' },
    ],
    [
      'comes before what it added is charged again or expires',
      { mayAmend: true, reservations: [CONFIRMED, hold('h', { msLeft: 0 })] },
      { do: 'amend' },
    ],
    [
      'that added a part lets it be charged',
      { hasPaymentMethod: true, reservations: [CONFIRMED, hold('h', { attempt: 0 })] },
      { do: 'begin-charge', reservationId: 'h' },
    ],
  ] as [string, Partial<OrderProgress>, Partial<NextStep>][])('%s', (_name, given, step) => {
    expect(nextStep(progress({ status: 'paid', reservations: [CONFIRMED], ...given }))).toMatchObject(step);
  });
});

describe('a request to cancel an order is taken', () => {
  test.each([
    [true, { reservations: [hold('h')] }],
    [true, { reservations: [hold('h', { status: 'charging' })] }],
    [true, { waitingUnits: 1 }],
    [true, { status: 'paid', reservations: [IN_REVIEW] }],
    [true, { status: 'fulfilling', stoppableShipments: 1, shipments: { booked: 1, picked_up: 1 } }],
    [true, { status: 'fulfilling', waitingUnits: 1, shipments: { delivered: 1 } }],
    // Being stopped, or refused to: the carrier is asked again by a new request.
    [true, { status: 'paid', reservations: [CONFIRMED], shipments: { voiding: 1 } }],
    [true, { status: 'fulfilling', reservations: [CONFIRMED], shipments: { booked: 1 } }],
    [false, { status: 'fulfilling', shipments: { delivered: 1 } }],
    [false, { status: 'fulfilled', stoppableShipments: 1 }],
    [false, { status: 'cancelled', waitingUnits: 1 }],
  ] as [boolean, Partial<OrderProgress>][])('%s: %j', (endable, given) => {
    expect(mayCancel(progress(given))).toBe(endable);
  });
});

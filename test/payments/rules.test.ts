import { priceOf } from '../../domain/orders/rules';
import {
  authorizationNews,
  disputeBarrier,
  disputeMoves,
  isInFlight,
  refundable,
  refundNews,
} from '../../domain/payments/rules';
import {
  DISPUTE_STATUSES,
  PAYMENT_STATUSES,
  type DisputeStatus,
  type RefundStatus,
} from '../../domain/payments/types';

const PAYMENT = { capturedMinor: 1_000, refundPlannedMinor: 300 };

describe('the word of the gateway about an authorised payment', () => {
  const kept = { isLost: false, isEnding: false, isWhole: false, isOpen: true, unfinished: 0 };
  test.each([
    ['authorized', {}, 'held'],
    ['declined', {}, 'lost'],
    ['captured', {}, 'lost'],
    ['unknown', {}, 'undecided'],
    ['requires_action', {}, 'undecided'],
    [null, {}, 'undecided'],
    // Our own last capture may have ended it.
    ['captured', { isEnding: true, unfinished: 1 }, 'undecided'],
    ['declined', { isEnding: true, unfinished: 1 }, 'lost'],
    // Known, or nothing more is to be taken of it.
    ['declined', { isLost: true }, 'over'],
    ['captured', { isWhole: true }, 'over'],
    ['declined', { isOpen: false }, 'over'],
    ['declined', { isOpen: false, unfinished: 1 }, 'lost'],
    ['captured', { isWhole: true, unfinished: 1 }, 'lost'],
  ] as const)('%s of %j means: %s', (status, rest, news) => {
    expect(authorizationNews({ ...kept, ...rest }, status === null ? null : { status })).toBe(news);
  });
});

test('units cost each quantity times its price', () => {
  expect(priceOf([])).toBe(0);
  expect(
    priceOf([
      { quantity: 3, unitPriceMinor: 250 },
      { quantity: 1, unitPriceMinor: 99 },
    ]),
  ).toBe(849);
});

test.each([
  ['what is asked for where that is left', 200, 200],
  ['all that is left', 700, 700],
  ['no more than is left', 1_000, 700],
  ['nothing, never less, where nothing is asked for', 0, 0],
])('of a payment of 1,000 with 300 planned to go back may be planned %s', (_name, wanted, planned) => {
  expect(refundable(PAYMENT, wanted)).toBe(planned);
  expect(refundable({ ...PAYMENT, refundPlannedMinor: 1_000 }, wanted)).toBe(0);
});

test('a payment is in flight until the gateway has a final outcome', () => {
  expect(PAYMENT_STATUSES.filter((status) => isInFlight({ status }))).toEqual([
    'pending',
    'requires_action',
    'unknown',
  ]);
});

describe('what a gateway tells of a refund by itself', () => {
  const news = (
    status: RefundStatus,
    told: 'pending' | 'succeeded' | 'failed',
    { known = true, settledReference = null as string | null } = {},
  ) =>
    refundNews(
      { status, gatewayRef: known ? 're_1' : 're_0', settledReference },
      { status: told, gatewayRef: 're_1' },
    );

  test.each(['planned', 'pending'] as const)('is looked up while it is %s, whatever it is', (status) => {
    for (const told of ['pending', 'succeeded', 'failed'] as const) {
      expect(news(status, told)).toBe('look');
      expect(news(status, told, { known: false })).toBe('look');
    }
  });

  test('changes one that was made only if that one failed', () => {
    expect(news('succeeded', 'failed')).toBe('failed_later');
    expect(news('succeeded', 'failed', { known: false })).toBe('nothing');
    expect(news('succeeded', 'pending')).toBe('nothing');
  });

  test('changes one that failed only if another was made', () => {
    expect(news('failed', 'pending', { known: false })).toBe('made');
    expect(news('failed', 'succeeded')).toBe('nothing');
    expect(news('failed', 'failed', { known: false })).toBe('nothing');
  });

  test('is one too many where a person has settled it otherwise', () => {
    expect(news('settled_by_hand', 'succeeded', { known: false })).toBe('made_twice');
    expect(news('settled_by_hand', 'succeeded', { known: false, settledReference: 're_1' })).toBe('nothing');
    expect(news('settled_by_hand', 'failed', { known: false })).toBe('nothing');
  });
});

describe('a dispute', () => {
  test('becomes what was said later, and of the same second what is further on', () => {
    const at = (status: DisputeStatus, occurredMs: number) => ({ status, occurredMs });
    expect(disputeMoves(at('lost', 1), at('won', 2))).toBe(true);
    expect(disputeMoves(at('lost', 2), at('needs_response', 1))).toBe(false);
    for (const one of DISPUTE_STATUSES) {
      for (const other of DISPUTE_STATUSES) {
        const [there, back] = [
          disputeMoves(at(one, 1), at(other, 1)),
          disputeMoves(at(other, 1), at(one, 1)),
        ];
        // Whichever comes first, the same is left.
        expect([there, back].filter(Boolean)).toHaveLength(one === other ? 0 : 1);
      }
    }
  });

  const dispute = (status: DisputeStatus, changes = {}) => ({
    gatewayRef: 'dp_1',
    status,
    amountMinor: 600,
    currency: 'USD',
    capturedMinor: 1_000,
    refundedMinor: 0,
    ...changes,
  });
  const barrier = (amountMinor: number, ...disputes: ReturnType<typeof dispute>[]) =>
    disputeBarrier({ amountMinor, currency: 'USD' }, disputes).is;

  test('freezes refunds while the bank decides about the money', () => {
    const frozen = DISPUTE_STATUSES.filter((status) => barrier(1, dispute(status)) === 'frozen');
    expect(frozen).toEqual(['needs_response', 'under_review']);
    expect(barrier(1, dispute('won'), dispute('under_review'))).toBe('frozen');
    expect(barrier(1_000)).toBe('none');
  });

  test('that is lost leaves the rest of the payment', () => {
    expect(barrier(400, dispute('lost'))).toBe('none');
    expect(barrier(401, dispute('lost'))).toBe('gone');
    expect(barrier(101, dispute('lost', { refundedMinor: 300 }))).toBe('gone');
    expect(barrier(100, dispute('lost', { refundedMinor: 300 }))).toBe('none');
    expect(barrier(1, dispute('lost'), dispute('lost', { amountMinor: 400 }))).toBe('gone');
    expect(barrier(1, dispute('lost', { currency: 'EUR', amountMinor: 5 }))).toBe('gone');
  });
});

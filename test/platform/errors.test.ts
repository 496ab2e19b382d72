import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandErrorText } from '../../cli/error-text';
import { EngineTimeoutError } from '../../platform/temporal/bounded-call';
import {
  AppError,
  isAppError,
  isLockTimeout,
  isLostConnection,
  isRetryable,
  isSubjectsOwn,
  isUniqueViolation,
  sqlState,
  translateDatabaseError,
} from '../../platform/errors';

const MIGRATIONS = join(__dirname, '../../migrations');

function withCode(code: string, rest: object = {}): Error {
  return Object.assign(new Error('as the driver says it'), { code, ...rest });
}

const CONSTRAINTS: readonly [string, string][] = [
  ['stock_on_hand_covers_reserved', 'BELOW_RESERVED'],
  ['stock_on_hand_not_negative', 'WOULD_GO_NEGATIVE'],
  ['stock_reserved_not_negative', 'WOULD_GO_NEGATIVE'],
  ['ledger_keys_pkey', 'ALREADY_APPLIED'],
  ['payments_one_in_flight', 'PAYMENT_IN_PROGRESS'],
  ['payments_one_per_reservation', 'ALREADY_PAID'],
  ['refunds_within_capture', 'REFUND_EXCEEDS_CAPTURE'],
  ['services_one_adopts', 'ADOPTED_BY_ANOTHER'],
];

describe('a broken constraint', () => {
  test.each(CONSTRAINTS)('%s means %s, with its cause', (constraint, code) => {
    const cause = withCode('23514', { constraint });
    const translated = translateDatabaseError(cause);
    expect(translated).toBeInstanceOf(AppError);
    expect(translated).toMatchObject({ code, cause });
  });

  test.each(CONSTRAINTS)('%s is in the migrations under this very name', (constraint) => {
    const all = readdirSync(MIGRATIONS)
      .map((file) => readFileSync(join(MIGRATIONS, file), 'utf8'))
      .join('\n');
    // A primary key is named by PostgreSQL after its table.
    expect(all).toContain(constraint === 'ledger_keys_pkey' ? 'create table ledger_keys' : constraint);
  });

  test('without a name of ours stays as it is, and so does whatever is no database error', () => {
    for (const error of [
      withCode('23514', { constraint: 'other' }),
      new Error('plain'),
      'text',
      null,
      undefined,
    ]) {
      expect(translateDatabaseError(error)).toBe(error);
    }
  });
});

describe("whether an error is one subject's own", () => {
  test.each([
    ['a bad value', withCode('22003'), true],
    ['a violated check constraint', withCode('23514', { constraint: 'lots_cover_on_hand' }), true],
    ['a row without a partition', withCode('23514'), false],
    ['a raised error', withCode('P0001'), true],
    ['an error with a code of ours', new AppError('OUT_OF_STOCK', 'Nothing left.'), true],
    ['a lost connection', withCode('08006'), false],
    ['a missing table', withCode('42P01'), false],
  ])('%s', (_, error, own) => expect(isSubjectsOwn(error)).toBe(own));

  test('every error that a function of the schema raises has the name of a constraint', () => {
    const unnamed = readdirSync(MIGRATIONS).flatMap((file) =>
      (readFileSync(join(MIGRATIONS, file), 'utf8').match(/raise (exception|sqlstate)[^;]*;/gi) ?? []).filter(
        (statement) => !/\bconstraint = '\w+'/.test(statement),
      ),
    );
    expect(unnamed).toEqual([]);
  });
});

describe('whether to try again', () => {
  test.each(['08000', '08006', '57P01', '57P02', '57P03', '57P05', '53300', '25P03', '25P04'])(
    'SQLSTATE %s is a lost connection',
    (code) => expect([isLostConnection(withCode(code)), isRetryable(withCode(code))]).toEqual([true, true]),
  );

  test.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT'])(
    "the socket's %s is a lost connection, and no SQLSTATE",
    (code) => {
      expect(isLostConnection(withCode(code))).toBe(true);
      if (code.length !== 5) expect(sqlState(withCode(code))).toBeUndefined();
    },
  );

  test.each([
    'Connection terminated unexpectedly',
    'Client has encountered a connection error and is not queryable',
    'timeout exceeded when trying to connect',
    'timeout expired',
  ])('the driver\'s "%s" is a lost connection', (message) => {
    expect(isRetryable(new Error(message))).toBe(true);
  });

  test.each(['40001', '40P01', '55P03'])('SQLSTATE %s may pass, on the same connection', (code) => {
    expect([isLostConnection(withCode(code)), isRetryable(withCode(code))]).toEqual([false, true]);
  });

  test.each(['23505', '23514', '22003', '57014', '42601', 'P0001'])(
    'SQLSTATE %s would only come again',
    (code) => {
      expect(isRetryable(withCode(code))).toBe(false);
    },
  );

  test("of errors that are none of the database's is no", () => {
    for (const error of [new Error('plain'), 'text', null, undefined, 7])
      expect(isRetryable(error)).toBe(false);
  });

  test('of a lock that was not had in time, or a row that is there already, each is distinguished', () => {
    expect([isLockTimeout(withCode('55P03')), isUniqueViolation(withCode('55P03'))]).toEqual([true, false]);
    expect([isLockTimeout(withCode('23505')), isUniqueViolation(withCode('23505'))]).toEqual([false, true]);
  });
});

test('an error of the product is known by its code', () => {
  const error = new AppError('OUT_OF_STOCK', 'Nothing left.', { sku: 'X' });
  expect(isAppError(error)).toBe(true);
  expect(isAppError(error, 'OUT_OF_STOCK')).toBe(true);
  expect(isAppError(error, 'UNKNOWN_SKU')).toBe(false);
  expect(isAppError(withCode('OUT_OF_STOCK'))).toBe(false);
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({
    name: 'AppError',
    code: 'OUT_OF_STOCK',
    details: { sku: 'X' },
  });
});

test('a Temporal that gives no answer ends a command with a line of text, not with a stack', () => {
  const text = commandErrorText(new EngineTimeoutError(5_000));
  expect(text).toMatch(/^Temporal: .*5000 ms.*holdfast doctor/);
  expect(text).not.toContain('\n');
});

import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { asReserving, asSteps } from '../../activities/failure';
import { stepFailure } from '../../domain/ordering/step-failure';
import { AppError } from '../../platform/errors';

/** As the driver throws it. */
function postgres(code: string, constraint?: string): Error {
  return Object.assign(new Error('update orders set secret = 1'), { code, constraint });
}

/** What the step fails with at its n-th attempt. */
async function atAttempt(attempt: number, error: Error, wrap = asSteps): Promise<unknown> {
  const { step } = wrap({ step: () => Promise.reject(error) }, new Set(['ORDER_NOT_FOUND']));
  const environment = new MockActivityEnvironment(
    { attempt },
    { logger: new DefaultLogger('ERROR', () => undefined) },
  );
  return environment.run(step).catch((failure: unknown) => failure);
}

test('a step that fails each time is given up after some attempts, with words that show no SQL', async () => {
  const error = postgres('55P03');
  expect(await atAttempt(4, error)).toBe(error);
  expect(await atAttempt(5, error)).toMatchObject({
    type: 'STEP_FAILED',
    nonRetryable: true,
    message: 'Its rows are locked by something else (SQLSTATE 55P03).',
    details: [{ isOfOrder: true }],
  });
});

test('what the data itself forbids is given up at once', async () => {
  expect(await atAttempt(1, postgres('23514', 'some_rule'))).toMatchObject({ type: 'STEP_FAILED' });
});

test('a connection that is lost is tried again however often', async () => {
  const error = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  expect(await atAttempt(1_000, error)).toBe(error);
  expect(await atAttempt(1_000, postgres('57P01'))).not.toHaveProperty('type');
});

test('an order that is gone keeps its code', async () => {
  expect(await atAttempt(9, new AppError('ORDER_NOT_FOUND', 'gone'))).toMatchObject({
    type: 'ORDER_NOT_FOUND',
  });
});

test('a reserve is given up for what is wrong with the order itself alone', async () => {
  const lock = postgres('55P03');
  expect(await atAttempt(1_000, lock, asReserving)).toBe(lock);
  expect(await atAttempt(4, postgres('23505'), asReserving)).not.toHaveProperty('type');
  expect(await atAttempt(5, postgres('23505'), asReserving)).toMatchObject({
    type: 'RESERVE_FAILED',
    nonRetryable: true,
  });
});

test.each([
  ['22003', true],
  ['23505', true],
  ['40P01', true],
  ['57014', true],
  ['42P01', false],
  ['53100', false],
  ['58030', false],
  ['25006', false],
  ['57P03', false],
])('SQLSTATE %s concerns this order alone: %s; its words hold no SQL', (code, isOfOrder) => {
  const failure = stepFailure(postgres(code));
  expect(failure).toEqual({ isOfOrder, why: expect.stringContaining(code) as string });
  expect(failure.why).not.toContain('secret');
});

test('a row without a partition fails every order alike; a rule that it breaks does not', () => {
  expect(stepFailure(postgres('23514')).isOfOrder).toBe(false);
  expect(stepFailure(postgres('23514', 'rule')).isOfOrder).toBe(true);
  expect(stepFailure(new TypeError('undefined is not secret'))).toEqual({
    isOfOrder: true,
    why: 'Holdfast itself fails at it.',
  });
});

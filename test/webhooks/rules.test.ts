import { Webhook } from 'standardwebhooks';
import { bodyOf, messageId } from '../../domain/webhooks/message';
import { BODY_BYTES, isTaken } from '../../domain/webhooks/rules';
import { isGivenUp, nextPause } from '../../platform/delivery-pauses';
import { signWebhook, webhookSecretOf } from '../../platform/webhook-signature';

const DAY = 86_400;

test('tries come farther and farther apart, and end within three days of the first', () => {
  let seconds = 0;
  const pauses: number[] = [];
  for (let tries = 1; ; tries++) {
    const pause = nextPause({ tries, seconds, retryAfterSeconds: null, random: 0.5 });
    if (pause === null) break;
    pauses.push(pause);
    seconds += pause;
  }
  expect(pauses[0]).toBe(5);
  expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
  expect(pauses.length).toBeGreaterThanOrEqual(12);
  expect(seconds).toBeGreaterThan(2.5 * DAY);
  expect(seconds).toBeLessThanOrEqual(3 * DAY);
});

test('a pause is not the same for all, and Retry-After is obeyed up to a day', () => {
  const failed = { tries: 1, seconds: 0, retryAfterSeconds: null };
  expect(nextPause({ ...failed, random: 0 })).toBe(4);
  expect(nextPause({ ...failed, random: 1 })).toBeCloseTo(6);
  expect(nextPause({ ...failed, retryAfterSeconds: 600, random: 0 })).toBe(600);
  expect(nextPause({ ...failed, retryAfterSeconds: 1, random: 0 })).toBe(4);
  expect(nextPause({ ...failed, retryAfterSeconds: 10 * DAY, random: 0 })).toBe(DAY);
  expect(nextPause({ tries: 3, seconds: 3 * DAY - 60, retryAfterSeconds: null, random: 0 })).toBeNull();
});

test('only 2xx takes a message; a webhook that took nothing for three days is given up', () => {
  expect([200, 204, 299].every(isTaken)).toBe(true);
  expect([null, 100, 301, 302, 307, 400, 410, 500].some(isTaken)).toBe(false);
  expect([isGivenUp(3 * DAY - 1), isGivenUp(3 * DAY)]).toEqual([false, true]);
});

const event = {
  position: 7,
  type: 'order.paid',
  version: 1,
  at: '2026-05-01T10:00:00.000000Z',
  subject: { type: 'order', id: '1' },
  actor: 'system',
  onBehalfOf: null,
  trace: null,
  data: { seq: 4 },
};

test('a message is verified by the reference library of the specification, by either secret while one is changed', () => {
  const [old, current] = [webhookSecretOf(Buffer.alloc(32, 1)), webhookSecretOf(Buffer.alloc(32, 2))];
  const body = bodyOf(event);
  const headers = { ...signWebhook([current, old], { id: messageId(event.position), body }) };
  for (const secret of [old, current])
    expect(new Webhook(secret).verify(body, headers)).toMatchObject({
      type: 'order.paid',
      timestamp: event.at,
    });
  expect(() => new Webhook(webhookSecretOf(Buffer.alloc(32, 3))).verify(body, headers)).toThrow();
  expect(() => new Webhook(current).verify(body.replace('paid', 'lost'), headers)).toThrow();
});

test('what would be too large comes without its data', () => {
  const large = { ...event, data: { text: 'ü'.repeat(BODY_BYTES / 2) } };
  const body = bodyOf(large);
  expect(Buffer.byteLength(body)).toBeLessThan(1_000);
  expect(JSON.parse(body)).toMatchObject({ position: 7, data: null, dataOmitted: true });
  const fits = { ...event, data: { text: 'x'.repeat(BODY_BYTES - 500) } };
  expect(JSON.parse(bodyOf(fits))).toMatchObject({ data: fits.data });
});

import { isWebhookSecret, signWebhook, verifyWebhook } from '../../platform/webhook-signature';

/** The example of the Standard Webhooks specification's own library. */
const EXAMPLE = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

test('a message is signed as the specification says', () => {
  const { secret, id, body, timestamp, signature } = EXAMPLE;
  const now = new Date(timestamp * 1_000 + 999);
  const headers = signWebhook([secret], { id, body, now });
  expect(headers).toEqual({
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signature,
  });
  expect(verifyWebhook([secret], { headers, body: Buffer.from(body), now })).toBe('valid');
});

test('one of several signatures, by one of several secrets, is enough', () => {
  const secrets = [1, 2, 3].map((byte) => `whsec_${Buffer.alloc(24, byte).toString('base64')}`);
  const [first = '', second = '', third = ''] = secrets;
  const body = '{}';
  const headers = signWebhook([first, second], { id: 'm', body });
  const message = { headers, body: Buffer.from(body) };
  expect(verifyWebhook([third, second], message)).toBe('valid');
  expect(verifyWebhook([third], message)).toBe('invalid');
  expect(verifyWebhook([], message)).toBe('invalid');
  const withOthers = `v1a,abc ${headers['webhook-signature']} v2,abc`;
  expect(
    verifyWebhook([first], { ...message, headers: { ...headers, 'webhook-signature': withOthers } }),
  ).toBe('valid');
});

test.each([
  [EXAMPLE.secret, true],
  [`whsec_${Buffer.alloc(24).toString('base64')}`, true],
  [`whsec_${Buffer.alloc(64).toString('base64')}`, true],
  [`whsec_${Buffer.alloc(23).toString('base64')}`, false],
  [`whsec_${Buffer.alloc(65).toString('base64')}`, false],
  [Buffer.alloc(32).toString('base64'), false],
  ['whsec_not base64 at all, but long enough for one', false],
  ['whsec_', false],
])('%s is a secret: %s', (text, expected) => {
  expect(isWebhookSecret(text)).toBe(expected);
});

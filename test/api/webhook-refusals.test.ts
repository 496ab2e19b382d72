import type { Request } from 'express';
import { createOccasionalLog } from '../../api/http/occasional-log';
import { webhookAuthentication } from '../../api/use-cases/webhook-authentication';
import { recordingLogger } from '../support/recording-logger';

test('what callers can cause at will is logged once a minute for each key', () => {
  let now = 0;
  const { log, messages } = recordingLogger();
  const warn = createOccasionalLog(log, () => now);
  for (let i = 0; i < 100; i++) warn('stripe missing', {}, 'one');
  warn('stripe invalid', {}, 'other');
  expect(messages).toEqual(['one', 'other']);
  now = 60_000;
  for (let i = 0; i < 100; i++) warn('stripe missing', {}, 'one');
  expect(messages).toEqual(['one', 'other', 'one']);
});

test('a refused webhook is told of with its reason and the setting, and the sender is told no setting', () => {
  const { log, messages } = recordingLogger();
  const refused: string[] = [];
  const { beforeBody } = webhookAuthentication({
    kind: 'gateway',
    setting: 'SOME_SECRETS',
    senderOf: () => null,
    refused: (name) => refused.push(name),
    log,
  });
  const request = { params: { name: 'stripe' } } as unknown as Request;
  for (let i = 0; i < 3; i++)
    expect(() => {
      beforeBody(request);
    }).toThrow(/^No secret is set for this gateway\.$/);
  expect(messages).toEqual(["a gateway's message is refused: SOME_SECRETS is not set"]);
  expect(refused).toEqual(['stripe', 'stripe', 'stripe']);
});

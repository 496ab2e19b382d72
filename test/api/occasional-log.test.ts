import { createOccasionalLog } from '../../api/http/occasional-log';
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

import { checkSettings } from '../../cli/doctor-settings';
import { buildFinding } from '../../cli/doctor-temporal';
import { logSettingWarnings } from '../../cli/setting-warnings';
import { readSettings } from '../../platform/config';
import { CARRIER_SECRETS } from '../support/carrier-signature';
import { recordingLogger } from '../support/recording-logger';

const SIGNING_KEYS_SECRET = Buffer.alloc(32).toString('base64');

const settingsOf = (env: Record<string, string>) =>
  readSettings({ HOLDFAST_HOME: '/nowhere/of-holdfast', SIGNING_KEYS_SECRET, ...env });
function warned(env: Record<string, string>): string {
  const { log, messages } = recordingLogger();
  logSettingWarnings(settingsOf(env), log);
  return messages.join('\n');
}

test('a carrier whose updates would all be refused is told of at start, and by doctor', async () => {
  expect(warned({})).toContain('CARRIER_WEBHOOK_SECRETS');
  expect(await checkSettings(settingsOf({}))).toMatchObject([
    { ok: false, advice: expect.stringContaining('CARRIER_WEBHOOK_SECRETS') as string },
  ]);
  for (const env of [CARRIER_SECRETS, { CARRIER_UPDATES_UNSIGNED: 'allow' }]) {
    expect(warned(env)).toBe('');
    expect(await checkSettings(settingsOf(env))).toMatchObject([{ ok: true }]);
  }
});

test('Stripe without its webhook is told of, also where another gateway takes new charges', async () => {
  const stripe = { ...CARRIER_SECRETS, STRIPE_API_KEY: 'sk_test_1' };
  expect(warned(stripe)).toContain('STRIPE_WEBHOOK_SECRETS');
  expect(warned({ ...stripe, STRIPE_WEBHOOK_SECRETS: 'whsec_1' })).toBe('');
  expect(await checkSettings(settingsOf(stripe))).toMatchObject([
    { ok: true, advice: expect.stringContaining('STRIPE_WEBHOOK_SECRETS') as string },
  ]);
});

test('that nobody can sign in, or that mails wait, is told of, and is not wrong where keys do', async () => {
  expect(warned({ ...CARRIER_SECRETS, SIGNING_KEYS_SECRET: '' })).toContain('SIGNING_KEYS_SECRET');
  const elsewhere = { ...CARRIER_SECRETS, DATABASE_URL: 'postgresql://db/holdfast' };
  expect(warned(elsewhere)).toContain('SMTP_URL');
  expect(warned({ ...elsewhere, MAIL_FOLDER: '/mail' })).toBe('');
  expect(warned({ ...elsewhere, SMTP_URL: 'smtp://mail', MAIL_FROM: 'shop@example.com' })).toBe('');
  expect(await checkSettings(settingsOf(elsewhere))).toMatchObject([{ ok: true }]);
});

test('doctor finds workers that poll and get no work, since another build or none is current', () => {
  expect(buildFinding('new', { orders: ['old', 'new'], jobs: ['new'] })).toMatchObject({ ok: true });
  expect(buildFinding(null, { orders: [null] })).toMatchObject({ ok: true });
  const none = buildFinding(null, { orders: ['new'], jobs: ['new'] });
  expect(none).toMatchObject({ ok: false, advice: expect.stringContaining('holdfast deploy') as string });
  expect(none.detail).toContain('no build is current');
  const stale = buildFinding('old', { orders: ['old', 'new'], payments: ['new'] });
  expect(stale).toMatchObject({ ok: false, detail: expect.stringContaining('payments') as string });
});

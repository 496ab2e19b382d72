import type { Mail } from '../../domain/identity/accounts/types';
import { MailRefused } from '../../domain/identity/accounts/types';
import { readSettings } from '../../platform/config';
import { newId } from '../../platform/ids';
import { headerOf, partsOf, startMailServer, type MailServer, type Refusal } from './mail-server';

let server: MailServer;
beforeEach(async () => {
  server = await startMailServer();
});
afterEach(() => server.close());

const mailTo = (to: string, more: Partial<Mail> = {}): Mail => ({
  id: newId(),
  to,
  subject: 'Hello',
  text: 'Grüße',
  html: '<p>Grüße</p>',
  ...more,
});

test('a mail comes by STARTTLS, with a text and HTML, and the same Message-ID however often it is sent', async () => {
  const mailer = server.mailer();
  const mail = mailTo('ada@example.com');
  await mailer.send(mail);
  await mailer.send(mail);
  expect(server.mails.map(({ to, isSecure }) => [to, isSecure])).toEqual([
    ['ada@example.com', true],
    ['ada@example.com', true],
  ]);
  for (const taken of server.mails) {
    expect(headerOf(taken, 'Message-ID')).toBe(`<${mail.id}@shop.example>`);
    expect(headerOf(taken, 'From')).toBe('Shop <orders@shop.example>');
    expect(headerOf(taken, 'Auto-Submitted')).toBe('auto-generated');
    expect(partsOf(taken).text.trim()).toBe('Grüße');
    expect(partsOf(taken).html.trim()).toBe('<p>Grüße</p>');
  }
});

test('nothing in a mail begins another header', async () => {
  const mailer = server.mailer();
  await mailer.send(mailTo('ada@example.com', { subject: 'Hi\r\nBcc: eve@example.com\r\n\r\nbody' }));
  const [taken] = server.mails;
  expect(taken?.to).toBe('ada@example.com');
  expect(taken && headerOf(taken, 'Bcc')).toBeUndefined();
});

test('without STARTTLS nothing is sent, unless it is switched off', async () => {
  const plain = await startMailServer({ hasTls: false });
  await expect(plain.mailer().send(mailTo('ada@example.com'))).rejects.not.toBeInstanceOf(MailRefused);
  expect(plain.mails).toEqual([]);
  await plain.mailer({ tls: 'off' }).send(mailTo('ada@example.com'));
  expect(plain.mails.map(({ isSecure }) => isSecure)).toEqual([false]);
  await plain.close();
});

test('a certificate that nobody vouches for is refused', async () => {
  const { url } = server;
  const mailer = server.mailer({ url, trusted: { ca: '', servername: 'temporal.test' } });
  await expect(mailer.send(mailTo('ada@example.com'))).rejects.not.toBeInstanceOf(MailRefused);
  expect(server.mails).toEqual([]);
});

test('user and password come from the address; a wrong one is for later', async () => {
  const locked = await startMailServer({ password: 'p@ss:word' });
  const { port } = new URL(locked.url);
  await locked.mailer({ url: `smtp://shop:p%40ss%3Aword@127.0.0.1:${port}` }).send(mailTo('ada@example.com'));
  expect(locked.mails.map(({ user }) => user)).toEqual(['shop']);
  const wrong = locked.mailer({ url: `smtp://shop:wrong@127.0.0.1:${port}` }).send(mailTo('ada@example.com'));
  await expect(wrong).rejects.not.toBeInstanceOf(MailRefused);
  await locked.close();
});

const BY_RECIPIENT: readonly [string, Refusal, 'later' | boolean][] = [
  ['the mailbox is busy', { code: 450, text: '4.2.1 Busy' }, 'later'],
  ['there is no such mailbox', { code: 550, text: '5.1.1 No such user' }, true],
  ['it says no more than no', { code: 550, text: 'No' }, true],
  ['the server does not relay for us', { code: 554, text: '5.7.1 Relay access denied' }, 'later'],
];
const BY_DATA: readonly [string, Refusal, 'later' | boolean][] = [
  ['there is no room just now', { code: 452, text: '4.3.1 Later' }, 'later'],
  ['the mailbox is closed', { code: 554, text: '5.2.1 Disabled' }, true],
  ['its code says that the address is what is wrong', { code: 550, text: '5.1.1 No such user' }, true],
  ['a filter takes it for spam, and says no more', { code: 550, text: 'Rejected as spam' }, false],
  ['of no reason that is known', { code: 554, text: '5.0.0 Transaction failed' }, false],
  ['the mail is too large', { code: 552, text: '5.3.4 Too large' }, false],
];

async function expectVerdict(verdict: 'later' | boolean): Promise<void> {
  const failed: unknown = await server
    .mailer()
    .send(mailTo('ada@example.com'))
    .catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(Error);
  expect(failed instanceof MailRefused ? failed.ofAddress : 'later').toBe(verdict);
}

test.each(BY_RECIPIENT)('a recipient who is refused: %s', async (_, refusal, verdict) => {
  server.onRecipient = () => refusal;
  await expectVerdict(verdict);
});

test.each(BY_DATA)('a mail that is refused: %s', async (_, refusal, verdict) => {
  server.onData = () => refusal;
  await expectVerdict(verdict);
});

test('a server that does not answer costs a mail its time, and the connections are bounded', async () => {
  let answer: () => void = () => undefined;
  const isAnswering = new Promise<void>((resolve) => (answer = resolve));
  server.onData = async ({ to }) => {
    if (to.startsWith('slow')) await isAnswering;
    return null;
  };
  const mailer = server.mailer({ timeoutMs: 500, connections: 2 });
  const slow = ['slow1@example.com', 'slow2@example.com'].map((to) => mailer.send(mailTo(to)));
  const outcomes = await Promise.allSettled(slow);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  // Their places are free again.
  await Promise.all([1, 2, 3, 4].map((n) => mailer.send(mailTo(`p${n}@example.com`))));
  expect(server.mails.map(({ to }) => to).sort()).toEqual([1, 2, 3, 4].map((n) => `p${n}@example.com`));
  expect(server.mostConnections).toBeLessThanOrEqual(4);
  answer();
});

test('a server needs who sends, whose address is one, and goes with no folder', () => {
  const server = { SMTP_URL: 'smtps://shop:secret@mail.example', MAIL_FROM: 'Shop <orders@shop.example>' };
  expect(readSettings(server)).toMatchObject({ ...server, SMTP_TLS: 'required' });
  for (const wrong of [
    { MAIL_FROM: '' },
    { MAIL_FROM: 'Shop' },
    { MAIL_FROM: 'Shop <a@b>\r\nBcc: eve@example.com' },
    { SMTP_URL: 'https://mail.example' },
    { SMTP_TLS: 'perhaps' },
    { MAIL_FOLDER: '/mail' },
  ])
    expect(() => readSettings({ ...server, ...wrong })).toThrow(Object.keys(wrong)[0]);
});

import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { createSmtpMailer, type SmtpMailer } from '../../integrations/smtp-mailer/mailer';

const tls = (name: string) => readFileSync(join(__dirname, '../cli/tls', name), 'utf8');
const TRUSTED = { ca: tls('ca.pem'), servername: 'temporal.test' };

export interface TakenMail {
  to: string;
  /** As it came. */
  source: string;
  isSecure: boolean;
  user: string | undefined;
}

/** What a server says; null: it takes it. */
export type Refusal = { code: number; text: string } | null;

/** A real SMTP server with STARTTLS, on a port of its own. */
export interface MailServer {
  url: string;
  mails: TakenMail[];
  /** How many connections there were at once, at most. */
  mostConnections: number;
  /** What it says to `RCPT TO`. */
  onRecipient(address: string): Refusal;
  /** What it says once it has the whole mail. */
  onData(mail: TakenMail): Refusal | Promise<Refusal>;
  mailer(options?: Partial<Parameters<typeof createSmtpMailer>[0]>): SmtpMailer;
  /** It is away: mailers are told so. */
  stop(): Promise<void>;
  /** The same, with the mailers. */
  close(): Promise<void>;
}

const asError = (refusal: Refusal) =>
  refusal === null ? null : Object.assign(new Error(refusal.text), { responseCode: refusal.code });

export async function startMailServer({
  port = 0,
  hasTls = true,
  password,
}: { port?: number; hasTls?: boolean; password?: string } = {}): Promise<MailServer> {
  const open = new Set<string>();
  const server = new SMTPServer({
    key: tls('server.key.pem'),
    cert: tls('server.pem'),
    disabledCommands: hasTls ? [] : ['STARTTLS'],
    authOptional: password === undefined,
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 100,
    onAuth: (auth, _session, done) =>
      auth.password === password ? done(null, { user: auth.username }) : done(new Error('wrong password')),
    onConnect(session, done) {
      open.add(session.id);
      running.mostConnections = Math.max(running.mostConnections, open.size);
      done();
    },
    onClose: (session) => open.delete(session.id),
    onRcptTo: (address, _session, done) => done(asError(running.onRecipient(address.address))),
    onData(stream, session, done) {
      void text(stream)
        .then(async (source) => {
          const mail = {
            to: session.envelope.rcptTo.map(({ address }) => address).join(),
            source,
            isSecure: session.secure,
            user: typeof session.user === 'string' ? session.user : undefined,
          };
          const refusal = await running.onData(mail);
          if (refusal === null) running.mails.push(mail);
          done(asError(refusal));
        })
        .catch((error: unknown) => done(error instanceof Error ? error : new Error('it failed')));
    },
  });
  // A client that gives up.
  server.on('error', () => undefined);
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', () => done()));
  const address = server.server.address() as AddressInfo;
  const url = `smtp://127.0.0.1:${address.port}`;
  const mailers: SmtpMailer[] = [];
  const running: MailServer = {
    url,
    mails: [],
    mostConnections: 0,
    onRecipient: () => null,
    onData: () => null,
    mailer(options) {
      const mailer = createSmtpMailer({
        url,
        from: 'Shop <orders@shop.example>',
        tls: 'required',
        connections: 2,
        trusted: TRUSTED,
        ...options,
      });
      mailers.push(mailer);
      return mailer;
    },
    stop: () => new Promise<void>((done) => server.close(() => done())),
    async close() {
      for (const mailer of mailers) mailer.close();
      await running.stop();
    },
  };
  return running;
}

/** A member of a mail's head. */
export function headerOf({ source }: TakenMail, name: string): string | undefined {
  const [head = ''] = source.split('\r\n\r\n');
  return new RegExp(`^${name}: (.*(?:\r\n[ \t].*)*)`, 'im').exec(head)?.[1]?.replace(/\r\n[ \t]/g, ' ');
}

/** The parts of a mail, decoded. */
export function partsOf({ source }: TakenMail): { text: string; html: string } {
  const boundary = /boundary="([^"]+)"/.exec(source)?.[1] ?? '';
  const parts = source.split(`--${boundary}`);
  const part = (type: string) => {
    const found = parts.find((each) => each.includes(`Content-Type: ${type}`)) ?? '';
    const [head = '', ...rest] = found.split('\r\n\r\n');
    const body = rest.join('\r\n\r\n');
    if (/base64/i.test(head)) return Buffer.from(body, 'base64').toString('utf8');
    if (!/quoted-printable/i.test(head)) return body;
    const bytes = body
      .replace(/=\r\n/g, '')
      .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
    return Buffer.from(bytes, 'latin1').toString('utf8');
  };
  return { text: part('text/plain'), html: part('text/html') };
}

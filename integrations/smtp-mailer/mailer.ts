import { createTransport } from 'nodemailer';
import { MailRefused, type Mailer } from '../../domain/identity/accounts/types';
import { verdictOf, type SmtpFailure } from './verdict';

export interface SmtpOptions {
  /** `smtp://` or, TLS from the first byte, `smtps://`, with user and password where the server wants them. */
  url: string;
  /** Who sends: an address, or `Name <address>`. */
  from: string;
  /** `required`: STARTTLS is, on `smtp://`; `off`: for a server on this machine, without it. */
  tls: 'required' | 'off';
  /** Connections to the server at most. */
  connections: number;
  /** For one mail, connection and all, milliseconds. */
  timeoutMs?: number;
  /** A certificate that is trusted instead of the usual ones, and the name that the server's has. */
  trusted?: { ca: string; servername: string };
}

const TIMEOUT_MS = 60_000;
const CONNECT_MS = 10_000;
/** Without a byte from the server. */
const SILENT_MS = 30_000;
/** Mails of one connection. */
const MAILS_PER_CONNECTION = 100;

export interface SmtpMailer extends Mailer {
  /** Closes the connections; what is being sent ends with an error. */
  close(): void;
}

/**
 * Sends mails to an SMTP server. The Message-ID of a mail is made of its id: the same mail again has the same. Throws `MailRefused` for what
 * will be refused again; what is thrown else may be tried again.
 */
export function createSmtpMailer(options: SmtpOptions): SmtpMailer {
  const { url, from, tls, connections, timeoutMs = TIMEOUT_MS, trusted } = options;
  const transport = createTransport({
    pool: true,
    ...serverOf(url),
    maxConnections: connections,
    maxMessages: MAILS_PER_CONNECTION,
    // Whether and when it is tried again is for the dispatcher to say.
    maxRequeues: 0,
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SILENT_MS,
    ...(tls === 'required' ? { requireTLS: true } : { ignoreTLS: true }),
    ...(trusted === undefined ? {} : { tls: trusted }),
    // A mail is what is given here, and never a file or an address that its text names.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = domainOf(from);
  return {
    async send({ id, to, subject, text, html }) {
      try {
        await transport.sendMail({
          from,
          to: { name: '', address: to },
          subject,
          text,
          html,
          messageId: `<${id}@${domain}>`,
          // Nobody is to answer it by a machine.
          headers: { 'Auto-Submitted': 'auto-generated' },
          signal: AbortSignal.timeout(timeoutMs),
        });
      } catch (error) {
        throw asThrown(error);
      }
    },
    withdraw: () => Promise.resolve(),
    close: () => transport.close({ force: true }),
  };
}

/** Whom to connect to. Not by the library, which takes any option from the query of an address. */
function serverOf(url: string): {
  host: string;
  port: number;
  secure: boolean;
  auth?: { user: string; pass: string };
} {
  const { protocol, hostname, port, username, password } = new URL(url);
  const secure = protocol === 'smtps:';
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 465 : 587) : Number(port),
    secure,
    ...(username === ''
      ? {}
      : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
  };
}

function asThrown(error: unknown): Error {
  // Of the library, whose errors have these members where a server has answered.
  const failure = error as SmtpFailure;
  const verdict = verdictOf(failure);
  if (verdict === 'later') return failure;
  return new MailRefused(failure.response ?? failure.message, verdict === 'address_refused');
}

/** The domain of an address, or of one in angle brackets. */
function domainOf(from: string): string {
  return /@([^\s@<>]+)>?\s*$/.exec(from)?.[1] ?? 'localhost';
}

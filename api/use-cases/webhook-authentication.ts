import type { Request } from 'express';
import type { SignatureVerdict } from '../../platform/webhook-signature';
import type { Logger } from '../../platform/telemetry/log';
import { createOccasionalLog } from '../http/occasional-log';
import { problem } from '../http/problems';
import type { Authentication } from '../http/route';

/** How messages of one sender are verified. */
export interface WebhookSender {
  /**
   * Verifies a message: `missing` by its headers alone.
   *
   * @param body the bytes as they were sent
   */
  verify(body: Buffer, header: (name: string) => string | undefined): SignatureVerdict;
}

export interface WebhookOptions {
  /** What sends: the name of it in the log. */
  kind: 'carrier' | 'gateway';
  /** The setting with the secrets, for the log. */
  setting: string;
  /** The sender of this name; null where a secret is needed that is not set. @throws `NOT_FOUND` where there is none */
  senderOf(name: string): WebhookSender | null;
  /** A message was refused. */
  refused?(name: string): void;
  log: Logger;
}

type Verdict = SignatureVerdict | 'not set up';

const NO_BYTES = Buffer.alloc(0);

/**
 * Refuses what no secret of the sender has signed. Who does not exist, is not set up, or has signed nothing costs no body. The log
 * tells of refusals, at most once a minute for each sender and reason.
 *
 * @throws `NOT_FOUND`, `WEBHOOK_NOT_SET_UP`, `SIGNATURE_MISSING`, `SIGNATURE_INVALID`, `SIGNATURE_EXPIRED`
 */
export function webhookAuthentication(options: WebhookOptions): Authentication {
  const { kind, setting, senderOf } = options;
  const warn = createOccasionalLog(options.log);

  function verdictOf(req: Request, body: Buffer): { name: string; verdict: Verdict } {
    const name = String(req.params['name']);
    const sender = senderOf(name);
    return { name, verdict: sender ? sender.verify(body, (header) => req.get(header)) : 'not set up' };
  }

  function refuse(name: string, verdict: Exclude<Verdict, 'valid'>): never {
    options.refused?.(name);
    const why = verdict === 'not set up' ? `${setting} is not set` : verdict;
    warn(`${name} ${verdict}`, { [kind]: name, verdict, setting }, `a ${kind}'s message is refused: ${why}`);
    switch (verdict) {
      // Not 401: the sender sends it again for days, and so loses nothing until the secret is set.
      case 'not set up':
        throw problem('WEBHOOK_NOT_SET_UP', `No secret is set for this ${kind}.`);
      case 'missing':
        throw problem('SIGNATURE_MISSING', `Send the signature of the ${kind} in the headers.`);
      case 'invalid':
        throw problem('SIGNATURE_INVALID', `No secret that is set for this ${kind} has signed this body.`);
      case 'expired':
        throw problem('SIGNATURE_EXPIRED', 'It was signed more than five minutes before or after our time.');
    }
  }

  return {
    beforeBody(req) {
      const { name, verdict } = verdictOf(req, NO_BYTES);
      if (verdict === 'not set up' || verdict === 'missing') refuse(name, verdict);
    },
    ofBody(req, body) {
      const { name, verdict } = verdictOf(req, body);
      if (verdict !== 'valid') refuse(name, verdict);
    },
  };
}

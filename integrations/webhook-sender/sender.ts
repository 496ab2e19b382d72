import { request as requestHttp } from 'node:http';
import { request as requestHttps, type RequestOptions } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { WebhookAnswer, WebhookMessage, WebhookSender } from '../../domain/webhooks/types';
import { asError } from '../../platform/errors';
import { hostOf, isOwnMachine, mayReach, NoAnswer, type AllowedNetworks } from './address';
import { createNames, type AddressesOf } from './names';

export interface SenderOptions {
  allowed: AllowedNetworks;
  /** For the whole exchange, milliseconds. */
  timeoutMs: number;
  /** Certificates that are trusted besides those of Node; PEM. */
  ca?: string;
  /** Of names; those of the system's name servers unless given. */
  addressesOf?: AddressesOf;
}

/** Characters of an answer that are kept, and bytes that are read of it. */
const KEPT = 1_000;
const READ_BYTES = 4_096;

/**
 * Sends webhooks by HTTPS. To addresses of the public internet, and of networks that are allowed: what a name resolves to is looked at
 * by the connection itself, so that it is what is connected to. By plain HTTP only to this machine, where that is allowed. No redirect is
 * followed, no connection is kept, and of an answer no more is read than is kept.
 */
export function createWebhookSender({
  allowed,
  timeoutMs,
  ca,
  addressesOf = createNames({ timeoutMs }),
}: SenderOptions): WebhookSender {
  function vet(addresses: readonly string[], protocol: string): void {
    if (addresses.length === 0) throw new NoAnswer('the name has no address');
    const refused = addresses.find((address) => !mayReach(address, allowed));
    if (refused !== undefined) throw new NoAnswer('the address is not one of the public internet');
    if (protocol === 'http:' && !addresses.every(isOwnMachine))
      throw new NoAnswer('plain HTTP is for this machine only');
  }

  /** Resolves a name for a connection, which takes one of the addresses that were looked at. */
  function vettedLookup(protocol: string): LookupFunction {
    return (name, options, done) => {
      const vetted = addressesOf(name).then((addresses) => {
        vet(addresses, protocol);
        return addresses.map((address) => ({ address, family: isIP(address) }));
      });
      vetted.then(
        (found) => {
          const [first] = found;
          if (options.all) done(null, found);
          else if (first) done(null, first.address, first.family);
        },
        (error: unknown) => done(asError(error), ''),
      );
    };
  }

  return async (message) => {
    const began = performance.now();
    const answered = await exchange(message).catch(asFailure);
    return { ...answered, millis: performance.now() - began };
  };

  async function exchange({ url, headers, body }: WebhookMessage): Promise<Omit<WebhookAnswer, 'millis'>> {
    const address = new URL(url);
    const { protocol, port, pathname, search } = address;
    const host = hostOf(address);
    // A connection to an address looks up no name.
    if (isIP(host) !== 0) vet([host], protocol);
    const options: RequestOptions = {
      method: 'POST',
      host,
      port,
      path: `${pathname}${search}`,
      headers: { ...headers, host: address.host, 'content-length': Buffer.byteLength(body) },
      lookup: vettedLookup(protocol),
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      ...(ca === undefined ? {} : { ca }),
    };
    return await new Promise((done, fail) => {
      let failed = fail;
      const request = (protocol === 'http:' ? requestHttp : requestHttps)(options, (response) => {
        const chunks: Buffer[] = [];
        let read = 0;
        const finish = () => {
          done({
            status: response.statusCode ?? null,
            body: Buffer.concat(chunks).toString('utf8').replaceAll('\0', '').slice(0, KEPT),
            retryAfterSeconds: retryAfterOf(response.headers['retry-after']),
            error: null,
          });
          request.destroy();
        };
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk.subarray(0, READ_BYTES - read));
          read += chunk.length;
          if (read >= READ_BYTES) finish();
        });
        response.on('end', finish);
        // Its status counts, whether or not the rest of it comes.
        response.on('error', finish);
        response.on('close', finish);
        failed = finish;
      });
      request.on('error', (error) => failed(error));
      // Node ends a connection that the receiver switches to another protocol (101) without an error and without a response.
      request.on('close', () => {
        if (failed === fail) fail(new NoAnswer('the receiver ended the connection without an answer'));
      });
      request.end(body);
    });
  }
}

function asFailure(error: unknown): Omit<WebhookAnswer, 'millis'> {
  return { status: null, body: null, retryAfterSeconds: null, error: wordsOf(error) };
}

/** Without addresses of the inside. */
function wordsOf(error: unknown): string {
  if (error instanceof NoAnswer) return error.message;
  if (!(error instanceof Error)) return 'the request failed';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'there was no answer in time';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return `the request failed: ${code}`;
}

/** Seconds, or a date; null: there is none that can be read. */
function retryAfterOf(given: string | undefined): number | null {
  if (given === undefined) return null;
  if (/^\d{1,9}$/.test(given)) return Number(given);
  const at = Date.parse(given);
  return Number.isNaN(at) ? null : Math.max(0, (at - Date.now()) / 1_000);
}
